"""From a workload's events to the rows that a backend runs, on a machine with given CPUs.

Address spaces. A trace names processes by pid. An address space (mm) is one generation of a pid:
an `exit` row ends it (an `exec` tears the old one down and shows that as an `exit` row), and later
rows of that pid belong to a new mm.

Births. A trace shows frees only, so births are derived. The column `live` says how many objects
were left after the call; so before it the mm held `live + n`. What is missing to that, counted
from the `live` of the mm's row before, is born in one alloc row at the time and on the CPU of
that row before; for the first row of an mm, FIRST_ROW_LEAD_NS earlier (not before 0) on the
row's own CPU. So sum(alloc) - sum(freed) of an mm is `live` after each of its rows, never
negative, and 0 after its exit, which frees all that the mm holds. A trace without `live` has 0
in its place: each call frees what was born for it.

Contradictions. Where an mm held more than `live + n` before a row, objects left that no row
shows. The row's `n` and `live` are believed, and one inferred call just before it, on its CPU,
frees the difference; `Replay.inferred_objects` counts those. The shipped recordings have none.

Order. Rows are sorted by time; at equal times they keep the order of the trace, an alloc row
comes after the row it follows and before the row it serves, and the exit of an mm is its last row.
Rows with n = 0 are dropped.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workloads.errors import WorkloadError
from workloads.model import MAX_CPUS, MAX_TIME_NS, PressureCourse, ReaderModel, Workload
from workloads.reader import kinds, numbers

CALL, EXIT, FAULTS, ALLOC = 0, 1, 2, 3
"""Kinds of a row in a Replay."""

_KIND_OF = {"exit": EXIT, "faults": FAULTS}

FIRST_ROW_LEAD_NS = 1_000_000
"""How long before an mm's first row its objects are born. A guess: a shell's child lives for
about 1 ms from fork to its first call that frees an object (recording shell-configure)."""

MAX_ROWS = 2_000_000_000

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scale:
    """How to cut and stretch a workload: `window_ns` (start, length) takes that part of it alone, an
    address space that is older than the window being born at its first row there; `dilation`
    multiplies all times; `replicas` is how many copies run side by side, each on other CPUs, with
    own address spaces and rotated in time by a random phase (the first is not); `loops` is how
    often all of that runs, one after the other, each loop with fresh address spaces. Raises
    WorkloadError for values out of range."""

    dilation: float = 1.0
    replicas: int = 1
    loops: int = 1
    window_ns: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.window_ns is not None and (self.window_ns[0] < 0 or self.window_ns[1] < 1):
            raise WorkloadError(
                f"scale: the window starts at {self.window_ns[0]} ns and is {self.window_ns[1]} ns long; "
                "expected a start from 0 and a length"
            )
        if not 1e-6 <= self.dilation <= 1e6:
            raise WorkloadError(f"scale: dilation is {self.dilation}; expected 0.000001 .. 1000000")
        if not 1 <= self.replicas <= 100_000:
            raise WorkloadError(f"scale: replicas is {self.replicas}; expected 1 .. 100000")
        if not 1 <= self.loops <= 100_000:
            raise WorkloadError(f"scale: loops is {self.loops}; expected 1 .. 100000")


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """The rows of a trial (struct sim_workload in engine.h), as arrays of equal length.

    `t_ns` does not fall. `mm` is 0 .. nr_mms - 1, and -1 in FAULTS rows. `kind` is CALL (n
    objects freed, the address space lives on), EXIT (all n that it holds), FAULTS (n page faults
    on that CPU in the `fault_window_ns` that end at t_ns) or ALLOC (n objects born into the mm).
    """

    t_ns: Int64s
    cpu: Int32s
    mm: Int32s
    kind: npt.NDArray[np.uint8]
    n: Int32s
    nr_mms: int
    duration_ns: int
    fault_window_ns: int
    readers: ReaderModel
    pressure: PressureCourse | None
    inferred_objects: int = 0

    @property
    def objects_freed(self) -> int:
        """Objects that all calls and exits free."""
        return int(self.n[self.kind <= EXIT].sum(dtype=np.int64))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Columns in the making; `t_ns` sorted, `mm` from 0."""

    t_ns: Int64s
    cpu: Int32s
    mm: Int32s
    kind: npt.NDArray[np.uint8]
    n: Int32s
    nr_mms: int
    inferred: int


def replay(workload: Workload, nr_cpus: int, scale: Scale = Scale(), seed: int = 0) -> Replay:
    """Rows for a machine with `nr_cpus` CPUs. CPU c of replica r runs on CPU
    (c + r * workload.nr_cpus) modulo nr_cpus. `seed` decides the replicas' phases.

    Raises WorkloadError if `nr_cpus` is out of range, the scaled workload is too long, or its
    window lies behind its end.
    """
    if scale.window_ns is not None:
        workload = _cut(workload, *scale.window_ns)
    if not 1 <= nr_cpus <= MAX_CPUS:
        raise WorkloadError(f"replay: nr_cpus is {nr_cpus}; expected 1 .. {MAX_CPUS}")
    if workload.duration_ns * max(scale.dilation, 1.0) * scale.loops > MAX_TIME_NS:
        raise WorkloadError(
            f"replay: {workload.name} would last longer than {MAX_TIME_NS} ns; lower dilation or loops"
        )
    if workload.events.num_rows * scale.replicas * scale.loops > MAX_ROWS:
        raise WorkloadError(f"replay: {workload.name}: over {MAX_ROWS} rows; lower replicas or loops")

    span = workload.duration_ns
    phases = [0] + [_phase(seed, r, span) for r in range(1, scale.replicas)]
    events = _columns(workload.events)
    copies = [_derive(_rotated(events, phase, span)) for phase in phases]
    offsets = [(r * workload.nr_cpus, 0) for r in range(scale.replicas)]
    rows = _merge(copies, offsets)
    dilated_span = max(int(span * scale.dilation), 1)
    times = np.floor(rows.t_ns * scale.dilation).astype(np.int64)
    rows = _Rows(times, rows.cpu % nr_cpus, rows.mm, rows.kind, rows.n, rows.nr_mms, rows.inferred)
    if scale.loops > 1:
        rows = _merge([rows] * scale.loops, [(0, k * dilated_span) for k in range(scale.loops)])
    return Replay(
        t_ns=rows.t_ns,
        cpu=rows.cpu,
        mm=rows.mm,
        kind=rows.kind,
        n=rows.n,
        nr_mms=rows.nr_mms,
        duration_ns=dilated_span * scale.loops,
        fault_window_ns=max(int(workload.fault_window_ns * scale.dilation), 1),
        readers=workload.readers,
        pressure=_scaled_pressure(workload.pressure, scale, dilated_span),
        inferred_objects=rows.inferred,
    )


def _cut(workload: Workload, start_ns: int, length_ns: int) -> Workload:
    """Its rows from `start_ns` on, for `length_ns` at most, as a workload of their own."""
    if start_ns >= workload.duration_ns:
        raise WorkloadError(
            f"replay: the window of {workload.name} starts at {start_ns} ns; it ends at {workload.duration_ns} ns"
        )
    length_ns = min(length_ns, workload.duration_ns - start_ns)
    times = numbers(workload.events, "t_ns")
    first, end = np.searchsorted(times, [start_ns, start_ns + length_ns])
    events = workload.events.slice(first, end - first)
    place = events.schema.get_field_index("t_ns")
    moved = pa.array(times[first:end] - start_ns, type=events.schema.field(place).type)
    course = workload.pressure
    if course is not None:
        inside = {t - start_ns: free for t, free in course.points if start_ns < t < start_ns + length_ns}
        ends = {0: course.at(start_ns), length_ns: course.at(start_ns + length_ns)}
        course = PressureCourse(tuple(sorted((ends | inside).items())))
    return dataclasses.replace(
        workload,
        events=events.set_column(place, events.schema.field(place), moved),
        duration_ns=length_ns,
        pressure=course,
    )


def _phase(seed: int, replica: int, span_ns: int) -> int:
    """A bit generator's raw stream is the same in every NumPy release, unlike Generator's methods."""
    return int(np.random.PCG64([abs(seed), int(seed < 0), replica]).random_raw()) % max(span_ns, 1)


@dataclass(frozen=True, slots=True)
class _Events:
    """The trace as arrays. `owner` is the pid, made distinct on both sides of a rotation."""

    t_ns: Int64s
    cpu: Int64s
    owner: Int64s
    kind: npt.NDArray[np.uint8]
    n: Int64s
    live: Int64s


def _columns(table: pa.Table) -> _Events:
    words, code = kinds(table)
    kind = np.array([_KIND_OF.get(word, CALL) for word in words], dtype=np.uint8)[code]
    t_ns, cpu, pid, n, live = (numbers(table, name) for name in ("t_ns", "cpu", "pid", "n", "live"))
    return _Events(t_ns, cpu, pid, kind, n, live)


def _rotated(events: _Events, phase_ns: int, span_ns: int) -> _Events:
    """The trace moved later by `phase_ns`, its end wrapped round to the start. A process that is
    alive at the wrap becomes two: one already at work at time 0, one that does not end."""
    if phase_ns == 0:
        return events
    # Rows exactly at the end of the span would wrap to the phase itself; they keep their order.
    cut = int(np.searchsorted(events.t_ns, span_ns - phase_ns, side="left"))
    order = np.concatenate([np.arange(cut, len(events.t_ns)), np.arange(cut)])
    shift = np.where(order >= cut, phase_ns - span_ns, phase_ns)
    return _Events(
        events.t_ns[order] + shift,
        events.cpu[order],
        events.owner[order] * 2 + (order < cut),
        events.kind[order],
        events.n[order],
        events.live[order],
    )


def _derive(events: _Events) -> _Rows:
    """Address spaces, births and inferred calls, for one copy of a trace."""
    kind, n, live = events.kind, events.n, events.live
    mm, before = _address_spaces(events)
    task = np.flatnonzero(kind != FAULTS)
    first = before[task] < 0
    held = np.where(first, 0, live[before[task]])
    missing = live[task] + n[task] - held

    # Births: beside the row they follow, or some time before the row they serve.
    born, lost = missing > 0, missing < 0
    served, alone = task[born], first[born]
    after = np.where(alone, served, before[served])
    birth_t = np.where(alone, np.maximum(events.t_ns[served] - FIRST_ROW_LEAD_NS, 0), events.t_ns[after])

    # Three parts: rows of the trace, births, inferred calls. At equal times, row i has place 4i;
    # what comes just before it, or follows it, has a place beside that.
    kept, lost_at = np.flatnonzero(n > 0), task[lost]
    source = np.concatenate([kept, after, lost_at])
    place = np.concatenate([4 * kept, np.where(alone, 4 * served - 2, 4 * after + 1), 4 * lost_at - 1])
    t_ns = np.concatenate([events.t_ns[kept], birth_t, events.t_ns[lost_at]])
    kinds = np.concatenate([kind[kept], np.full(len(after), ALLOC), np.full(len(lost_at), CALL)])
    count = np.concatenate([n[kept], missing[born], -missing[lost]])
    order = np.lexsort((place, t_ns))
    return _Rows(
        t_ns[order],
        events.cpu[source][order].astype(np.int32),
        mm[source][order].astype(np.int32),
        kinds[order].astype(np.uint8),
        count[order].astype(np.int32),
        int(mm.max(initial=-1)) + 1,
        int(-missing[lost].sum()),
    )


def _address_spaces(events: _Events) -> tuple[Int64s, Int64s]:
    """For each row: its mm, numbered by first appearance (-1: faults), and the mm's row before it
    (-1: none)."""
    mm = np.full(len(events.kind), -1, dtype=np.int64)
    before = np.full(len(events.kind), -1, dtype=np.int64)
    task = np.flatnonzero(events.kind != FAULTS)
    if len(task) == 0:
        return mm, before
    rows = task[np.argsort(events.owner[task], kind="stable")]  # by owner, then time
    owner = events.owner[rows]
    starts = np.ones(len(rows), dtype=np.bool_)
    starts[1:] = (owner[1:] != owner[:-1]) | (events.kind[rows[:-1]] == EXIT)
    group = np.cumsum(starts) - 1
    rank = np.empty(group[-1] + 1, dtype=np.int64)
    rank[np.argsort(rows[starts], kind="stable")] = np.arange(len(rank))
    mm[rows] = rank[group]
    before[rows[1:]] = np.where(starts[1:], -1, rows[:-1])
    return mm, before


def _merge(copies: list[_Rows], offsets: list[tuple[int, int]]) -> _Rows:
    """Several row sets as one, each moved by its (cpu, t_ns) offset and with its own mms."""
    if len(copies) == 1:
        return copies[0]
    first_mm = np.cumsum([0] + [rows.nr_mms for rows in copies])
    if first_mm[-1] > np.iinfo(np.int32).max:
        raise WorkloadError("replay: more than 2147483647 address spaces; lower replicas or loops")
    t_ns = np.concatenate([rows.t_ns + t for rows, (_, t) in zip(copies, offsets, strict=True)])
    order = np.argsort(t_ns, kind="stable")
    cpu = [rows.cpu + np.int32(c) for rows, (c, _) in zip(copies, offsets, strict=True)]
    mm = [np.where(rows.mm < 0, -1, rows.mm + m) for rows, m in zip(copies, first_mm, strict=False)]
    return _Rows(
        t_ns[order],
        np.concatenate(cpu)[order],
        np.concatenate(mm)[order].astype(np.int32),
        np.concatenate([rows.kind for rows in copies])[order],
        np.concatenate([rows.n for rows in copies])[order],
        int(first_mm[-1]),
        sum(rows.inferred for rows in copies),
    )


def _scaled_pressure(course: PressureCourse | None, scale: Scale, span_ns: int) -> PressureCourse | None:
    """The course stretched, and cut to the span and run again in each loop."""
    if course is None:
        return None
    stretched: dict[int, int] = {}
    for t, free in course.points:
        stretched[int(t * scale.dilation)] = free
    course = PressureCourse(tuple(sorted(stretched.items())))
    if scale.loops == 1:
        return course
    inside = {0: course.at(0), **{t: f for t, f in course.points if t < span_ns}}
    inside[span_ns - 1] = course.at(span_ns - 1)
    loop = sorted(inside.items())
    return PressureCourse(tuple((k * span_ns + t, free) for k in range(scale.loops) for t, free in loop))

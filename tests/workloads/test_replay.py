"""What a replay promises: conservation, `live` reproduced, order, and what scaling keeps."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.traces import Row, rows, workload, workloads
from workloads import PressureCourse, Replay, Scale, Workload, WorkloadError, replay
from workloads.replay import ALLOC, CALL, EXIT, FAULTS, FIRST_ROW_LEAD_NS

Flat = list[tuple[int, int, int, int, int]]


def flat(replayed: Replay) -> Flat:
    """Rows as (t_ns, cpu, mm, kind, n)."""
    columns = (replayed.t_ns, replayed.cpu, replayed.mm, replayed.kind, replayed.n)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def by_hand(trace: list[Row]) -> Flat:
    """The rule of workloads.replay, row by row, in the plainest way."""
    out: list[tuple[int, int, tuple[int, int, int, int, int]]] = []  # time, place at equal times, row
    mm_of: dict[int, int] = {}
    last: dict[int, tuple[int, int]] = {}  # mm to (index, live) of its last row
    nr_mms = 0
    for i, row in enumerate(trace):
        t, cpu, n = row["t_ns"], row["cpu"], row["n"]
        if row["kind"] == "faults":
            if n:
                out.append((t, 4 * i, (t, cpu, -1, FAULTS, n)))
            continue
        if row["pid"] not in mm_of:
            mm_of[row["pid"]] = nr_mms
            nr_mms += 1
        mm = mm_of[row["pid"]]
        before, held = last.get(mm, (None, 0))
        missing = row["live"] + n - held
        if missing > 0 and before is None:
            born = max(t - FIRST_ROW_LEAD_NS, 0)
            out.append((born, 4 * i - 2, (born, cpu, mm, ALLOC, missing)))
        elif missing > 0 and before is not None:
            born = trace[before]["t_ns"]
            out.append((born, 4 * before + 1, (born, trace[before]["cpu"], mm, ALLOC, missing)))
        elif missing < 0:
            out.append((t, 4 * i - 1, (t, cpu, mm, CALL, -missing)))
        if n:
            out.append((t, 4 * i, (t, cpu, mm, EXIT if row["kind"] == "exit" else CALL, n)))
        last[mm] = (i, row["live"])
        if row["kind"] == "exit":
            del mm_of[row["pid"]]
    return [row for _, _, row in sorted(out, key=lambda item: item[:2])]


def check_conservation(replayed: Replay) -> None:
    """Never less than nothing, nothing after an exit, and an exit is the mm's last row."""
    held: Counter[int] = Counter()
    ended: set[int] = set()
    for _, _, mm, kind, n in flat(replayed):
        assert n > 0
        if kind == FAULTS:
            assert mm == -1
            continue
        assert 0 <= mm < replayed.nr_mms
        assert mm not in ended
        held[mm] += n if kind == ALLOC else -n
        assert held[mm] >= 0
        if kind == EXIT:
            assert held[mm] == 0
            ended.add(mm)


def check_live(of: Workload, replayed: Replay) -> None:
    """With one copy and no inferred calls: after each row, the mm holds what its `live` says."""
    assert replayed.inferred_objects == 0
    held: Counter[int] = Counter()
    trace = (row for row in of.events.to_pylist() if row["n"] > 0)
    for t, _, mm, kind, n in flat(replayed):
        held[mm] += n if kind == ALLOC else -n
        if kind != ALLOC:
            row = next(trace)
            assert (t, n) == (row["t_ns"], row["n"])
            assert kind == FAULTS or held[mm] == row["live"]
    assert next(trace, None) is None


@given(rows())
def test_equals_the_rule_applied_row_by_row(trace: list[Row]) -> None:
    assert flat(replay(workload(trace), 4)) == by_hand(trace)


@given(
    workloads(), st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.25, 1.0, 3.5]), st.integers(1, 9)
)
def test_conserves_objects_at_any_scale(
    of: Workload, replicas: int, loops: int, dilation: float, nr_cpus: int
) -> None:
    replayed = replay(of, nr_cpus, Scale(dilation, replicas, loops), seed=5)
    check_conservation(replayed)
    assert (np.diff(replayed.t_ns) >= 0).all()
    assert replayed.t_ns.min(initial=0) >= 0
    assert replayed.t_ns.max(initial=0) <= replayed.duration_ns
    assert replayed.cpu.min(initial=0) >= 0
    assert replayed.cpu.max(initial=0) < nr_cpus


@given(workloads(consistent=True))
def test_reproduces_live_at_every_row(of: Workload) -> None:
    check_live(of, replay(of, 4))


@given(rows())
def test_contradictions_are_counted_and_rows_believed(trace: list[Row]) -> None:
    replayed = replay(workload(trace), 4)
    freed = sum(row["n"] for row in trace if row["kind"] != "faults")
    assert replayed.objects_freed == freed + replayed.inferred_objects


def test_a_lost_call_is_inferred_just_before_the_row_that_shows_it() -> None:
    def row(t_ns: int, kind: str, n: int, live: int) -> Row:
        return {"t_ns": t_ns, "cpu": 1, "pid": 7, "tid": 7, "kind": kind, "n": n, "live": live, "comm": ""}

    replayed = replay(workload([row(5_000_000, "munmap", 1, 10), row(6_000_000, "exit", 4, 0)]), 2)
    assert flat(replayed) == [
        (5_000_000 - FIRST_ROW_LEAD_NS, 1, 0, ALLOC, 11),
        (5_000_000, 1, 0, CALL, 1),
        (6_000_000, 1, 0, CALL, 6),
        (6_000_000, 1, 0, EXIT, 4),
    ]
    assert replayed.inferred_objects == 6


def test_an_exec_begins_a_new_address_space() -> None:
    def row(t_ns: int, kind: str, n: int, live: int) -> Row:
        return {"t_ns": t_ns, "cpu": 0, "pid": 7, "tid": 7, "kind": kind, "n": n, "live": live, "comm": ""}

    trace = [row(0, "exit", 24, 0), row(90_000, "exec", 2, 12), row(200_000, "exit", 20, 0)]
    replayed = replay(workload(trace), 1)
    assert replayed.nr_mms == 2
    assert flat(replayed) == [
        (0, 0, 0, ALLOC, 24),
        (0, 0, 0, EXIT, 24),
        (0, 0, 1, ALLOC, 14),
        (90_000, 0, 1, CALL, 2),
        (90_000, 0, 1, ALLOC, 8),
        (200_000, 0, 1, EXIT, 20),
    ]


@given(workloads(), st.integers(0, 3), st.integers(1, 3))
def test_same_input_same_bytes(of: Workload, seed: int, replicas: int) -> None:
    first, second = (replay(of, 3, Scale(replicas=replicas), seed) for _ in range(2))
    for name in ("t_ns", "cpu", "mm", "kind", "n"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


@given(workloads(), st.sampled_from([0.5, 2.0, 10.0]))
def test_dilation_multiplies_times_and_nothing_else(of: Workload, dilation: float) -> None:
    plain, dilated = replay(of, 4), replay(of, 4, Scale(dilation=dilation))
    assert (dilated.t_ns == np.floor(plain.t_ns * dilation)).all()
    assert dilated.duration_ns == max(int(plain.duration_ns * dilation), 1)
    assert dilated.fault_window_ns == max(int(plain.fault_window_ns * dilation), 1)
    for name in ("cpu", "mm", "kind", "n"):
        assert (getattr(dilated, name) == getattr(plain, name)).all()


def lives(replayed: Replay) -> Counter[tuple[tuple[int, int], ...]]:
    """Each mm's (kind, n) rows but its births, as a multiset over mms."""
    of_mm = defaultdict(list)
    for _, _, mm, kind, n in flat(replayed):
        if kind in (CALL, EXIT):
            of_mm[mm].append((kind, n))
    return Counter(map(tuple, of_mm.values()))


@given(workloads(consistent=True), st.integers(2, 4))
def test_replicas_multiply_what_happens(of: Workload, replicas: int) -> None:
    one, many = replay(of, 64), replay(of, 64, Scale(replicas=replicas), seed=3)
    for kind in (CALL, EXIT, FAULTS):
        assert many.n[many.kind == kind].sum() == replicas * one.n[one.kind == kind].sum()
        assert (many.kind == kind).sum() == replicas * (one.kind == kind).sum()
    busy = {cpu for _, cpu, _, kind, _ in flat(one) if kind != ALLOC}
    expected = {cpu + r * of.nr_cpus for cpu in busy for r in range(replicas)}
    assert {cpu for _, cpu, _, kind, _ in flat(many) if kind != ALLOC} == expected


def test_replicas_keep_the_structure_of_every_mm_that_the_phase_does_not_cut() -> None:
    trace = [
        {"t_ns": t, "cpu": 0, "pid": pid, "tid": pid, "kind": kind, "n": n, "live": live, "comm": ""}
        for pid in range(1, 200)
        for t, kind, n, live in (
            (pid * 1000, "munmap", 1, pid + 3),
            (pid * 1000 + 400, "brk", 2, pid + 1),
            (pid * 1000 + 800, "exit", pid + 1, 0),
        )
    ]
    one, many = lives(replay(workload(trace), 8)), lives(replay(workload(trace), 8, Scale(replicas=3)))
    tripled = Counter({life: 3 * count for life, count in one.items()})
    assert (tripled - many).total() <= 2  # one mm may be cut in each of two shifted copies
    assert (one - many).total() == 0


def test_phases_differ_between_replicas_and_seeds() -> None:
    trace = [
        {"t_ns": t, "cpu": 0, "pid": 0, "tid": 0, "kind": "faults", "n": 1, "live": 0, "comm": ""}
        for t in (10, 1_000_000)
    ]
    replayed = [replay(workload(trace), 8, Scale(replicas=3), seed) for seed in (0, 1)]
    times = [[set(r.t_ns[r.cpu == cpu].tolist()) for cpu in range(3)] for r in replayed]
    assert times[0][0] == times[1][0] == {10, 1_000_000}
    assert len({frozenset(t) for t in (*times[0], *times[1])}) == 5


@given(workloads(), st.integers(2, 4))
def test_loops_run_the_same_again_with_fresh_address_spaces(of: Workload, loops: int) -> None:
    one, many = replay(of, 4), replay(of, 4, Scale(loops=loops))
    assert many.nr_mms == loops * one.nr_mms
    assert many.duration_ns == loops * one.duration_ns
    for turn in range(loops):
        chosen = [
            (t - turn * one.duration_ns, cpu, mm - turn * one.nr_mms, kind, n)
            for t, cpu, mm, kind, n in flat(many)
            if turn * one.nr_mms <= mm < (turn + 1) * one.nr_mms
        ]
        assert chosen == [row for row in flat(one) if row[3] != FAULTS]


@given(workloads(), st.integers(1, 3), st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 10_000_000))
def test_pressure_follows_dilation_and_loops(of: Workload, loops: int, dilation: float, at: int) -> None:
    course = PressureCourse(((0, 3000), (10_000_000, 500)))
    scaled = replay(of.with_(pressure=course), 4, Scale(dilation=dilation, loops=loops))
    span = scaled.duration_ns // loops
    at %= span
    for turn in range(loops):
        assert scaled.pressure is not None
        assert abs(scaled.pressure.at(turn * span + at) - course.at(int(at / dilation))) <= 3


def test_readers_and_pressure_are_handed_on_and_can_be_overridden() -> None:
    trace = [{"t_ns": 0, "cpu": 0, "pid": 1, "tid": 1, "kind": "exit", "n": 1, "live": 0, "comm": ""}]
    of = workload(trace)
    course = PressureCourse(((0, 1000),))
    assert replay(of.with_(pressure=course), 1).pressure == course
    assert replay(of.with_(pressure=course).with_(pressure=None), 1).pressure is None
    assert replay(of, 1).readers == of.readers


def test_a_trace_without_live_frees_what_was_born_for_each_call() -> None:
    trace = [
        {"t_ns": t, "cpu": 0, "pid": 1, "tid": 1, "kind": kind, "n": n, "live": 0, "comm": ""}
        for t, kind, n in ((0, "munmap", 3), (10, "munmap", 2), (20, "exit", 9))
    ]
    assert [row[3:] for row in flat(replay(workload(trace), 1))] == [
        (ALLOC, 3),
        (CALL, 3),
        (ALLOC, 2),
        (CALL, 2),
        (ALLOC, 9),
        (EXIT, 9),
    ]


@pytest.mark.parametrize(
    ("scale", "word"),
    [
        ({"dilation": 0.0}, "dilation"),
        ({"dilation": float("nan")}, "dilation"),
        ({"replicas": 0}, "replicas"),
        ({"loops": -1}, "loops"),
    ],
)
def test_scale_out_of_range(scale: dict[str, float], word: str) -> None:
    with pytest.raises(WorkloadError, match=word):
        Scale(**scale)  # type: ignore[arg-type]


def test_too_long_too_many_or_no_cpus() -> None:
    trace = [{"t_ns": 10**12, "cpu": 0, "pid": 1, "tid": 1, "kind": "exit", "n": 1, "live": 0, "comm": ""}]
    of = workload(trace)
    with pytest.raises(WorkloadError, match="lower dilation or loops"):
        replay(of, 1, Scale(dilation=1e6))
    with pytest.raises(WorkloadError, match="lower replicas or loops"):
        replay(workload([trace[0] | {"t_ns": 0}]), 1, Scale(dilation=1e-6, replicas=100_000, loops=100_000))
    with pytest.raises(WorkloadError, match="nr_cpus"):
        replay(of, 0)


def test_types_are_those_of_the_engine() -> None:
    trace = [{"t_ns": 0, "cpu": 0, "pid": 1, "tid": 1, "kind": "exit", "n": 1, "live": 0, "comm": ""}]
    for scale in (Scale(), Scale(2.0, 2, 2)):
        made = replay(workload(trace), 1, scale)
        dtypes = [made.t_ns.dtype, made.cpu.dtype, made.mm.dtype, made.kind.dtype, made.n.dtype]
        assert dtypes == [np.int64, np.int32, np.int32, np.uint8, np.int32]
        assert all(getattr(made, name).flags.c_contiguous for name in ("t_ns", "cpu", "mm", "kind", "n"))
    assert isinstance(workload(trace).events, pa.Table)


# -- windows --------------------------------------------------------------------------------------


@given(workloads(), st.data())
def test_a_window_is_the_workload_of_its_rows(of: Workload, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, of.duration_ns - 1))
    length = data.draw(st.integers(1, 2 * of.duration_ns))
    inside = [row for row in of.events.to_pylist() if start <= row["t_ns"] < start + length]
    cut = replay(of, 4, Scale(window_ns=(start, length)))
    assert flat(cut) == by_hand([row | {"t_ns": row["t_ns"] - start} for row in inside])
    assert cut.duration_ns == min(length, of.duration_ns - start)
    check_conservation(cut)


@given(workloads())
def test_a_window_over_everything_changes_nothing(of: Workload) -> None:
    assert flat(replay(of, 4, Scale(window_ns=(0, of.duration_ns + 1)))) == flat(replay(of, 4))


@given(workloads(), st.data())
def test_pressure_keeps_its_course_in_a_window(of: Workload, data: st.DataObject) -> None:
    course = PressureCourse(((0, 1000), (of.duration_ns + 10, 2000)))
    start = data.draw(st.integers(0, of.duration_ns - 1))
    cut = replay(of.with_(pressure=course), 4, Scale(window_ns=(start, of.duration_ns)))
    assert cut.pressure is not None
    for t in (0, (of.duration_ns - start) // 2, of.duration_ns - start):
        assert abs(cut.pressure.at(t) - course.at(start + t)) <= 1  # permille, rounded down twice


def test_a_window_behind_the_end_is_refused() -> None:
    of = workload([{"t_ns": 5, "cpu": 0, "pid": 1, "tid": 1, "kind": "exit", "n": 1, "live": 0, "comm": "c"}])
    with pytest.raises(WorkloadError, match="starts at 99999999 ns; it ends at"):
        replay(of, 1, Scale(window_ns=(99_999_999, 1)))
    with pytest.raises(WorkloadError, match="the window starts at"):
        Scale(window_ns=(0, 0))

"""What a workload is: events, who reads meanwhile, and how short memory is. Frozen values."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import EllipsisType
from typing import ClassVar, Final, Literal, Self

import pyarrow as pa

from workloads.errors import WorkloadError

FAULT_WINDOW_NS = 10_000_000
"""Window that the `n` of a `faults` row counts, ending at its `t_ns`: 10 ms, as the recordings'
own `columns` metadata says."""

MAX_TIME_NS = 2**53
"""Latest time that a trace may hold, some 104 days: doubles are exact up to here."""

MAX_CPUS = 8192
"""NR_CPUS at most, arch/x86/Kconfig."""


@dataclass(frozen=True, slots=True)
class ReaderModel:
    """Who may still look at a dead object, and for how long.

    `kind`: `mm_ref`, readers hold a reference on the address space, so its exit starts only when
    they have ended; `rcu_only`, readers may have found the object under RCU alone.
    `readers_per_1000_faults`: read-side sections per 1,000 page faults.
    `background_readers_per_cpu_per_s`: sections that no page fault explains (procfs, ptrace).
    `section_quantiles`: length of a section as (ppm, ns) points of its inverse distribution
    function, linear in between; from ppm 0 to ppm 1,000,000. Integers, so that a draw is the same
    on every machine.
    `preempted_ppm`: of a million sections, how many are preempted inside and last as
    `preempted_quantiles` say instead.

    Raises WorkloadError for a table that is not an inverse distribution function.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    kind: Literal["mm_ref", "rcu_only"]
    readers_per_1000_faults: int
    background_readers_per_cpu_per_s: int
    section_quantiles: tuple[tuple[int, int], ...]
    preempted_ppm: int
    preempted_quantiles: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if self.kind not in ("mm_ref", "rcu_only"):
            raise WorkloadError(f"reader model: kind is {self.kind!r}; expected 'mm_ref' or 'rcu_only'")
        for field, top in (
            ("readers_per_1000_faults", 1_000_000),
            ("background_readers_per_cpu_per_s", 100_000_000),
            ("preempted_ppm", 1_000_000),
        ):
            value = getattr(self, field)
            if not 0 <= value <= top:
                raise WorkloadError(f"reader model: {field} is {value}; expected 0 .. {top}")
        for field in ("section_quantiles", "preempted_quantiles"):
            _check_quantiles(field, getattr(self, field))


def _check_quantiles(field: str, points: tuple[tuple[int, int], ...]) -> None:
    expected = "expected (ppm, ns) points from ppm 0 to ppm 1000000, ppm rising, ns >= 0 and not falling"
    ppm = [p for p, _ in points]
    length = [ns for _, ns in points]
    whole = len(points) >= 2 and ppm[0] == 0 and ppm[-1] == 1_000_000
    if not whole or any(b <= a for a, b in pairwise(ppm)):
        raise WorkloadError(f"reader model: {field} has ppm {ppm}; {expected}")
    if length[0] < 0 or length[-1] > MAX_TIME_NS or any(b < a for a, b in pairwise(length)):
        raise WorkloadError(f"reader model: {field} has ns {length}; {expected}")


NO_READERS: Final = ReaderModel(
    kind="mm_ref",
    readers_per_1000_faults=0,
    background_readers_per_cpu_per_s=0,
    section_quantiles=((0, 100), (1_000_000, 1000)),
    preempted_ppm=0,
    preempted_quantiles=((0, 1000), (1_000_000, 1000)),
)
"""Nobody ever looks: no section is drawn from these tables."""


@dataclass(frozen=True, slots=True)
class PressureCourse:
    """Free memory over time: (t_ns, free pages in 1/1000 of the high watermark) points.

    Linear between the points, constant before the first and after the last. A zone's low
    watermark lies a little under 1000, where kswapd wakes. Raises WorkloadError unless times
    rise strictly and free pages are not negative.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    points: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        times = [t for t, _ in self.points]
        if not times or times[0] < 0 or times[-1] > MAX_TIME_NS:
            raise WorkloadError(f"pressure course: times {times[:3]} …; expected at least one, from 0")
        for (t0, _), (t1, _) in pairwise(self.points):
            if t1 <= t0:
                raise WorkloadError(f"pressure course: t_ns {t1} follows {t0}; expected rising times")
        for t, free in self.points:
            if not 0 <= free <= 1_000_000:
                raise WorkloadError(f"pressure course: {free} permille at t_ns {t}; expected 0 .. 1000000")

    def at(self, t_ns: int) -> int:
        """Free pages at a time, in 1/1000 of the high watermark, rounded down."""
        before = [p for p in self.points if p[0] <= t_ns]
        after = [p for p in self.points if p[0] > t_ns]
        if not before:
            return after[0][1]
        if not after:
            return before[-1][1]
        (t0, f0), (t1, f1) = before[-1], after[0]
        return f0 + (f1 - f0) * (t_ns - t0) // (t1 - t0)


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """Events and the world around them.

    `events` has the columns of `workloads.reader.SCHEMA`, validated and sorted by time.
    `nr_cpus` is one more than the highest CPU number in them. `duration_ns` reaches at least to
    the last row. `provenance` holds (what, text) pairs for people: where it was recorded, or
    which generator, seed and parameters made it.
    """

    name: str
    description: str
    origin: Literal["recorded", "synthetic"]
    events: pa.Table
    nr_cpus: int
    duration_ns: int
    readers: ReaderModel
    pressure: PressureCourse | None
    fault_window_ns: int = FAULT_WINDOW_NS
    provenance: tuple[tuple[str, str], ...] = ()

    def with_(
        self,
        *,
        readers: ReaderModel | EllipsisType = ...,
        pressure: PressureCourse | EllipsisType | None = ...,
    ) -> Self:
        """The same events with other readers, or another course of memory pressure (None: no
        pressure); `...` leaves what there is."""
        return dataclasses.replace(
            self,
            readers=self.readers if isinstance(readers, EllipsisType) else readers,
            pressure=self.pressure if isinstance(pressure, EllipsisType) else pressure,
        )

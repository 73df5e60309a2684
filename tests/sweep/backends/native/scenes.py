"""Small made-up workloads, short enough to be replayed in real time many times over."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.sweep.backends.simulator.scenes import MS, Profile, birth, exit_mm, faults, kernel, munmap, replay
from workloads import PressureCourse, ReaderModel, Replay

NR_CPUS: Final = 2
NR_MMS: Final = 12
MUNMAPS_PER_MM: Final = 20
OBJECTS_AT_EXIT: Final = 150


def readers(kind: str = "mm_ref", *, rate_per_s: int = 5_000, preempted_ppm: int = 2_000) -> ReaderModel:
    """Sections of up to 20 us, a few of them preempted for some ms."""
    return ReaderModel(
        kind=kind,
        readers_per_1000_faults=1000,
        background_readers_per_cpu_per_s=rate_per_s,
        section_quantiles=((0, 200), (900_000, 2_000), (1_000_000, 20_000)),
        preempted_ppm=preempted_ppm,
        preempted_quantiles=((0, 500_000), (1_000_000, 3 * MS)),
    )


def mixed(kind: str = "mm_ref", *, pressure: PressureCourse | None = None) -> Replay:
    """Address spaces that munmap on both CPUs among page faults, then exit one after the other: 120 ms."""
    rows = []
    for mm in range(NR_MMS):
        rows.append(birth(mm * MS // 2, mm % NR_CPUS, mm, 3 * MUNMAPS_PER_MM + OBJECTS_AT_EXIT))
        for i in range(MUNMAPS_PER_MM):
            t_ns = 10 * MS + (i * NR_MMS + mm) * 250_000
            rows.append(munmap(t_ns, (mm + i) % NR_CPUS, mm, 1 + i % 5))
        rows.append(exit_mm(75 * MS + mm * 3 * MS, mm % NR_CPUS, mm, OBJECTS_AT_EXIT))
    rows += [faults(t * 10 * MS, t % NR_CPUS, 40) for t in range(1, 12)]
    return replay(rows, duration_ns=120 * MS, readers=readers(kind), pressure=pressure)


def exits(kind: str) -> Replay:
    """Teardowns one after the other; readers that are often preempted with objects in hand: 100 ms. So some
    are caught in the act even where all threads share one busy CPU."""
    rows = []
    for mm in range(40):
        rows.append(birth(mm * 2 * MS, 0, mm, 401))
        rows.append(exit_mm((mm * 2 + 1) * MS, 0, mm, 401))
    return replay(rows, duration_ns=100 * MS, readers=readers(kind, preempted_ppm=100_000))


def machine(*, nocb: bool = False, hz: int = 1000) -> Profile:
    """Grace periods of a few ms, so that a short workload sees several."""
    return kernel(hz, NR_CPUS, nocb=nocb)


def one_exit(nr_objects: int) -> Replay:
    """One large teardown on a CPU that stays in user mode: 60 ms."""
    rows = [birth(0, 0, 0, nr_objects), exit_mm(20 * MS, 0, 0, nr_objects)]
    rows += [faults(t * 10 * MS, 0, 1) for t in range(1, 7)]
    return replay(rows, duration_ns=60 * MS)


def first(whole: Replay, duration_ns: int) -> Replay:
    """The beginning of a longer one, without preempted readers: a single one of those changes the outcome."""
    rows = whole.t_ns <= duration_ns
    return replace(
        whole,
        t_ns=whole.t_ns[rows],
        cpu=whole.cpu[rows],
        mm=whole.mm[rows],
        kind=whole.kind[rows],
        n=whole.n[rows],
        duration_ns=duration_ns,
        readers=replace(whole.readers, preempted_ppm=0),
    )

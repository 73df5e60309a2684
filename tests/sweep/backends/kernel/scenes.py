"""Short workloads for the guest: exits and munmaps on both CPUs, a second and some thousands of objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from tests.sweep.backends.simulator.scenes import MS, NO_READERS, Row, birth, exit_mm, munmap
from tests.sweep.backends.simulator.scenes import replay as replay_of
from workloads import Replay

OBJECT_BYTES: Final = 192
ROUNDS: Final = 6
EXIT_OBJECTS: Final = 400
MUNMAPS: Final = 40


def _round(number: int) -> list[Row]:
    """One CPU tears an address space down, the other frees from one that lives on."""
    start, cpu, dies, lives = number * 100 * MS, number % 2, 2 * number, 2 * number + 1
    rows = [birth(start, cpu, dies, EXIT_OBJECTS), birth(start, 1 - cpu, lives, 3 * MUNMAPS)]
    rows += [munmap(start + (20 + i) * MS, 1 - cpu, lives, 2) for i in range(MUNMAPS)]
    rows += [exit_mm(start + 50 * MS, cpu, dies, EXIT_OBJECTS)]
    rows += [exit_mm(start + 80 * MS, cpu, lives, MUNMAPS)]
    return rows


def exits_and_munmaps(kind: Literal["mm_ref", "rcu_only"] = "mm_ref") -> Replay:
    """What every policy is run on: each address space dies in the end, so that every object is freed."""
    rows = [row for number in range(ROUNDS) for row in _round(number)]
    readers = replace(NO_READERS, kind=kind, background_readers_per_cpu_per_s=500)
    return replay_of(rows, readers=readers, duration_ns=ROUNDS * 100 * MS)


OBJECTS: Final = ROUNDS * (EXIT_OBJECTS + 3 * MUNMAPS)

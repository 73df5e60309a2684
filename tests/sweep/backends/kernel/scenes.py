"""Short workloads for the guest: exits and munmaps on both CPUs, a second and some thousands of objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from tests.sweep.backends.simulator.scenes import MS, Row, birth, exit_mm, munmap
from tests.sweep.backends.simulator.scenes import replay as replay_of
from workloads import NO_READERS, PressureCourse, Replay

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


def exit_after_exit(exits: int = 40, objects: int = 400) -> Replay:
    """What shows a policy that frees under a reader's eyes: many exits, and readers that hold no reference on
    the address space."""
    rows = [row for i in range(exits) for row in _life(i, objects)]
    return replay_of(rows, readers=replace(NO_READERS, kind="rcu_only"), duration_ns=exits * 10 * MS)


def _life(number: int, objects: int) -> list[Row]:
    start, cpu = number * 10 * MS, number % 2
    return [birth(start, cpu, number, objects), exit_mm(start + 8 * MS, cpu, number, objects)]


def under_pressure(permille: int = 600) -> Replay:
    """Objects pile up, then free memory sinks below the watermarks and kswapd goes to work."""
    rows = [birth(0, 0, 0, 3000), munmap(100 * MS, 0, 0, 2000), exit_mm(900 * MS, 0, 0, 1000)]
    course = PressureCourse(((0, 20_000), (200 * MS, 20_000), (300 * MS, permille), (800 * MS, permille)))
    return replay_of(rows, pressure=course, duration_ns=900 * MS)

"""Loads that push one thing to its end: size, silence, readers."""

from workloads.model import ReaderModel
from workloads.synthetic.dice import Dice
from workloads.synthetic.processes import FEW, SHELL_OBJECTS
from workloads.synthetic.registry import Count, Cpus, Objects, Scene, Some
from workloads.synthetic.timeline import MS, US, S, Timeline


def giant_exit(
    dice: Dice,
    nr_cpus: Cpus = 2,
    exits: Some = 1,
    objects: Objects = 65_530,
    period_ms: Some = 3000,
    exits_per_cpu_per_s: Some = 10,
    faults_per_10ms: Count = 100,
) -> Scene:
    """One process at the limit of mappings, 65,530, exits amid little else.

    65,530 is max_map_count. A process of `objects` exits in the middle of every `period_ms`, `exits`
    times, on a random CPU; meanwhile processes of SHELL_OBJECTS (24 to 250, mostly 36 to 60) exit with
    Poisson gaps of mean 1 / `exits_per_cpu_per_s`, few enough that the giant is the p99 of the default.
    Page faults: `faults_per_10ms` a CPU, plus or minus half of it.
    """
    timeline, end = Timeline(nr_cpus), exits * period_ms * MS
    for turn in range(exits):
        giant = timeline.process("search", objects)
        giant.exits((2 * turn + 1) * period_ms * MS // 2, dice.below(nr_cpus))
    for cpu in range(nr_cpus):
        t = MS
        while (t := t + dice.gap(S // exits_per_cpu_per_s)) < end:
            timeline.process("sh", dice.draw(SHELL_OBJECTS)).exits(t, cpu)
    timeline.faults(dice, end, faults_per_10ms)
    return Scene(timeline, end)


def burst_silence(
    dice: Dice,
    nr_cpus: Cpus = 2,
    bursts: Some = 2,
    burst_ms: Some = 50,
    silence_ms: Some = 12_500,
    calls_per_burst_per_cpu: Some = 400,
    exits_per_burst_per_cpu: Count = 10,
    faults_per_10ms: Count = 200,
) -> Scene:
    """A short burst, then long silence: shows what a throttle, lazy callbacks or a partial batch keep.

    In each of `bursts` bursts of `burst_ms`, per CPU: a process of 1,200 objects that outlives all
    silences frees FEW objects (mostly 1, up to 64) per munmap, `calls_per_burst_per_cpu` times, and
    `exits_per_burst_per_cpu` processes of SHELL_OBJECTS (24 to 250) exit, all at uniform times. Then
    nothing for `silence_ms`, no page faults either; 12.5 s by default, longer than the 10 s that lazy
    callbacks may wait and the 1 s of a time throttle. Page faults in bursts: `faults_per_10ms` a CPU,
    plus or minus half of it.
    """
    period = (burst_ms + silence_ms) * MS
    timeline, end = Timeline(nr_cpus), bursts * period
    survivors = [timeline.process("service", 1200) for _ in range(nr_cpus)]
    for start in range(0, end, period):
        for cpu in range(nr_cpus):
            times = sorted(start + dice.below(burst_ms * MS) for _ in range(calls_per_burst_per_cpu))
            for t in times:
                n = dice.draw(FEW)
                survivors[cpu].maps(n)
                survivors[cpu].unmaps(t, cpu, n)
            for _ in range(exits_per_burst_per_cpu):
                timeline.process("sh", dice.draw(SHELL_OBJECTS)).exits(start + dice.below(burst_ms * MS), cpu)
        timeline.faults(dice, start + burst_ms * MS, faults_per_10ms, start)
    return Scene(timeline, end)


LONG_SECTIONS = ((0, 500), (500_000, 5_000), (900_000, 40_000), (990_000, 200_000), (1_000_000, 1_000_000))
"""A guess at a worst case: sections as long as a walk over many VMAs (procfs under RCU) on a cold
cache takes, up to 1 ms."""

LONG_PREEMPTIONS = ((0, 1_000_000), (500_000, 4_000_000), (900_000, 12_000_000), (1_000_000, 60_000_000))
"""A guess: waits of one to a score of 3 ms slices, as on a machine with more tasks than CPUs."""


def reader_heavy(
    dice: Dice,
    nr_cpus: Cpus = 4,
    duration_ms: Some = 3000,
    faults_per_10ms: Count = 3000,
    exits_per_cpu_per_s: Some = 40,
    calls_per_cpu_per_s: Some = 500,
    rcu_only: bool = False,
) -> Scene:
    """Many page faults and long read-side sections, some preempted: grace periods last.

    Readers: one per page fault (`faults_per_10ms` a CPU, plus or minus half of it; the busiest 10 ms of
    the recordings have 3,108) and 200 more per CPU and second; lengths LONG_SECTIONS (median 5 µs, up
    to 1 ms), 200 in a million preempted for LONG_PREEMPTIONS (median 4 ms, up to 60 ms). `rcu_only`
    makes them readers that hold no reference on the address space. Per CPU: processes of SHELL_OBJECTS
    (24 to 250) exit and a process of 800 objects frees FEW (mostly 1, up to 64) per munmap, with
    Poisson gaps of mean 1 / `exits_per_cpu_per_s` and 1 / `calls_per_cpu_per_s`.
    """
    timeline, end = Timeline(nr_cpus), duration_ms * MS
    for cpu in range(nr_cpus):
        threaded = timeline.process("threads", 800)
        t = 0
        while (t := t + dice.gap(S // calls_per_cpu_per_s)) < end:
            n = dice.draw(FEW)
            threaded.maps(n)
            threaded.unmaps(t, cpu, n)
        t = 500 * US
        while (t := t + dice.gap(S // exits_per_cpu_per_s)) < end:
            timeline.process("sh", dice.draw(SHELL_OBJECTS)).exits(t, cpu)
    timeline.faults(dice, end, faults_per_10ms)
    readers = ReaderModel(
        kind="rcu_only" if rcu_only else "mm_ref",
        readers_per_1000_faults=1000,
        background_readers_per_cpu_per_s=200,
        section_quantiles=LONG_SECTIONS,
        preempted_ppm=200,
        preempted_quantiles=LONG_PREEMPTIONS,
    )
    return Scene(timeline, end, readers)

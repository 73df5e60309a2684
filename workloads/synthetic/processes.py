"""Loads that many processes make: storms, mixes, and servers that fork per request."""

from workloads.synthetic.dice import Dice, Quantiles
from workloads.synthetic.registry import Count, Cpus, Objects, Scene, Some
from workloads.synthetic.timeline import MS, US, Process, S, Timeline

SHELL_OBJECTS: Quantiles = (
    (0, 24),
    (100_000, 36),
    (500_000, 42),
    (900_000, 60),
    (990_000, 125),
    (1_000_000, 250),
)
"""Objects of a short-lived process, after the recordings shell-configure and make-j2: from 24
(a shell that is about to exec), mostly 36 to 42, compilers to 125, rarely more."""

FEW: Quantiles = ((0, 1), (900_000, 2), (980_000, 6), (1_000_000, 64))
"""Objects per munmap: "nearly always one" (Wilcox, linux-mm, January 2023), rarely tens."""


def exit_storm(
    dice: Dice,
    nr_cpus: Cpus = 2,
    duration_ms: Some = 4000,
    exits_per_cpu_per_s: Some = 500,
    faults_per_10ms: Count = 600,
) -> Scene:
    """Short-lived processes start and exit as fast as a shell script can make them.

    On each CPU exits follow one another with Poisson gaps of mean 1 / `exits_per_cpu_per_s`. A process
    holds SHELL_OBJECTS (24 to 250, mostly 36 to 60); half of them free one or two objects by munmap 50
    to 400 µs before they exit. Page faults: `faults_per_10ms` a CPU, plus or minus half of it.
    """
    timeline, end = Timeline(nr_cpus), duration_ms * MS
    for cpu in range(nr_cpus):
        t = 500 * US
        while (t := t + dice.gap(S // exits_per_cpu_per_s)) < end:
            child = timeline.process("sh", dice.draw(SHELL_OBJECTS))
            if dice.chance(500_000):
                child.unmaps(t - dice.between(50, 400) * US, cpu, dice.between(1, 2))
            child.exits(t, cpu)
    timeline.faults(dice, end, faults_per_10ms)
    return Scene(timeline, end)


def munmap_storm(
    dice: Dice,
    nr_cpus: Cpus = 2,
    duration_ms: Some = 2000,
    calls_per_cpu_per_s: Some = 10_000,
    objects: Objects = 20_000,
    faults_per_10ms: Count = 300,
) -> Scene:
    """Long-lived processes unmap without pause, mostly one object per call.

    One process per CPU with `objects` mappings. Calls with Poisson gaps of mean 1 /
    `calls_per_cpu_per_s` free FEW objects (mostly 1, up to 64) each; when half are gone the process
    maps them again. All exit at the end. Page faults: `faults_per_10ms` a CPU, plus or minus half of
    it.
    """
    timeline, end = Timeline(nr_cpus), duration_ms * MS
    for cpu in range(nr_cpus):
        process = timeline.process("mapper", objects)
        t = 0
        while (t := t + dice.gap(S // calls_per_cpu_per_s)) < end:
            process.unmaps(t, cpu, dice.draw(FEW))
            if process.live * 2 < objects:
                process.maps(objects - process.live)
        process.exits(end, cpu)
    timeline.faults(dice, end, faults_per_10ms)
    return Scene(timeline, end + 10 * MS)


def steady_mix(
    dice: Dice,
    nr_cpus: Cpus = 2,
    duration_ms: Some = 5000,
    exits_per_cpu_per_s: Some = 60,
    calls_per_cpu_per_s: Some = 800,
    faults_per_10ms: Count = 300,
) -> Scene:
    """A busy machine on an ordinary day: some exits, many small munmaps, steady page faults.

    Per CPU a service with 600 objects maps and unmaps FEW objects (mostly 1, up to 64) at a time
    (Poisson gaps of mean 1 / `calls_per_cpu_per_s`; one call in ten is an mmap, mremap or brk), and
    processes of SHELL_OBJECTS (24 to 250) exit (Poisson gaps of mean 1 / `exits_per_cpu_per_s`). Page
    faults: `faults_per_10ms` a CPU, plus or minus half of it.
    """
    timeline, end = Timeline(nr_cpus), duration_ms * MS
    for cpu in range(nr_cpus):
        service = timeline.process("service", 600)
        t = 0
        while (t := t + dice.gap(S // calls_per_cpu_per_s)) < end:
            n = dice.draw(FEW)
            service.maps(n)
            kind = ("mmap", "mremap", "brk")[dice.below(3)] if dice.chance(100_000) else "munmap"
            service.unmaps(t, cpu, n, kind)
        t = MS
        while (t := t + dice.gap(S // exits_per_cpu_per_s)) < end:
            timeline.process("sh", dice.draw(SHELL_OBJECTS)).exits(t, cpu)
    timeline.faults(dice, end, faults_per_10ms)
    return Scene(timeline, end)


def connection_per_request(
    dice: Dice,
    nr_cpus: Cpus = 4,
    duration_ms: Some = 5000,
    requests_per_cpu_per_s: Some = 100,
    objects: Objects = 240,
    faults_per_10ms: Count = 900,
) -> Scene:
    """A server forks a process of about 240 objects per connection; it serves one request and exits.

    After the recording pgbench-connect. Connections end with Poisson gaps of mean 1 /
    `requests_per_cpu_per_s` on each CPU. A backend holds `objects`, plus or minus 5 %, frees one object
    by brk 2 to 8 ms before it exits, and one in ten another by munmap 100 µs before. Page faults:
    `faults_per_10ms` a CPU, plus or minus half of it.
    """
    timeline, end = Timeline(nr_cpus), duration_ms * MS
    for cpu in range(nr_cpus):
        t = 8 * MS
        while (t := t + dice.gap(S // requests_per_cpu_per_s)) < end:
            backend = timeline.process("backend", max(objects + dice.between(-objects, objects) // 20, 1))
            backend.unmaps(t - dice.between(2_000, 8_000) * US, cpu, 1, "brk")
            if dice.chance(100_000):
                backend.unmaps(t - 100 * US, cpu, 1)
            backend.exits(t, cpu)
    timeline.faults(dice, end, faults_per_10ms)
    return Scene(timeline, end)


def thread_group_exit(
    dice: Dice,
    nr_cpus: Cpus = 8,
    rounds: Some = 60,
    period_ms: Some = 50,
    objects_min: Objects = 300,
    objects_max: Objects = 1500,
    faults_per_10ms: Count = 300,
) -> Scene:
    """Whole groups are killed: on all CPUs processes exit at the same moment, time after time.

    Every `period_ms`, `rounds` times, one process on each CPU exits, at times that differ by at most 5
    µs (the interrupt that wakes them). Objects are uniform in `objects_min` .. `objects_max`. Between
    rounds each CPU's next process unmaps one object, once. Page faults: `faults_per_10ms` a CPU, plus
    or minus half of it.
    """
    timeline, end = Timeline(nr_cpus), (rounds + 1) * period_ms * MS
    high = max(objects_min, objects_max)
    for turn in range(1, rounds + 1):
        for cpu in range(nr_cpus):
            member: Process = timeline.process("worker", dice.between(objects_min, high))
            killed = turn * period_ms * MS
            member.unmaps(killed - dice.between(1, period_ms * 900) * US, cpu, 1)
            member.exits(killed + dice.below(5 * US), cpu)
    timeline.faults(dice, end, faults_per_10ms)
    return Scene(timeline, end)

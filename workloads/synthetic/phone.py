"""A phone: a few big apps at a time, memory always short."""

from typing import Annotated

from pydantic import Field

from workloads.model import PressureCourse
from workloads.synthetic.dice import Dice
from workloads.synthetic.processes import FEW
from workloads.synthetic.registry import Count, Cpus, Objects, Scene, Some
from workloads.synthetic.timeline import MS, US, Process, Timeline

FREE_AT_REST = 2600
FREE_AT_KILL = 700
"""Free pages in 1/1000 of the high watermark: with all cached apps gone, and when one is killed
(under the low watermark, so kswapd runs). Guesses; lmkd kills by pressure stalls, not by a number."""


def phone_app_cycle(
    dice: Dice,
    nr_cpus: Cpus = 8,
    launches: Some = 12,
    period_ms: Annotated[int, Field(ge=400, le=1_000_000)] = 1500,
    cached_apps: Some = 4,
    objects_min: Objects = 2000,
    objects_max: Objects = 4000,
    faults_per_10ms: Count = 150,
) -> Scene:
    """Apps of 2,000 to 4,000 objects start one after the other; memory runs short; old ones are killed.

    Every `period_ms`, `launches` times, the user opens an app, which zygote forks; it holds
    `objects_min` .. `objects_max` objects, uniform (zygote alone brings most: thousands of VMAs are
    shared mappings it hands down). While in front it frees FEW objects (mostly 1, up to 64) per munmap
    every 2 ms on average, on the CPU that it runs on then, one of all. 41 % of the apps (82 of the 200
    most used fork at run time, linux-mm, June 2026) fork a helper with 9/10 of their objects that exits
    within 100 ms. When more than `cached_apps` apps are there, the oldest is killed 300 to 320 ms after
    the launch that was too much, on a CPU of the slow half. What is there at the end stays.

    Memory pressure: each launch takes free memory down, over 300 ms, from where it is towards
    FREE_AT_KILL (0.7 of the high watermark); the kill brings one app's share back within 100 ms. Page
    faults: four times `faults_per_10ms` on each CPU in the 300 ms of a launch, else as given; plus or
    minus half.
    """
    timeline, period = Timeline(nr_cpus), period_ms * MS
    end, launch = launches * period, min(300, period_ms * 6 // 10) * MS
    share = (FREE_AT_REST - FREE_AT_KILL) // (cached_apps + 1)
    free, points, cached = FREE_AT_REST, [(0, FREE_AT_REST)], list[Process]()
    for turn in range(launches):
        start = turn * period
        app = timeline.process("app", dice.between(objects_min, max(objects_min, objects_max)))
        cached.append(app)
        free = max(free - share, FREE_AT_KILL)
        points += [(start + 1, points[-1][1]), (start + launch, free)]
        _in_front(timeline, dice, app, start, period, nr_cpus)
        if len(cached) > cached_apps:
            killed_at = start + launch + dice.below(20 * MS)
            cached.pop(0).exits(killed_at, dice.below((nr_cpus + 1) // 2))
            free += share
            points.append((start + launch + period // 10, free))
        timeline.faults(dice, start + launch, 4 * faults_per_10ms, start)
        timeline.faults(dice, start + period, faults_per_10ms, start + launch)
    points.append((end, free))
    return Scene(timeline, end, pressure=PressureCourse(tuple(points)))


def _in_front(
    timeline: Timeline, dice: Dice, app: Process, start_ns: int, period_ns: int, nr_cpus: int
) -> None:
    """One period of an app in front: its munmaps, and perhaps a helper that it forks."""
    cpu, t = dice.below(nr_cpus), start_ns + MS
    while (t := t + dice.gap(2 * MS)) < start_ns + period_ns:
        n = dice.draw(FEW)
        app.maps(n)
        app.unmaps(t, cpu, n)
    if dice.chance(410_000):
        helper = timeline.process("helper", max(app.live * 9 // 10, 1))
        helper.exits(start_ns + period_ns // 2 + dice.between(2_000, 100_000) * US, dice.below(nr_cpus))

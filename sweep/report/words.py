"""Names and numbers as people read them: every figure with its unit, every ratio with what it is against."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Final

from sweep import units
from sweep.ladder import Error
from sweep.levels import Kernel
from sweep.standing import SIMULATED, Point, Standing
from sweep.standing import figures as of_level
from sweep.study import Combine, Study
from sweep.trial import METRICS, Interval, Measurement

_GROUPS: Final[Mapping[str, str]] = {
    "exit_latency_ns": "exit latency",
    "exit_ns_per_object": "exit time per object",
    "munmap_latency_ns": "munmap latency",
    "retained_bytes": "retained memory",
    "retained_split": "retained memory",
    "pinned_slab_bytes": "pinned slab memory",
    "dead_age_ns": "age of dead objects",
    "cpu_ns_per_object": "CPU time per object",
    "max_stall_ns": "longest stall",
    "grace_periods": "grace periods",
    "callbacks": "callbacks",
    "wakeups": "wake-ups",
    "lock_waits": "lock waits",
    "violations": "violations",
}
_LEAVES: Final[Mapping[str, str]] = {
    "p50": "median",
    "max": "longest",
    "postponed": "postponed part of",
    "waiting": "waiting part of",
    "ready": "ready part of",
    "policy_memory": "policy's own part of",
}


def metric_name(name: str) -> str:
    """`exit_latency_ns.p99` -> `p99 exit latency`."""
    group, _, leaf = name.partition(".")
    return f"{_LEAVES.get(leaf, leaf)} {_GROUPS[group]}" if leaf else _GROUPS[group]


def budget(study: Study) -> str:
    """What ends a study: `1,000 trials`, `5.00 min of native time`."""
    of = study.budget
    parts = [f"{study.nr_trials:,} trials"] if study.nr_trials is not None else []
    time_s, blocks = of.of(study.backend)
    parts += [f"{units.format_time(time_s * 1e9)} of {study.backend} time"] if time_s else []
    parts += [f"{blocks:,} {study.backend} blocks"] if blocks else []
    return " or ".join(parts)


def measured_again(study: Study, point: Point) -> str:
    """The command that measures a configuration once more as the study did, in its first scenario."""
    use, native = study.workloads[0], study.native
    command = ["python", "-m", "sweep", "measure"]
    if study.backend == "kernel":
        command += ["--backend", "kernel", *_guest(study.how_kernel())]
    command += ["--workload", use.name, "--machine", study.machines[0]]
    command += ["--policy", point.trial.configuration.policy]
    for name, value in point.trial.configuration.params:
        command += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    if use.window is not None:
        command += ["--window", "{:g}s,{:g}s".format(*use.window)]
    for name in ("dilation", "replicas", "loops"):
        if getattr(use, name) != 1:
            command += [f"--{name}", f"{getattr(use, name):g}"]
    if native is not None and native.rcu != "kernel_like":
        command += ["--rcu", native.rcu]
    if native is not None and native.allocator != "slab":
        command += ["--allocator", native.allocator]
    if native is not None and native.idle != "poll":
        command += ["--idle", native.idle]
    return shlex.join(command)


def _guest(how: Kernel) -> list[str]:
    """Options of `measure`, where they are not its defaults."""
    usual, options = Kernel(), list[str]()
    if how.accel != usual.accel:
        options += ["--accel", how.accel]
    if how.icount is not None:
        options += ["--icount", str(how.icount)]
    if how.memory_bytes != usual.memory_bytes:
        options += ["--memory", f"{how.memory_bytes / 2**20:g} MiB"]
    if not how.use_softirq:
        options += ["--no-softirq"]
    if how.memcg:
        options += ["--memcg"]
    return options


def figures(standing: Standing) -> str:
    """What kind of figures these are: `simulated`, or `measured in user space on machine 0123456789abcdef`."""
    return of_level(standing.level, standing.machine)


def said(standing: Standing) -> str:
    """The same as a sentence."""
    if standing.level == SIMULATED:
        return "These figures are simulated."
    return f"These figures are {figures(standing)}, with 95 % intervals."


def point_value(point: Point, place: int, standing: Standing) -> str:
    """An objective's value over all scenarios; of noisy ones with its interval: `0.732x [0.701, 0.760]`."""
    text = value(point.values[place], standing.combine)
    known = standing.certainty.get(point.trial.number)
    return f"{text} {between(known.values[place])}" if known else text


def between(interval: Interval) -> str:
    """`[0.701, 0.760]`, three digits."""
    return "[" + ", ".join(ratio(end).removesuffix("x") for end in (interval.low, interval.high)) + "]"


def amount(name: str, measured: Measurement, standing: Standing) -> str:
    """A metric's value, or that it was not measured."""
    return "not measured" if name in standing.unmeasured else metric_value(name, measured.get(name))


def chance(point: Point, standing: Standing) -> str:
    """Of a noisy point, the probability that it is on the front: `97 %`."""
    known = standing.certainty.get(point.trial.number)
    return f"{known.on_front:.0%}" if known and known.on_front is not None else "-"


def off(simulated: float, measured: float) -> str:
    """By how much a simulated value is off, of what was measured: `+12 %`."""
    return f"{100 * (simulated / measured - 1):+.0f} %" if measured else "-"


def error(known: Error) -> str:
    """Of log(measured / simulated), as factors: `1.10 (0.95 to 1.27)`, in which two thirds lie."""
    low, middle, high = (math.exp(known.bias + side * known.spread) for side in (-1, 0, 1))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def metric_value(name: str, value: float) -> str:
    """A metric's value in the unit that people read."""
    unit = METRICS[name].unit
    if unit == "ns/object":
        return f"{units.format_time(value)}/object"
    return units.format_value(value, unit)


def metric_interval(name: str, text: str, known: Interval) -> str:
    """A metric's value, given in words, with its interval; a unit that all three have stands once: `4.17 ms [4.01,
    4.34]`. What is the same at both ends stands alone."""
    counts = METRICS[name].integral
    low, high = (
        metric_value(name, round(end) if counts and math.isfinite(end) else end)
        for end in (known.low, known.high)
    )
    if low == high == text:
        return text
    (_, unit), ends = _parted(text), [_parted(low), _parted(high)]
    if all(each == unit for _, each in ends):
        low, high = (number for number, _ in ends)
    return f"{text} [{low}, {high}]"


def _parted(text: str) -> tuple[str, str]:
    """Number and unit."""
    number, _, unit = text.partition(" ")
    return number, unit


def ratio(number: float) -> str:
    """A ratio to the baseline, three digits: 0.732 -> `0.732x`; 37.21 -> `37.2x`; what would read 0.000 and is
    more -> `<0.001x`."""
    if not math.isfinite(number):
        return "-"
    if 0 < number < 0.0005:
        return "<0.001x"
    if number >= 100:
        return f"{number:,.0f}x"
    return f"{number:.3f}x" if number < 10 else f"{number:.1f}x"


def value(number: float, combine: Combine) -> str:
    """A value by which points are judged: a ratio to the baseline, or a regret in baselines."""
    return f"+{number:.3f}" if combine == "regret" else ratio(number)


def nr_scenarios(standing: Standing) -> int:
    """How many scenarios a configuration is measured in; 0 before anything is."""
    return len(standing.compared[0].measurements) if standing.compared else 0


def over_scenarios(standing: Standing) -> str:
    """How values are combined: `mean over 3 scenarios`, `worst of 3 scenarios`, or `one scenario`."""
    return _over(standing, "mean over" if standing.combine == "mean" else "worst of")


def over_ratios(standing: Standing) -> str:
    """How ratios to the baseline are combined. Under regret, whose values are none, it is their mean."""
    return _over(standing, "worst of" if standing.combine == "worst" else "mean over")


def _over(standing: Standing, how: str) -> str:
    number = nr_scenarios(standing)
    return "one scenario" if number == 1 else f"{how} {number or 'all'} scenarios"


def judged_by(standing: Standing) -> str:
    """What the values are by which points are judged: `ratio to the baseline, mean over 3 scenarios`."""
    if standing.combine == "regret":
        return f"regret, baselines behind the scenario's best, {over_scenarios(standing)}"
    return f"ratio to the baseline, {over_scenarios(standing)}"


def values_are(standing: Standing) -> str:
    """The same with the sign that the values bear: `x: times the baseline, mean over 3 scenarios`."""
    if standing.combine == "regret":
        return f"+: {judged_by(standing)}"
    return f"x: times the baseline, {over_scenarios(standing)}"


def axis(standing: Standing, place: int) -> str:
    """Title of an axis of combined values."""
    name = metric_name(standing.objectives[place])
    if standing.combine == "regret":
        return f"{name}: regret, in baselines ({over_scenarios(standing)})"
    return f"{name}: times the baseline ({over_scenarios(standing)})"

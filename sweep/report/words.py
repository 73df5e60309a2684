"""Names and numbers as people read them: every figure with its unit, every ratio with what it is against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from sweep import units
from sweep.standing import Standing
from sweep.study import Combine
from sweep.trial import METRICS

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


def metric_value(name: str, value: float) -> str:
    """A metric's value in the unit that people read."""
    unit = METRICS[name].unit
    if unit == "ns/object":
        return f"{units.format_time(value)}/object"
    return units.format_value(value, unit)


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

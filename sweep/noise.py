"""Figures of noisy measurements: several taken together, what they may be, and how sure a front is.

A figure is taken for log-normal around its estimate, as wide as its 95 % interval says; figures of different
scenarios and of different configurations for independent (a ratio is measured beside the baseline's own blocks,
so what drifts in a machine is not in it). From this, worlds are drawn: values that all figures might really
have. What is asked of a front is the share of worlds in which it holds. The dice are fixed, so the same
measurements give the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sweep import pareto
from sweep.trial import METRICS, Evidence, Interval, Measurement

WORLDS: Final = 1000
_WORLDS_OF_MANY: Final = 200
"""Where a front of three or four objectives has to be found in each."""
_Z: Final = 1.959964
"""Half of a 95 % interval, in standard deviations."""

Array: TypeAlias = NDArray[np.float64]
"""Of worlds: (world, scenario, objective) or, combined over scenarios, (world, objective)."""


def spread(interval: Interval) -> float:
    """The standard deviation of a figure's logarithm; 0 of a figure that is 0."""
    if interval.value <= 0 or interval.high <= interval.low:
        return 0.0
    if interval.low > 0:
        return math.log(interval.high / interval.low) / (2 * _Z)
    return math.log(max(interval.high / interval.value, 1.0)) / _Z


def around(value: float, log_spread: float) -> Interval:
    """The interval of a figure whose logarithm has that standard deviation."""
    factor = math.exp(_Z * log_spread)
    return Interval(value, value / factor, value * factor)


def worlds(intervals: Sequence[Sequence[Interval]], key: str) -> Array:
    """(WORLDS, scenarios, objectives). key: 16 hexadecimal digits of the configuration, which seed the dice."""
    values = np.array([[i.value for i in row] for row in intervals])
    spreads = np.array([[spread(i) for i in row] for row in intervals])
    dice = np.random.default_rng(int(key, 16)).standard_normal((WORLDS, *values.shape))
    drawn: Array = values * np.exp(spreads * dice)
    return drawn


def interval(value: float, drawn: Array) -> Interval:
    """Of a combined figure: its estimate, and where 95 % of its worlds (WORLDS,) lie."""
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(value, min(float(low), value), max(float(high), value))


def on_front(points: Sequence[Array]) -> list[float]:
    """For each point, with its worlds (WORLDS, objectives), the share of them in which no other point
    dominates it."""
    if not points:
        return []
    values = np.stack(points, axis=1)
    if values.shape[2] > 2:
        values = values[:: len(values) // min(_WORLDS_OF_MANY, len(values))]
    return [float(share) for share in fronts(values).mean(axis=0)]


def fronts(values: Array) -> NDArray[np.bool_]:
    """values: (world, point, objective). (world, point): whether the point is on its world's front."""
    if values.shape[2] == 2:
        return _front_of_two(values[..., 0], values[..., 1])
    found = np.zeros(values.shape[:2], dtype=bool)
    for place, world in enumerate(values):
        found[place, pareto.non_dominated([tuple(row) for row in world])] = True
    return found


def _front_of_two(x: Array, y: Array) -> NDArray[np.bool_]:
    """(world, point): whether it is on its world's front. In the order of x, what is lower than all before."""
    order = np.lexsort((y, x))
    sorted_y = np.take_along_axis(y, order, axis=1)
    before = np.minimum.accumulate(sorted_y, axis=1)
    first = np.full((len(y), 1), np.inf)
    is_on = sorted_y < np.concatenate([first, before[:, :-1]], axis=1)
    found = np.zeros(y.shape, dtype=bool)
    np.put_along_axis(found, order, is_on, axis=1)
    return found


# -- one configuration, measured several times ----------------------------------------------------


def pooled(
    runs: Sequence[tuple[Measurement, Evidence]],
) -> tuple[Measurement, Evidence]:
    """Measurements of one configuration in one scenario on one machine as one, each with the weight of its blocks
    (of disturbed ones where it has no others: they are what it rests on then).

    Violations add up, they are never averaged away. An interval is as wide as those of the runs make it or, where
    the runs lie further apart than that, as their own scatter does.
    """
    weights = [evidence.blocks or evidence.disturbed or 1 for _, evidence in runs]
    figures: dict[str, float | int] = {}
    for name, metric in METRICS.items():
        values = [m.get(name) for m, _ in runs]
        mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
        figures[name] = round(mean) if metric.integral else mean
    figures["violations"] = sum(m.violations for m, _ in runs)
    last = runs[-1][1]
    evidence = Evidence(
        last.level,
        last.machine,
        sum(e.blocks for _, e in runs),
        sum(e.disturbed for _, e in runs),
        _pooled_intervals([dict(e.values) for _, e in runs], weights),
        _pooled_intervals([dict(e.ratios) for _, e in runs], weights),
        last.unmeasured,
    )
    return Measurement.from_flat(figures), evidence


def _pooled_intervals(
    runs: Sequence[Mapping[str, Interval]], weights: Sequence[int]
) -> tuple[tuple[str, Interval], ...]:
    names = [name for name in runs[0] if all(name in run for run in runs)]
    return tuple((name, _pooled([run[name] for run in runs], weights)) for name in names)


def _pooled(runs: Sequence[Interval], weights: Sequence[int]) -> Interval:
    parts = np.array(weights) / sum(weights)
    values = np.array([run.value for run in runs])
    if np.any(values <= 0):
        ends = [float(parts @ [getattr(run, end) for run in runs]) for end in ("value", "low", "high")]
        return Interval(*ends)
    logs = np.log(values)
    mean = float(parts @ logs)
    within = float(parts**2 @ np.array([spread(run) for run in runs]) ** 2)
    between = float(parts**2 @ (logs - mean) ** 2) * len(runs) / max(len(runs) - 1, 1)
    return around(math.exp(mean), math.sqrt(max(within, between)))

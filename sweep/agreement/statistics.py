"""Agreement of two columns of figures: rank correlation, ratio errors, and what one front finds of another.

Pure functions of arrays. `measured` and `simulated` are of equal length, each at least 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from sweep import pareto
from sweep.agreement.model import Correlation, LogError

Array = npt.NDArray[np.float64]

NORMAL_MAD: Final = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation: 1 / Phi^-1(3/4)."""

DRAWS: Final = 200
"""Random choices of configurations that a front's share is compared with."""


def correlation(measured: Array, simulated: Array) -> Correlation:
    """None where there are fewer than three pairs, or where a side does not vary."""
    if len(measured) < 3 or np.ptp(measured) == 0 or np.ptp(simulated) == 0:
        return Correlation(None, None)
    return Correlation(
        float(stats.spearmanr(measured, simulated).statistic),
        float(stats.kendalltau(measured, simulated).statistic),
    )


def over(correlations: Sequence[Correlation]) -> tuple[Correlation, Correlation]:
    """The median and the smallest of those that exist, each coefficient for itself."""
    spearman = [each.spearman for each in correlations if each.spearman is not None]
    kendall = [each.kendall for each in correlations if each.kendall is not None]
    median = Correlation(_median(spearman), _median(kendall))
    return median, Correlation(min(spearman, default=None), min(kendall, default=None))


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def log_ratios(measured: Array, simulated: Array) -> Array:
    """log(measured / simulated) of the pairs where neither is 0."""
    both = (measured > 0) & (simulated > 0)
    return np.log(measured[both] / simulated[both])


def log_error(logs: Array) -> LogError:
    """Median and robust spread; both 0 without any."""
    if len(logs) == 0:
        return LogError(0.0, 0.0, 0)
    bias = float(np.median(logs))
    return LogError(bias, NORMAL_MAD * float(np.median(np.abs(logs - bias))), len(logs))


def errors(logs: Array) -> tuple[float | None, float | None]:
    """Median and 90th percentile of |log ratio|, as a ratio less 1: 0.15 is 15 % too much or, which counts
    the same, 1/1.15 of it."""
    if len(logs) == 0:
        return None, None
    middle, high = np.quantile(np.abs(logs), (0.5, 0.9))
    return float(np.expm1(middle)), float(np.expm1(high))


def noise(repeats: Sequence[Sequence[float]]) -> float | None:
    """Median over pairs of repeats (of the same thing, above 0) of |log ratio|, as a ratio less 1."""
    logs = [
        abs(float(np.log(a / b)))
        for values in repeats
        for i, a in enumerate(values)
        for b in values[:i]
        if a > 0 and b > 0
    ]
    return float(np.expm1(np.median(logs))) if logs else None


def repeat(groups: Sequence[Sequence[Sequence[float]]]) -> float | None:
    """The median over groups of Spearman's correlation between the first and the second of repeats; a group is
    a sequence of things, a thing is its repeats."""
    correlations = []
    for things in groups:
        twice = np.array([values[:2] for values in things if len(values) > 1]).reshape(-1, 2)
        correlations.append(correlation(twice[:, 0], twice[:, 1]))
    return over(correlations)[0].spearman


def share(measured: Sequence[pareto.Point], chosen: Sequence[int], reference: pareto.Point) -> float | None:
    """Hypervolume of the chosen ones of the points over that of all; None where all have none."""
    whole = pareto.hypervolume(measured, reference)
    return pareto.hypervolume([measured[i] for i in chosen], reference) / whole if whole else None


def share_by_chance(
    measured: Sequence[pareto.Point], nr: int, reference: pareto.Point, rng: np.random.Generator
) -> float | None:
    """The mean of `share` over DRAWS choices of `nr` points without repetition."""
    shares = [
        share(measured, rng.choice(len(measured), nr, replace=False).tolist(), reference)
        for _ in range(DRAWS if measured else 0)
    ]
    known = [each for each in shares if each is not None]
    return float(np.mean(known)) if known else None

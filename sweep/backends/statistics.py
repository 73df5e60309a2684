"""Intervals of noisy figures: pure functions of blocks and a random generator.

A figure's 95 % interval is estimate ± t(n - 1) x the bootstrap's standard error (SciPy), resampled by
block, with the factor sqrt(n / (n - 1)) that takes out the bootstrap's narrowness ("t with bootstrap standard
error"; Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015). The
percentile interval is not used: with the 2 to 16 blocks of a trial it is far too narrow, three blocks give a
"95 %" interval that covers about three times in four (tests/sweep/backends/test_statistics.py).

A ratio is sum over blocks of the candidate / sum of the baseline, resampled in pairs, its error taken on the
logarithm. Within an ABBA block both have the same mean time, so linear drift of the machine is in neither.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from sweep.trial import Interval

Floats = npt.NDArray[np.float64]

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 2000
"""Of the bootstrap: its standard error is then within about 2 % of what endless resampling would give."""

MIN_BLOCKS: Final = 2
"""Fewer say nothing of their own noise."""


def means(values: Floats, rng: np.random.Generator) -> list[Interval]:
    """The mean over blocks, for each metric.

    values: (metrics, blocks). Raises ValueError for fewer than MIN_BLOCKS blocks.
    """
    _check(values)
    centre = values.mean(axis=-1)
    reach = _reach((values,), _mean, rng)
    return [Interval(float(c), float(c - r), float(c + r)) for c, r in zip(centre, reach, strict=True)]


def ratios(candidate: Floats, baseline: Floats, rng: np.random.Generator) -> list[Interval | None]:
    """Candidate / baseline, for each metric; None where the baseline is 0 in a block: nothing to compare to.

    candidate, baseline: (metrics, blocks), of which column i was measured in block i. None negative. Raises
    ValueError for fewer than MIN_BLOCKS blocks, or arrays of unlike shape.
    """
    _check(candidate)
    if candidate.shape != baseline.shape:
        raise ValueError(f"{candidate.shape} candidate and {baseline.shape} baseline values are no pairs")
    some = (baseline > 0).all(axis=-1)
    found: list[Interval | None] = [None] * len(candidate)
    positive = some & (candidate > 0).all(axis=-1)
    for rows, statistic in ((positive, _log_ratio), (some & ~positive, _ratio)):
        if not rows.any():
            continue
        a, b = candidate[rows], baseline[rows]
        centre, reach = a.sum(axis=-1) / b.sum(axis=-1), _reach((a, b), statistic, rng)
        for place, c, r in zip(np.flatnonzero(rows), centre, reach, strict=True):
            # Where the candidate is 0 in some block there is no logarithm.
            low, high = (c * math.exp(-r), _product(c, r)) if statistic is _log_ratio else (c - r, c + r)
            found[int(place)] = Interval(float(c), max(float(low), 0.0), float(high))
    return found


def width(interval: Interval) -> float:
    """Of an interval, as a part of its value; 0 for one that is a point, infinite for a wide one around 0."""
    if interval.high <= interval.low:
        return 0.0
    return (interval.high - interval.low) / interval.value if interval.value > 0 else math.inf


def _product(centre: float, log_reach: float) -> float:
    return centre * math.exp(log_reach) if log_reach < 700 else math.inf


def _reach(data: tuple[Floats, ...], statistic: Any, rng: np.random.Generator) -> Floats:
    """Half of the interval, for each metric: (metrics,)."""
    blocks = data[0].shape[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # equal in all blocks: an error of 0
        found = stats.bootstrap(
            data,
            statistic,
            paired=True,
            vectorized=True,
            axis=-1,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=rng,
        )
    error = np.asarray(found.standard_error, dtype=np.float64) * math.sqrt(blocks / (blocks - 1))
    reach: Floats = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, blocks - 1))
    return reach


def _mean(values: Floats, axis: int = -1) -> Floats:
    result: Floats = values.mean(axis=axis)
    return result


def _ratio(candidate: Floats, baseline: Floats, axis: int = -1) -> Floats:
    result: Floats = candidate.sum(axis=axis) / baseline.sum(axis=axis)
    return result


def _log_ratio(candidate: Floats, baseline: Floats, axis: int = -1) -> Floats:
    result: Floats = np.log(_ratio(candidate, baseline, axis))
    return result


def _check(values: Floats) -> None:
    if values.ndim != 2 or values.shape[-1] < MIN_BLOCKS:
        raise ValueError(f"values of shape {values.shape}: expected (metrics, at least {MIN_BLOCKS} blocks)")

"""Unit costs from what a calibration measured: a cost is a formula over series, such as a difference of two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from sweep.trial import Interval

_LEVEL: Final = 0.95
_DRAWS: Final = 2000

Series: TypeAlias = Mapping[tuple[str, int], npt.NDArray[np.float64]]
"""By (series, objects): the centre of each round, NaN where a round has none. ns."""

Get: TypeAlias = Callable[..., float]
"""(series, objects; each formula's own default) to the series' value in ns."""

DEFAULT_OBJECTS: Final = 250
"""Of a series that a formula names without a number of objects."""


class MissingSeriesError(LookupError):
    """A formula needs a series of which no round has a value."""

    def __init__(self, series: str, objects: int) -> None:
        super().__init__(series, objects)
        self.series = series
        self.objects = objects


@dataclass(frozen=True, slots=True)
class Formula:
    """An entry of a profile: how it follows from series, and in words."""

    entry: str
    compute: Callable[[Get, Mapping[str, int]], float]
    text: str


@dataclass(frozen=True, slots=True)
class Cost:
    """An entry of the profile: value with its 95 % interval, in ns."""

    entry: str
    interval: Interval
    text: str


def evaluate(
    formulas: Sequence[Formula], series: Series, values: Mapping[str, int], rng: np.random.Generator
) -> Iterator[Cost]:
    """Every formula's value: of medians over rounds, none below 0, and the interval of a bootstrap over rounds.

    values: of the profile, resolved. Raises MissingSeriesError.
    """
    rounds = len(next(iter(series.values())))
    draws = rng.integers(0, rounds, (_DRAWS, rounds))
    medians: dict[tuple[str, int], npt.NDArray[np.float64]] = {}
    for key, centres in series.items():
        known = np.where(np.isnan(centres), np.nanmedian(centres), centres)
        medians[key] = np.concatenate([[np.median(known)], np.median(known[draws], axis=1)])

    def get_at(place: int) -> Get:
        def get(name: str, objects: int = DEFAULT_OBJECTS) -> float:
            if (name, objects) not in medians:
                raise MissingSeriesError(name, objects)
            return float(medians[name, objects][place])

        return get

    tail = (1 - _LEVEL) / 2
    for formula in formulas:
        found = [max(formula.compute(get_at(place), values), 0.0) for place in range(_DRAWS + 1)]
        low, high = np.quantile(found[1:], (tail, 1 - tail))
        # The bootstrap's quantiles of few rounds may lie on one side of the estimate by a rounding error.
        interval = Interval(found[0], min(float(low), found[0]), max(float(high), found[0]))
        yield Cost(formula.entry, interval, formula.text)


def gather_counts(objects_per_slab: int, nr: int, bulk: int) -> tuple[int, int]:
    """Groups, and objects looked at, where `nr` neighbours are freed in arrays of `bulk`: the simulator's
    slab_free_detached(), build_detached_freelist() in mm/slub.c."""
    groups = scans = 0
    for begin in range(0, nr, bulk):
        left = [place // objects_per_slab for place in range(begin, min(begin + bulk, nr))]
        while left:
            slab, misses, same = left.pop(), 3, len(left)
            size = same
            while size:
                size -= 1
                scans += 1
                if left[size] == slab:
                    same -= 1
                else:
                    misses -= 1
                    if not misses:
                        break
            left = left[:same]
            groups += 1
    return groups, scans

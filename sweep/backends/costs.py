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
    """Every formula's value: the median over rounds, none below 0, and the interval of a bootstrap over rounds.

    A formula is worked out within each round: its series were measured at about the same time, and where a machine is
    fast in one round and slow in the next, a difference of medians would be of two different rounds. Where a round
    lacks a series, the median over the others stands for it.

    values: of the profile, resolved. Raises MissingSeriesError.
    """
    rounds = len(next(iter(series.values())))
    draws = rng.integers(0, rounds, (_DRAWS, rounds))
    known = {
        key: np.where(np.isnan(centres), np.nanmedian(centres), centres) for key, centres in series.items()
    }

    def get_in(place: int) -> Get:
        def get(name: str, objects: int = DEFAULT_OBJECTS) -> float:
            if (name, objects) not in known:
                raise MissingSeriesError(name, objects)
            return float(known[name, objects][place])

        return get

    tail = (1 - _LEVEL) / 2
    for formula in formulas:
        by_round = np.array([formula.compute(get_in(place), values) for place in range(rounds)])
        value = max(float(np.median(by_round)), 0.0)
        medians = np.maximum(np.median(by_round[draws], axis=1), 0.0)
        low, high = np.quantile(medians, (tail, 1 - tail))
        # The bootstrap's quantiles of few rounds may lie on one side of the estimate by a rounding error.
        interval = Interval(value, min(float(low), value), max(float(high), value))
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

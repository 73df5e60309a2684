"""Hypervolume over native time, by second values and measured alike for all ways of one run.

The front of all second values, whoever found them, is the best that is known. Its hypervolume is the final one: the
same for all ways, so that none is measured by its own end. It is chosen by one half of the second values and valued
by the other, and the other way round: what is chosen and valued by the same figures is too good, and no way could
reach it on a noisy machine. The reference point lies a tenth of the front's extent
beyond its worst value in each objective. From twice the baseline, the study's own, the front is so far away that the
first trials, presets and the policies' defaults, come to 95 % of anything, and no way to search would differ from another.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sweep import pareto
from sweep.backends.blocks import baseline
from sweep.trial import Configuration
from tests.bench.ladder.race import Moment
from tests.bench.ladder.truth import Values

MARGIN: Final = 0.1
SHARE: Final = 0.95

Halves: TypeAlias = Sequence[Values]
"""Second values: two halves, or all of them as one."""

Course: TypeAlias = Sequence[tuple[float, float]]
"""(native time in s, share of the final hypervolume), after each batch."""


@dataclass(frozen=True, slots=True)
class Scale:
    """reference: worst values that count, in baselines. final: hypervolume of all that is known."""

    reference: tuple[float, ...]
    final: float

    def share(self, values: Iterable[tuple[float, ...]]) -> float:
        """Of the final hypervolume, what these points have."""
        return _volume(values, self.reference) / self.final


def scale(halves: Halves) -> Scale:
    """Of all second values of a run. Raises ValueError where there are none, or they tell nothing apart."""
    everything = _mean(halves)
    front = [everything[each] for each in _front(everything)]
    if not front:
        raise ValueError("nothing but the baseline was on a front")
    reference = tuple(_beyond(column) for column in zip(*front, strict=True))
    final = statistics.fmean(
        _volume(_valued(_front(chosen), valued), reference)
        for chosen, valued in zip(halves, reversed(halves), strict=True)
    )
    if not final:
        raise ValueError(
            "what one half of the second values chose is nothing by the other: more rounds are needed"
        )
    return Scale(reference, final)


def _mean(halves: Halves) -> Values:
    """Of what every half has a value of."""
    everywhere = set.intersection(*(set(half) for half in halves))
    return {
        each: tuple(statistics.fmean(column) for column in zip(*(half[each] for half in halves), strict=True))
        for each in everywhere
    }


def _front(values: Values) -> list[Configuration]:
    of = [each for each in values if each != baseline()]
    return [of[place] for place in pareto.non_dominated([values[each] for each in of])]


def _valued(of: Iterable[Configuration], values: Values) -> list[tuple[float, ...]]:
    return [values[each] for each in of if each in values]


def _beyond(column: Sequence[float]) -> float:
    worst, extent = max(column), max(column) - min(column)
    return worst + MARGIN * (extent or worst)


def _volume(values: Iterable[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    points = list(values)
    return pareto.hypervolume([points[place] for place in pareto.non_dominated(points)], reference)


def course(of: Sequence[Moment], halves: Halves, on: Scale) -> Course:
    """The front of each moment as it was chosen then, by what was measured then, valued by the second values."""
    return [
        (m.spent.time_s, statistics.fmean(on.share(_valued(m.front, half)) for half in halves)) for m in of
    ]


def at(of: Course, time_s: float) -> float:
    """The share that was reached by then."""
    return max(((t, share) for t, share in of if t <= time_s), default=(0.0, 0.0))[1]


def reached(of: Course, goal: float) -> float:
    """The native time after which the share is at least that for good; infinite if it never is."""
    time_s = float("inf")
    for at_s, share in reversed(of):
        if share < goal:
            break
        time_s = at_s
    return time_s


def courses(found: Mapping[str, Sequence[Moment]], halves: Halves) -> dict[str, Course]:
    """Of each way."""
    on = scale(halves)
    return {way: course(of, halves, on) for way, of in found.items()}

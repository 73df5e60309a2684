"""Hypervolume over native time, by second values and measured alike for all ways of one run.

The front of all second values, whoever found them, is the best that is known. Its hypervolume is the final one: the
same for all ways, so that none is measured by its own end. The reference point lies a tenth of the front's extent
beyond its worst value in each objective. From twice the baseline, the study's own, the front is so far away that the
first trials, presets and the policies' defaults, come to 95 % of anything, and no way to search would differ from another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sweep import pareto
from sweep.backends.blocks import baseline
from tests.bench.ladder.race import Moment
from tests.bench.ladder.truth import Values

MARGIN: Final = 0.1
SHARE: Final = 0.95

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


def scale(values: Values) -> Scale:
    """Of all second values of a run. Raises ValueError where there are none."""
    points = [each for configuration, each in values.items() if configuration != baseline()]
    front = [points[place] for place in pareto.non_dominated(points)]
    if not front:
        raise ValueError("nothing but the baseline was on a front")
    reference = tuple(_beyond(column) for column in zip(*front, strict=True))
    return Scale(reference, _volume(front, reference))


def _beyond(column: Sequence[float]) -> float:
    worst, extent = max(column), max(column) - min(column)
    return worst + MARGIN * (extent or worst)


def _volume(values: Iterable[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    points = list(values)
    return pareto.hypervolume([points[place] for place in pareto.non_dominated(points)], reference)


def course(of: Sequence[Moment], values: Values, on: Scale) -> Course:
    """The front of each moment as it was chosen then, by what was measured then, valued by the second values."""
    return [(m.spent.time_s, on.share([values[each] for each in m.front if each in values])) for m in of]


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


def courses(found: Mapping[str, Sequence[Moment]], values: Values) -> dict[str, Course]:
    """Of each way."""
    on = scale(values)
    return {way: course(of, values, on) for way, of in found.items()}

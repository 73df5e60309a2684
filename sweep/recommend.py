"""From attempts to advice: how good each configuration is, which are on the front, which to use.

Scenarios differ by orders of magnitude, so an objective is judged as its ratio to the baseline's value
in the same scenario, and over scenarios by the mean of those ratios: 0.5 reads "on average half of the
baseline's". The baseline itself is (1, 1). Measurements stay as they are beside it.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

from sweep import pareto
from sweep.trial import Attempt, Configuration, Measurement, Trial

REFERENCE_RATIO: Final = 2.0
"""Hypervolume is measured from twice the baseline's value in each objective; what is worse adds nothing."""

MIN_BULGE: Final = 0.05
"""Of the sum of the objectives, each scaled to 0 .. 1 over the front: what makes a knee worth the name."""


@dataclass(frozen=True, slots=True)
class Point:
    """A measured configuration. ratios: mean over scenarios of objective / baseline's, per objective."""

    trial: Trial
    ratios: tuple[float, ...]
    violations: int
    measurements: tuple[tuple[str, Measurement], ...]

    @property
    def feasible(self) -> bool:
        return self.violations == 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a study stands: its points in trial order, the front of what is feasible, what it dominates, and what is
    recommended."""

    objectives: tuple[str, ...]
    points: tuple[Point, ...]
    front: tuple[Point, ...]
    hypervolume: float
    recommended: Point | None
    why: str
    failed: int

    def by_origin(self, prefix: str) -> list[Point]:
        """Points whose trial was asked for by `prefix` ("baseline", "preset:")."""
        return [p for p in self.points if p.trial.origin.startswith(prefix)]


def point(attempt: Attempt, baseline: Attempt, objectives: Sequence[str]) -> Point:
    """How a measured attempt compares to the baseline's, which saw the same scenarios."""
    reference = dict(baseline.measurements)
    return Point(
        trial=attempt.trial,
        ratios=tuple(
            sum(m.get(name) / max(reference[scenario].get(name), 1.0) for scenario, m in attempt.measurements)
            / len(attempt.measurements)
            for name in objectives
        ),
        violations=sum(m.violations for _, m in attempt.measurements),
        measurements=attempt.measurements,
    )


def standing(
    attempts: Sequence[Attempt], objectives: Sequence[str], space: Container[Configuration]
) -> Standing:
    """Judge all settled attempts; without a measured baseline there is nothing to compare to yet.

    space: what the study chooses from. What lies outside was measured for comparison (the baseline, what
    kernels do) and is neither on the front nor recommended.
    """
    settled = sorted((a for a in attempts if a.settles), key=lambda a: a.trial.number)
    measured = [a for a in settled if a.failure is None]
    baseline = next((a for a in measured if a.trial.origin == "baseline"), None)
    points = tuple(point(a, baseline, objectives) for a in measured) if baseline else ()
    feasible = _distinct([p for p in points if p.feasible and p.trial.configuration in space])
    ratios = [p.ratios for p in feasible]
    front = tuple(feasible[i] for i in pareto.non_dominated(ratios))
    best, why = recommended(front)
    return Standing(
        objectives=tuple(objectives),
        points=points,
        front=front,
        hypervolume=pareto.hypervolume(ratios, (REFERENCE_RATIO,) * len(objectives)),
        recommended=best,
        why=why,
        failed=len(settled) - len(measured),
    )


def recommended(front: Sequence[Point]) -> tuple[Point | None, str]:
    """The front's knee, and why in words. Where the front hardly bulges (its knee lies less than MIN_BULGE below the plane
    through its ends), an end would be chosen by chance: there, the point that alone dominates the most."""
    if not front:
        return None, "nothing feasible was measured"
    ratios = [p.ratios for p in front]
    chosen = pareto.knee(ratios)
    why = "it is the knee of the front, the point furthest below the line between the front's ends"
    if pareto.bulge(ratios, chosen) < MIN_BULGE:
        reference = (REFERENCE_RATIO,) * len(ratios[0])
        chosen = max(range(len(front)), key=lambda i: pareto.hypervolume([ratios[i]], reference))
        why = "the front has no knee; this point alone dominates the most, up to twice the baseline"
    return front[chosen], why


def _distinct(points: Sequence[Point]) -> list[Point]:
    """The first of those that come to the same: other parameters, but no difference in effect."""
    found: dict[tuple[str, tuple[float, ...]], Point] = {}
    for each in points:
        found.setdefault((each.trial.configuration.policy, each.ratios), each)
    return list(found.values())

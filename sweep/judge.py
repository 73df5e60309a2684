"""How good each configuration is: objectives over scenarios, constraints, the front of what is feasible.

Scenarios differ by orders of magnitude, so an objective is judged as its ratio to the baseline's value in
the same scenario: 0.5 reads "half of the baseline's". Over scenarios a study combines these ratios by their
mean, by the worst of them, or by regret: how much worse than the best that was measured in that scenario, in
baselines, in the scenario where that is worst (minimax regret; Savage, "The theory of statistical decision",
1951). Measurements stay as they are beside it.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from sweep import pareto
from sweep.constraint import Constraint
from sweep.recommend import recommended
from sweep.study import Combine
from sweep.trial import SAMPLER, Attempt, Configuration, Measurement, Trial

REFERENCE: Final[dict[Combine, float]] = {"mean": 2.0, "worst": 2.0, "regret": 1.0}
"""Hypervolume is measured from here in each objective: twice the baseline, or a regret of one baseline. What
is worse adds nothing."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A constraint that a configuration does not keep in a scenario, in words."""

    constraint: str
    scenario: str
    value: str


@dataclass(frozen=True, slots=True)
class Point:
    """A measured configuration.

    scenario_ratios: for each scenario, in the order of `measurements`, objective / the baseline's, for each
    objective. values: these combined over scenarios, for each objective; smaller is better. excess: of the
    constraints, summed, relative to their bounds; 0 where all are kept.
    """

    trial: Trial
    measurements: tuple[tuple[str, Measurement], ...]
    scenario_ratios: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]
    broken: tuple[Broken, ...]
    excess: float

    @property
    def feasible(self) -> bool:
        return not self.broken

    @property
    def ratios(self) -> tuple[float, ...]:
        """The mean over scenarios of objective / the baseline's, for each objective."""
        return _mean(self.scenario_ratios)

    @property
    def violations(self) -> int:
        return sum(m.violations for _, m in self.measurements)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a study stands: its points in trial order, the front of what is feasible, what it dominates, and
    what is recommended.

    compared: the baseline and what kernels do. best: for each scenario, for each objective, the smallest
    ratio of a feasible configuration.
    """

    objectives: tuple[str, ...]
    combine: Combine
    points: tuple[Point, ...]
    compared: tuple[Point, ...]
    measured: int
    feasible: int
    front: tuple[Point, ...]
    hypervolume: float
    recommended: Point | None
    why: str
    failed: tuple[Attempt, ...]
    best: tuple[tuple[float, ...], ...]

    @property
    def baseline(self) -> Point | None:
        return next(iter(self.by_origin("baseline")), None)

    def by_origin(self, prefix: str) -> list[Point]:
        """Points whose trial was asked for by `prefix` ("baseline", "preset:")."""
        return [p for p in self.compared if p.trial.origin.startswith(prefix)]


class Judge:
    """Judges attempts as they come; what it keeps of them is a point each and one front."""

    def __init__(
        self,
        objectives: Sequence[str],
        combine: Combine,
        constraints: Sequence[Constraint],
        space: Container[Configuration],
    ) -> None:
        """space: what the study chooses from. What lies outside was measured for comparison (the baseline,
        what kernels do) and is neither on the front nor recommended, nor a scenario's best."""
        self.objectives = tuple(objectives)
        self.reference = REFERENCE[combine]
        self._get = [attrgetter(name) for name in objectives]
        self._combine: Combine = combine
        self._constraints = tuple(constraints)
        self._space = space
        self._baseline: dict[str, tuple[float, ...]] = {}
        self._points: list[Point] = []
        self._compared: list[int] = []
        self._feasible = 0
        self._failed: list[Attempt] = []
        self._front: list[Point] = []
        self._best: tuple[tuple[float, ...], ...] = ()
        self._hypervolume = 0.0

    @property
    def measured(self) -> int:
        return len(self._points)

    @property
    def told(self) -> int:
        """Settled trials, measured or failed."""
        return len(self._points) + len(self._failed)

    def add(self, attempts: Sequence[Attempt]) -> list[Point]:
        """Points whose values are new or other than before.

        The first attempt ever given must be the baseline's, measured; the rest are settled attempts.
        """
        for each in attempts:
            if each.failure is not None:
                self._failed.append(each)
        measured = [a for a in attempts if a.failure is None]
        if not self._baseline and measured:
            self._baseline = {
                scenario: tuple(max(get(m), 1.0) for get in self._get)
                for scenario, m in measured[0].measurements
            }
        new = [self._point(a) for a in measured]
        self._feasible += sum(p.feasible for p in new)
        self._compared += [
            len(self._points) + i
            for i, p in enumerate(new)
            if p.trial.origin.startswith(("baseline", "preset:"))
        ]
        better = self._better_best(self._choosable(new))
        if better and self._combine == "regret":
            # Every regret is against the best known: all values change.
            changed = self._points = [self._valued(p) for p in (*self._points, *new)]
            self._front = []
        else:
            changed = [self._valued(p) for p in new]
            self._points += changed
        self._merge(self._choosable(changed))
        return list(changed)

    def standing(self, *, points: bool = True) -> Standing:
        """All of it; without the points where only those are wanted that have a name."""
        best, why = recommended(self._front, [p.values for p in self._front], self.reference)
        return Standing(
            objectives=self.objectives,
            combine=self._combine,
            points=tuple(self._points) if points else (),
            compared=tuple(self._points[place] for place in self._compared),
            measured=len(self._points),
            feasible=self._feasible,
            front=tuple(self._front),
            hypervolume=self._hypervolume,
            recommended=best,
            why=why,
            failed=tuple(self._failed),
            best=self._best,
        )

    # -- one point --

    def _choosable(self, points: Sequence[Point]) -> list[Point]:
        """Feasible and in the space; what a sampler proposed is."""
        return [
            p
            for p in points
            if p.feasible and (p.trial.origin == SAMPLER or p.trial.configuration in self._space)
        ]

    def _point(self, attempt: Attempt) -> Point:
        ratios = tuple(
            tuple(get(m) / base for get, base in zip(self._get, self._baseline[scenario], strict=True))
            for scenario, m in attempt.measurements
        )
        broken = []
        excess = 0.0
        for scenario, m in attempt.measurements:
            if m.violations:
                broken.append(Broken("violations = 0", scenario, f"{m.violations:,}"))
                excess += m.violations
            for each in self._constraints:
                if beyond := each.excess(m):
                    broken.append(Broken(str(each), scenario, each.show(m.get(each.metric))))
                    excess += beyond
        return Point(attempt.trial, attempt.measurements, ratios, (), tuple(broken), excess)

    def _valued(self, point: Point) -> Point:
        if self._combine == "mean":
            values = _mean(point.scenario_ratios)
        elif self._combine == "worst":
            values = tuple(max(column) for column in zip(*point.scenario_ratios, strict=True))
        else:
            values = regret(point, self._best)
        return replace(point, values=values)

    # -- all of them --

    def _better_best(self, candidates: Sequence[Point]) -> bool:
        before = self._best
        for each in candidates:
            if not self._best:
                self._best = each.scenario_ratios
            self._best = tuple(
                tuple(map(min, old, new)) for old, new in zip(self._best, each.scenario_ratios, strict=True)
            )
        return self._best != before

    def _merge(self, candidates: Sequence[Point]) -> None:
        places = pareto.undominated_by([p.values for p in self._front], [p.values for p in candidates])
        if not places:
            return
        everything = sorted((*self._front, *(candidates[i] for i in places)), key=lambda p: p.trial.number)
        front = [everything[i] for i in pareto.non_dominated([p.values for p in everything])]
        if front != self._front:
            self._front = front
            reference = (self.reference,) * len(self.objectives)
            self._hypervolume = pareto.hypervolume([p.values for p in front], reference)


def judge(
    attempts: Sequence[Attempt],
    objectives: Sequence[str],
    combine: Combine,
    constraints: Sequence[Constraint],
    space: Container[Configuration],
) -> Standing:
    """Judge settled attempts, of whatever order, at once. Without a measured baseline there is nothing to
    compare to yet, and no point."""
    settled = sorted((a for a in attempts if a.settles), key=lambda a: a.trial.number)
    made = Judge(objectives, combine, constraints, space)
    if settled and settled[0].trial.origin == "baseline" and settled[0].failure is None:
        made.add(settled)
    return made.standing()


def regret(point: Point, best: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """For each objective, how far the point is from the best, in baselines, in its worst scenario.

    best: for each scenario, for each objective, the smallest ratio to the baseline. What is better than the
    best (a configuration that is only compared to) has a regret of 0.
    """
    if not best:
        return tuple(max(column) for column in zip(*point.scenario_ratios, strict=True))
    behind = (
        [max(0.0, ratio - least) for ratio, least in zip(ratios, leasts, strict=True)]
        for ratios, leasts in zip(point.scenario_ratios, best, strict=True)
    )
    return tuple(max(column) for column in zip(*behind, strict=True))


def _mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))

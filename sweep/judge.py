"""How good each configuration is: objectives over scenarios, constraints, the front of what is feasible.

A noisy measurement brings its own ratio, to baseline blocks that were measured beside it; that is the
scenario's then, with its interval. What may be on the front of noisy points is in sweep/noise.py.

Scenarios differ by orders of magnitude, so an objective is judged as its ratio to the baseline's value in
the same scenario: 0.5 reads "half of the baseline's". Over scenarios a study combines these ratios by their
mean, by the worst of them, or by regret: how much worse than the best that was measured in that scenario, in
baselines, in the scenario where that is worst (minimax regret; Savage, "The theory of statistical decision",
1951). Measurements stay as they are beside it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import replace
from operator import attrgetter

from sweep import noise, pareto
from sweep.constraint import Constraint
from sweep.propose import Observation
from sweep.recommend import recommended
from sweep.standing import REFERENCE, SIMULATED, Broken, Certainty, Point, Standing, mean
from sweep.study import Combine
from sweep.trial import (
    REPEAT,
    SAMPLER,
    Attempt,
    Configuration,
    Evidence,
    Interval,
    Measurement,
    Spent,
    Trial,
)


class MixtureError(ValueError):
    """Measurements that cannot be compared with each other."""


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
        self._sources: set[tuple[str, str]] = set()
        self._runs: dict[str, list[Attempt]] = {}  # of noisy configurations, by key
        self._places: dict[str, int] = {}  # of their points
        self._repeats = 0
        self._spent = Spent()

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it judges by."""
        return (*self.objectives, *(each.metric for each in self._constraints))

    @property
    def measured(self) -> int:
        return len(self._points)

    @property
    def told(self) -> int:
        """Settled trials, measured or failed."""
        return len(self._points) + len(self._failed) + self._repeats

    def add(self, attempts: Sequence[Attempt]) -> list[Point]:
        """Points whose values are new or other than before.

        The first attempt ever given must be the baseline's, measured; the rest are settled attempts. A
        repeat changes the point of its configuration. Raises MixtureError for measurements of unlike machines.
        """
        for each in attempts:
            self._spent += each.spent
            if each.failure is not None:
                self._failed.append(each)
        measured = [a for a in attempts if a.failure is None]
        self._check_sources(measured)
        if not self._baseline and measured:
            self._baseline = {
                scenario: tuple(max(get(m), 1.0) for get in self._get)
                for scenario, m in measured[0].measurements
            }
        again = [a for a in measured if a.trial.origin == REPEAT]
        new = [self._point(a) for a in measured if a.trial.origin != REPEAT]
        self._feasible += sum(p.feasible for p in new)
        self._compared += [
            len(self._points) + i
            for i, p in enumerate(new)
            if p.trial.origin.startswith(("baseline", "preset:"))
        ]
        for each in measured:
            if each.evidence:
                self._runs.setdefault(each.trial.configuration.key(), []).append(each)
        for place, point in enumerate(new, len(self._points)):
            self._places.setdefault(point.trial.configuration.key(), place)
        better = self._better_best(self._choosable(new))
        if better and self._combine == "regret":
            # Every regret is against the best known: all values change.
            changed = self._points = [self._valued(p) for p in (*self._points, *new)]
            self._front = []
        else:
            changed = [self._valued(p) for p in new]
            self._points += changed
        if again:
            changed = self._measured_again(again, changed)
        self._merge(self._choosable(changed))
        return list(changed)

    def _measured_again(self, again: Sequence[Attempt], changed: Sequence[Point]) -> list[Point]:
        """Better known points in the places of the old ones; all points that are new or other."""
        self._repeats += len(again)
        places = {self._places[a.trial.configuration.key()] for a in again}
        for place in places:
            old = self._points[place]
            self._feasible -= old.feasible
            runs = self._runs[old.trial.configuration.key()]
            self._points[place] = self._valued(self._point(_pooled(old.trial, runs)))
            self._feasible += self._points[place].feasible
        # What has become worse may have been a scenario's best, or have dominated others.
        self._best, self._front = (), []
        if self._better_best(self._choosable(self._points)) and self._combine == "regret":
            self._points = [self._valued(p) for p in self._points]
            changed = self._points
        self._merge(self._choosable(self._points))
        numbers = {p.trial.number for p in changed} | {self._points[place].trial.number for place in places}
        return [p for p in self._points if p.trial.number in numbers]

    def spreads(self, point: Point) -> tuple[float, ...]:
        """Of a noisy point's values, the standard deviations of their logarithms; of an exact one, none."""
        if not point.intervals:
            return ()
        drawn = self._drawn(point)
        known = (noise.interval(value, drawn[:, place]) for place, value in enumerate(point.values))
        return tuple(map(noise.spread, known))

    def standing(self, *, points: bool = True) -> Standing:
        """All of it; without the points where only those are wanted that have a name."""
        best, why = recommended(self._front, [p.values for p in self._front], self.reference)
        level, machine = next(iter(self._sources), (SIMULATED, ""))
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
            level=level,
            machine=machine,
            certainty=self._certainty() if points and level != SIMULATED else {},
            repeats=self._repeats,
            spent=self._spent,
        )

    # -- noise --

    def _check_sources(self, measured: Sequence[Attempt]) -> None:
        for each in measured:
            rests_on = dict(each.evidence)
            for scenario, _ in each.measurements:
                of = rests_on.get(scenario)
                self._sources.add((of.level, of.machine) if of else (SIMULATED, ""))
        if len(self._sources) > 1:
            said = " and ".join(sorted(f"{level} {machine}".strip() for level, machine in self._sources))
            raise MixtureError(
                f"measurements of different kinds in one study ({said}): they are never compared with each other; "
                "keep each in a study of its own"
            )

    def _certainty(self) -> dict[int, Certainty]:
        drawn = {p.trial.number: self._drawn(p) for p in self._points}
        may = self._choosable(self._points)
        shares = noise.on_front([drawn[p.trial.number] for p in may])
        on_front = {p.trial.number: share for p, share in zip(may, shares, strict=True)}
        return {
            p.trial.number: Certainty(
                tuple(noise.interval(v, drawn[p.trial.number][:, i]) for i, v in enumerate(p.values)),
                on_front.get(p.trial.number),
                max(len(self._runs.get(p.trial.configuration.key(), ())), 1),
            )
            for p in self._points
        }

    def _drawn(self, point: Point) -> noise.Array:
        """Values that it may have: (world, objective)."""
        drawn = noise.worlds(point.intervals, point.trial.configuration.key())
        if self._combine == "regret" and self._best:
            drawn = (drawn - self._best).clip(min=0.0)
        combined: noise.Array = drawn.mean(axis=1) if self._combine == "mean" else drawn.max(axis=1)
        return combined

    # -- one point --

    def _choosable(self, points: Sequence[Point]) -> list[Point]:
        """Feasible and in the space; what a sampler proposed is."""
        return [
            p
            for p in points
            if p.feasible and (p.trial.origin == SAMPLER or p.trial.configuration in self._space)
        ]

    def _point(self, attempt: Attempt) -> Point:
        rests_on = dict(attempt.evidence)
        intervals: tuple[tuple[Interval, ...], ...] = ()
        if rests_on:
            exact = attempt.trial.origin == "baseline"
            intervals = tuple(
                self._intervals(scenario, m, None if exact else rests_on.get(scenario))
                for scenario, m in attempt.measurements
            )
            ratios = tuple(tuple(each.value for each in row) for row in intervals)
        else:
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
        return Point(
            attempt.trial,
            attempt.measurements,
            ratios,
            (),
            tuple(broken),
            excess,
            attempt.evidence,
            intervals,
        )

    def _intervals(self, scenario: str, measured: Measurement, of: Evidence | None) -> tuple[Interval, ...]:
        """For each objective its ratio to the baseline: as measured beside it, or else of the values. Without
        evidence it is taken for exact: the baseline, to itself."""
        found = []
        for name, get, base in zip(self.objectives, self._get, self._baseline[scenario], strict=True):
            ratio, value = (of.ratio(name), of.value(name)) if of else (None, None)
            if ratio is not None and all(map(math.isfinite, (ratio.value, ratio.low, ratio.high))):
                found.append(ratio)
            elif value is not None:
                found.append(Interval(value.value / base, value.low / base, value.high / base))
            else:
                found.append(Interval(*(get(measured) / base,) * 3))
        return tuple(found)

    def _valued(self, point: Point) -> Point:
        if self._combine == "mean":
            values = mean(point.scenario_ratios)
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


def observed(made: Judge, settled: Sequence[Attempt], given_up: Sequence[Configuration]) -> list[Observation]:
    """Tells a judge of these attempts; what a proposer is told of them then. Of what failed it learns nothing
    but not to ask for it again. Raises MixtureError."""
    changed = made.add(settled)
    failed = [a.trial.configuration for a in settled if a.failure and a.trial.origin != REPEAT]
    return [
        *(Observation(configuration, ()) for configuration in (*failed, *given_up)),
        *(Observation(p.trial.configuration, p.values, p.excess, made.spreads(p)) for p in changed),
    ]


def _pooled(trial: Trial, runs: Sequence[Attempt]) -> Attempt:
    """All runs of a configuration as one."""
    names = [scenario for scenario, _ in runs[0].measurements]
    of = {
        name: noise.pooled([(run.measurement(name), dict(run.evidence)[name]) for run in runs])
        for name in names
    }
    return replace(
        runs[0],
        trial=trial,
        measurements=tuple((name, of[name][0]) for name in names),
        evidence=tuple((name, of[name][1]) for name in names),
    )

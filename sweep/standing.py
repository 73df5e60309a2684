"""What comes of judging, as values: points, how surely they are known, and where a study stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sweep.study import Combine
from sweep.trial import EMULATED, Attempt, Evidence, Interval, Measurement, Spent, Trial

REFERENCE: Final[dict[Combine, float]] = {"mean": 2.0, "worst": 2.0, "regret": 1.0}
"""Hypervolume is measured from here in each objective: twice the baseline, or a regret of one baseline. What
is worse adds nothing."""


SIMULATED: Final = "simulated"
"""The level of measurements without noise."""


def figures(level: str, machine: str) -> str:
    """What kind of figures these are: `simulated`, or how and where they were measured. machine: key of its
    fingerprint. What an emulator measured says so first."""
    if level == SIMULATED:
        return SIMULATED
    if machine.startswith(EMULATED):
        return f"emulated, in a kernel ({machine}; its times are no real CPU's)"
    if level == "kernel":
        return f"measured in a kernel ({machine})"
    return f"measured in user space on machine {machine}"


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
    constraints, summed, relative to their bounds; 0 where all are kept. evidence: by scenario name, of noisy
    measurements. intervals: as scenario_ratios, of noisy ones; empty where all are exact.
    """

    trial: Trial
    measurements: tuple[tuple[str, Measurement], ...]
    scenario_ratios: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]
    broken: tuple[Broken, ...]
    excess: float
    evidence: tuple[tuple[str, Evidence], ...] = ()
    intervals: tuple[tuple[Interval, ...], ...] = ()

    @property
    def feasible(self) -> bool:
        return not self.broken

    @property
    def ratios(self) -> tuple[float, ...]:
        """The mean over scenarios of objective / the baseline's, for each objective."""
        return mean(self.scenario_ratios)

    @property
    def violations(self) -> int:
        return sum(m.violations for _, m in self.measurements)


@dataclass(frozen=True, slots=True)
class Certainty:
    """How well a noisy point is known. values: those of the point, with their 95 % intervals. on_front: the
    probability that no other configuration dominates it; None of what may not be chosen. runs: how often it
    was measured."""

    values: tuple[Interval, ...]
    on_front: float | None
    runs: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a study stands: its points in trial order, the front of what is feasible, what it dominates, and
    what is recommended.

    compared: the baseline and what kernels do. best: for each scenario, for each objective, the smallest
    ratio of a feasible configuration. level: SIMULATED, or the backend of noisy measurements; machine: the key
    of its fingerprint. certainty: of noisy points, by trial number. repeats: trials that measured a
    configuration again. spent: by all settled attempts.
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
    level: str = SIMULATED
    machine: str = ""
    certainty: Mapping[int, Certainty] = field(default_factory=dict)
    repeats: int = 0
    spent: Spent = field(default_factory=Spent)

    @property
    def emulated(self) -> bool:
        """Whether its times are an emulator's, and no machine's."""
        return self.machine.startswith(EMULATED)

    @property
    def unmeasured(self) -> frozenset[str]:
        """Metrics without a meaning where this was measured; they stand as 0 in measurements."""
        of = (evidence.unmeasured for point in self.compared[:1] for _, evidence in point.evidence)
        return frozenset(name for names in of for name in names)

    @property
    def told(self) -> int:
        """Settled trials."""
        return self.measured + len(self.failed) + self.repeats

    @property
    def baseline(self) -> Point | None:
        return next(iter(self.by_origin("baseline")), None)

    def by_origin(self, prefix: str) -> list[Point]:
        """Points whose trial was asked for by `prefix` ("baseline", "preset:")."""
        return [p for p in self.compared if p.trial.origin.startswith(prefix)]


def mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Of each column."""
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))

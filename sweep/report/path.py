"""The path from the baseline to the recommendation: one change at a time, each step measured.

First the policy at its defaults, then its parameters, each time the one that gains most. A gain is how far
the sum of the objectives' values falls, in baselines; so the gains of all steps add up to the whole way's.
"""

from __future__ import annotations

from dataclasses import dataclass

import policies
from sweep.report.bench import Bench
from sweep.standing import Point, Standing
from sweep.trial import Configuration, ParamValue


@dataclass(frozen=True, slots=True)
class Step:
    """point: where it leads; a text where the configuration failed by itself, which says why.

    gains: for each objective, how far its value fell since the last step that could be measured; empty
    where this one could not.
    """

    change: str
    configuration: Configuration
    point: Point | str
    gains: tuple[float, ...]

    @property
    def gain(self) -> float:
        return sum(self.gains)


def path(standing: Standing, bench: Bench) -> tuple[Step, ...]:
    """From the baseline, which is not a step itself, to what is recommended; empty where that is the baseline
    or nothing is."""
    best, baseline = standing.recommended, standing.baseline
    if best is None or baseline is None:
        return ()
    goal = best.trial.configuration
    policy = policies.policy(goal.policy)
    last, here = baseline, baseline.trial.configuration
    steps = []
    if goal.policy != here.policy:
        here = Configuration.of(goal.policy, policy.defaults())
        (point,) = bench.points([here])
        steps.append(_step(f"policy {goal.policy}, at its defaults", here, point, last))
        last = point if isinstance(point, Point) else last
    while here != goal:
        candidates = [(name, _with(here, name, goal)) for name in _open(here, goal)]
        points = bench.points([configuration for _, configuration in candidates])
        reached = [
            _step(_said(name, here, goal), configuration, point, last)
            for (name, configuration), point in zip(candidates, points, strict=True)
        ]
        # A step that cannot be measured comes last; of equals, the first in the policy's table.
        step = max(reached, key=lambda s: (isinstance(s.point, Point), s.gain))
        steps.append(step)
        here = step.configuration
        last = step.point if isinstance(step.point, Point) else last
    return tuple(steps)


def _step(change: str, configuration: Configuration, point: Point | str, last: Point) -> Step:
    gains = (
        tuple(before - after for before, after in zip(last.values, point.values, strict=True))
        if isinstance(point, Point)
        else ()
    )
    return Step(change, configuration, point, gains)


def _open(here: Configuration, goal: Configuration) -> list[str]:
    """Parameters that are still to be changed and matter already; all, where none does."""
    now, then = here.mapping(), goal.mapping()
    changes = [p for p in policies.policy(goal.policy).params if now[p.name] != then[p.name]]
    matter = [p.name for p in changes if p.only_with is None or now[p.only_with]]
    return matter or [p.name for p in changes]


def _with(here: Configuration, name: str, goal: Configuration) -> Configuration:
    return Configuration.of(here.policy, here.mapping() | {name: goal.mapping()[name]})


def _said(name: str, here: Configuration, goal: Configuration) -> str:
    before, after = here.mapping()[name], goal.mapping()[name]
    unit = policies.policy(goal.policy).param(name).unit
    return f"{name}: {_word(before)} → {_word(after)}" + (f" {unit}" if unit else "")


def _word(value: ParamValue) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:,}" if isinstance(value, int) else value
    )

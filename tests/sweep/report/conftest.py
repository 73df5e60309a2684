"""A small study, really measured once; judged anew by each test as it likes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

import policies
from sweep.backends.evaluator import Scenario, SimulatorEvaluator
from sweep.judge import Judge, judge
from sweep.report import Evidence
from sweep.scenarios import scenarios
from sweep.standing import Standing
from sweep.study import Study
from sweep.study_file import parse
from sweep.trial import Attempt, Configuration, Trial

OBJECTIVES = ("exit_latency_ns.p99", "retained_bytes.mean", "max_stall_ns", "cpu_ns_per_object")
EVIDENCE = Evidence("0123456789abcdef", 41, complete=True, versions=(("python", "3.11"),))


@dataclass(frozen=True, slots=True)
class Measured:
    """Attempts at every preset and default and at some more, in two scenarios."""

    scenarios: tuple[Scenario, ...]
    attempts: tuple[Attempt, ...]

    def study(self, **changes: object) -> Study:
        return study(**changes)

    def standing(self, asked: Study, attempts: Sequence[Attempt] | None = None) -> Standing:
        """A sampler proposes what lies in the study's space alone."""
        space = asked.space()
        return judge(
            [
                a
                for a in (self.attempts if attempts is None else attempts)
                if a.trial.origin != "sampler" or a.trial.configuration in space
            ],
            asked.objectives,
            asked.combine,
            asked.bounds(),
            asked.space(),
        )

    def course(self, asked: Study) -> list[tuple[int, float]]:
        made = Judge(asked.objectives, asked.combine, asked.bounds(), asked.space())
        moments = []
        for start in range(0, len(self.attempts), 8):
            made.add(self.attempts[start : start + 8])
            moments.append((made.told, made.standing(points=False).hypervolume))
        return moments


def study(**changes: object) -> Study:
    values: dict[str, object] = {
        "name": "small",
        "workloads": ["shell-configure", "giant-exit"],
        "machines": ["vm-2cpu"],
        "budget": {"trials": 41},
    }
    return parse(values | changes, "small")


def attempts(asked: Study, made: Sequence[Scenario], trials: int) -> tuple[Attempt, ...]:
    """The baseline, presets and defaults, then at random up to so many trials."""
    space, dice = asked.space(), random.Random(1)
    first = [("baseline", Configuration.of("per_object", policies.policy("per_object").defaults()))]
    for preset in policies.presets().values():
        complete = policies.policy(preset.policy).validate(dict(preset.params))
        first.append((f"preset:{preset.name}", Configuration.of(preset.policy, complete)))
    first += [("default", space.start(name)) for name in space.policies]
    distinct: dict[Configuration, str] = {}
    for origin, configuration in first:
        known = distinct.get(configuration)
        if known is None or not known.startswith("preset:") or not origin.startswith("preset:"):
            distinct.setdefault(configuration, origin)
        else:
            distinct[configuration] = f"{known}, {origin.removeprefix('preset:')}"
    for name in itertools.cycle(space.policies):
        if len(distinct) >= trials:
            break
        distinct.setdefault(space.nth(name, dice.randrange(space.count(name))), "sampler")
    evaluate = SimulatorEvaluator(tuple(made))
    return tuple(
        Attempt(Trial(number, configuration, origin), 0, measured, None, "here", 0.0, 0.0)
        for number, (configuration, origin) in enumerate(distinct.items())
        for measured in [evaluate(configuration, {}).measurements]
    )


@pytest.fixture(scope="session")
def measured() -> Measured:
    asked = study()
    made = scenarios(asked)
    return Measured(made, attempts(asked, made, 41))

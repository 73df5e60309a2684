"""Everything in a small space, measured once: what samplers are then run against."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from sweep.backends.evaluator import Evaluation, EvaluationError, SimulatorEvaluator
from sweep.course import Course
from sweep.judge import Judge
from sweep.pareto import hypervolume
from sweep.propose import Observation, make
from sweep.scenarios import scenarios
from sweep.standing import REFERENCE
from sweep.study import Study
from sweep.trial import Attempt, Cause, Configuration, Failure, Measurement, Trial


@dataclass(frozen=True, slots=True)
class Table:
    """A study whose every answer is known. reference: where hypervolume is measured from."""

    study: Study
    reference: tuple[float, ...]
    observations: Mapping[Configuration, Observation]

    def hypervolume(self, configurations: list[Configuration]) -> float:
        """Of those that are feasible and in the space."""
        space = self.study.space()
        found = [self.observations[each] for each in configurations if each in space]
        return hypervolume([each.values for each in found if each.feasible], self.reference)

    def whole(self) -> float:
        """The hypervolume of the true front."""
        return self.hypervolume(list(self.observations))


def table(study: Study, cache: Path, say: Callable[[str], None]) -> Table:
    """Of the study's grid and of what a loop measures first; measured where the cache has it not."""
    measured = scenarios(study)
    values = study.resolved()
    asked = [values[key] for key in ("policies", "objectives", "combine", "constraints")]
    text = json.dumps([asked, [each.key for each in measured]])
    path = cache / f"{study.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not path.exists():
        wanted = _wanted(study)
        say(f"{study.name}: measuring {len(wanted):,} configurations, once")
        rows = _measure(study, wanted)
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows))
    observations = {
        configuration: Observation(configuration, tuple(values), excess)
        for policy, params, values, excess in json.loads(path.read_text())
        for configuration in [Configuration.of(policy, params)]
    }
    return Table(study, (REFERENCE[study.combine],) * len(study.objectives), observations)


def first_trials(study: Study) -> list[Configuration]:
    """What the loop measures before it asks a proposer; the baseline first."""
    nothing = Course(study.model_copy(update={"batch_size": 1000}), (), ())
    proposer = make("grid", study.space(), len(study.objectives), 0, 4)
    tasks, _ = nothing.next_batch(proposer)
    return [task.trial.configuration for task in tasks if task.trial.origin != "sampler"]


def _wanted(study: Study) -> list[Configuration]:
    space = study.space()
    grid = [space.nth(policy, i) for policy in space.policies for i in range(space.count(policy))]
    return list(dict.fromkeys([*first_trials(study), *grid]))


Measured = tuple[tuple[str, Measurement], ...] | str


def _measure(
    study: Study, wanted: list[Configuration]
) -> list[tuple[str, dict[str, object], tuple[float, ...], float]]:
    judge = Judge(study.objectives, study.combine, study.bounds(), study.space())
    rows = []
    with get_context("spawn").Pool(os.cpu_count(), _start, (study.model_dump_json(),)) as pool:
        for number, (configuration, result) in enumerate(
            zip(wanted, pool.imap(_evaluate, wanted, chunksize=8), strict=True)
        ):
            trial = Trial(number, configuration, "sampler" if number else "baseline")
            failure = Failure(Cause.CONFIGURATION, result) if isinstance(result, str) else None
            attempt = Attempt(trial, 0, () if isinstance(result, str) else result, failure, "", 0.0, 0.0)
            values, excess = next(((p.values, p.excess) for p in judge.add([attempt])), ((), 0.0))
            rows.append((configuration.policy, configuration.mapping(), values, excess))
    return rows


_evaluator: Callable[[Configuration], Evaluation]


def _start(study: str) -> None:
    global _evaluator
    measured = scenarios(Study.model_validate_json(study))
    _evaluator = partial(SimulatorEvaluator(measured), have={})


def _evaluate(configuration: Configuration) -> Measured:
    try:
        return _evaluator(configuration).measurements
    except EvaluationError as error:
        return str(error)

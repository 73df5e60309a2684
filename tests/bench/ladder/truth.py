"""Second values: what was shown as a front is measured once more, after the race and apart from it.

A front of noisy points is chosen for its good values, so those values are too good, and the more so the more points
were measured (the winner's curse). What is measured again is not chosen by what comes out, so the second
values favour no way. One round measures each configuration once, in an order of its own; a machine that drifts does
not favour those that come early. Within a trial the blocks are interleaved with the baseline's, as in any other.

Second values come in two halves, of every other round: what is the best that is known must be chosen by one half
and valued by the other (course.py), or it would be chosen for its luck again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from sweep.backends.blocks import baseline
from sweep.execute.port import Evaluate, Task, attempt
from sweep.judge import judge
from sweep.store.files import FileStore
from sweep.study import Study
from sweep.trial import REPEAT, SAMPLER, Attempt, Configuration, Trial

ROUNDS: Final = 4

Values: TypeAlias = Mapping[Configuration, tuple[float, ...]]
"""Of configurations, one for each objective, in baselines."""


def measured(
    study: Study, evaluate: Evaluate, wanted: Iterable[Configuration], place: Path, rounds: int = ROUNDS
) -> tuple[Values, ...]:
    """Values of those that keep the constraints, each the mean over half of so many rounds; of a single round, one
    half. What `place` holds already is not measured again."""
    store = FileStore(place)
    try:
        found = list(store.attempts())
        for number in range(rounds):
            again = REPEAT if number else SAMPLER
            done = {a.trial.configuration for a in found if a.worker == _worker(number)}
            order = sorted(set(wanted) - {baseline()}, key=Configuration.key)
            Random(f"{study.seed}/{number}").shuffle(order)
            for configuration in [baseline(), *order]:
                if configuration not in done:
                    origin = "baseline" if not found else again
                    trial = Trial(len(found), configuration, origin)
                    found.append(attempt(evaluate, Task(trial), _worker(number)))
                    store.append(found[-1:])
    finally:
        store.close()
    halves = [[a for a in found if _round(a) % 2 == half] for half in range(min(rounds, 2))]
    return tuple(_values(study, _apart(half)) for half in halves)


def _apart(half: Iterable[Attempt]) -> list[Attempt]:
    """As if there were no other half: what is the first of a configuration repeats nothing."""
    known, found = set[Configuration](), list[Attempt]()
    for each in half:
        configuration = each.trial.configuration
        origin = "baseline" if configuration == baseline() else SAMPLER
        if configuration not in known:
            each = replace(each, trial=replace(each.trial, origin=origin))
        known.add(configuration)
        found.append(each)
    return found


def _round(of: Attempt) -> int:
    return int(of.worker.split()[-1])


def _worker(number: int) -> str:
    return f"round {number}"


def _values(study: Study, attempts: list[Attempt]) -> Values:
    now = judge(attempts, study.objectives, study.combine, study.bounds(), study.space())
    return {p.trial.configuration: p.values for p in now.points if p.feasible}

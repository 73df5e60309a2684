"""Ways to spend native time on one question, each through the loop that studies run through."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.console import Console

from sweep import ladder, launch
from sweep.backends.evaluator import Scenario, SimulatorEvaluator
from sweep.course import UNBOUNDED, Course, First, first_trials
from sweep.execute import Evaluate
from sweep.execute.in_process import InProcessExecutor
from sweep.judge import Judge, judge
from sweep.progress import Progress
from sweep.propose import Proposer, make
from sweep.standing import REFERENCE, Standing
from sweep.store.files import FileStore
from sweep.study import Study
from sweep.track.nothing import NoTracker
from sweep.trial import Attempt, Configuration, Spent

UNTAUGHT: Final = "nsga2 untaught"

WAYS: Final = ("ladder", "nsga2", "random", UNTAUGHT)
"""All but the last measure the presets first, and those that are natively alone every policy's defaults: this project's
word on what is good. Untaught, nsga2 is what a user has without the project: it measures the baseline and searches."""


@dataclass(frozen=True, slots=True)
class Moment:
    """After that much native time: what a user would be shown as the front then."""

    spent: Spent
    front: tuple[Configuration, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where native trials are measured. clock: Unix time as its trials take it."""

    evaluate: Evaluate
    clock: Callable[[], float]


def simulate(study: Study, made: tuple[Scenario, ...], place: Path, say: Console) -> Standing:
    """The lower level of a ladder."""
    below = ladder.below(study)
    reference = REFERENCE[below.combine]
    proposer = make(
        below.sampler, below.space(), len(below.objectives), below.seed, below.population, reference
    )
    attempts = _run(
        below, [s.name for s in made], proposer, Bench(SimulatorEvaluator(made), lambda: 0.0), place, say
    )
    return _standing(below, attempts)


def climb(
    study: Study,
    made: tuple[Scenario, ...],
    way: str,
    below: Standing,
    bench: Bench,
    place: Path,
    say: Console,
) -> list[Attempt]:
    """All attempts of one way, until the study's native budget is used up. What `place` holds already is not
    measured again."""
    sampler = "nsga2" if way == UNTAUGHT else way
    upper = study if way == "ladder" else _alone(study, sampler)
    reference = REFERENCE[study.combine]
    proposer: Proposer = (
        ladder.promoter(study, below, "")
        if way == "ladder"
        else make(sampler, study.space(), len(study.objectives), study.seed, study.population, reference)
    )
    first = first_trials(upper)[:1] if way == UNTAUGHT else None
    return _run(upper, [s.name for s in made], proposer, bench, place, say, first)


def _alone(study: Study, sampler: str) -> Study:
    budget = study.budget.model_copy(update={"trials": UNBOUNDED})
    return study.model_copy(update={"ladder": None, "promotion": None, "sampler": sampler, "budget": budget})


def _run(
    study: Study,
    scenarios: list[str],
    proposer: Proposer,
    bench: Bench,
    place: Path,
    say: Console,
    first: Sequence[First] | None = None,
) -> list[Attempt]:
    store = FileStore(place)
    try:
        course = Course(study, scenarios, store.attempts(), first=first)
        executor = InProcessExecutor(bench.evaluate, bench.clock)
        shown = say if say.is_terminal else Console(file=io.StringIO())
        share = lambda: study.share(course.spent)  # noqa: E731
        with (
            Progress(shown, 0, executor.workers, measured_share=share) as progress,
            launch.interruptible() as stop,
        ):
            launch.sweep(study, course, proposer, executor, store, NoTracker(), progress, stop=stop)
            if stop():
                raise KeyboardInterrupt
        return store.attempts()
    finally:
        store.close()


def _standing(study: Study, attempts: list[Attempt]) -> Standing:
    return judge(attempts, study.objectives, study.combine, study.bounds(), study.space())


def moments(study: Study, attempts: list[Attempt]) -> list[Moment]:
    """After each batch, within the budget: batches that were under way when it was used up do not count."""
    made = Judge(study.objectives, study.combine, study.bounds(), study.space())
    settled = sorted((a for a in attempts if a.settles), key=lambda a: a.trial.number)
    found, spent = list[Moment](), Spent()
    for _, batch in groupby(settled, lambda a: a.trial.number // study.batch_size):
        each = list(batch)
        made.add(each)
        spent = sum((a.spent for a in each), spent)
        found.append(Moment(spent, tuple(p.trial.configuration for p in made.standing(points=False).front)))
        if study.share(spent) >= 1:
            break
    return found

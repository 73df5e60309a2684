"""One sampler against a table: the loop as it is, with answers that are looked up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sweep.course import Course
from sweep.pareto import hypervolume, non_dominated
from sweep.propose import Proposer, Space
from sweep.trial import Attempt, Configuration
from tests.bench.samplers.table import Table

Make = Callable[[Space, int, int], Proposer]
"""From space, number of objectives and seed."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a sampler asked for, in order, the loop's first trials included. ask_s: time in `ask`, in all."""

    asked: tuple[Configuration, ...]
    ask_s: float


def run(table: Table, make: Make, seed: int, trials: int, batch_size: int = 16) -> Run:
    """As `sweep.launch` does: batches in order, each asked for while the one before it is running."""
    budget = table.study.budget.model_copy(update={"trials": trials})
    study = table.study.model_copy(update={"budget": budget, "batch_size": batch_size, "seed": seed})
    course = Course(study, (), ())
    proposer = make(study.space(), len(study.objectives), seed)
    asked: list[Configuration] = []
    ask_s = 0.0
    while not course.ended:
        if course.may_ask():
            began = time.perf_counter()
            tasks, copies = course.next_batch(proposer)
            ask_s += time.perf_counter() - began
            attempts = [Attempt(task.trial, 0, (), None, "", 0.0, 0.0) for task in tasks]
            while attempts:
                copies += [copy for attempt in attempts for copy in course.settle(attempt)]
                attempts, copies = copies, []
        elif (batch := course.complete()) is not None:
            configurations = [attempt.trial.configuration for attempt in batch.settled]
            asked += configurations
            proposer.observe([table.observations[each] for each in configurations])
    return Run(tuple(asked), ask_s)


def curve(table: Table, asked: tuple[Configuration, ...]) -> list[float]:
    """After each trial, the hypervolume of what was found, relative to the true front's."""
    space = table.study.space()
    whole = table.whole()
    front: list[tuple[float, ...]] = []
    course, volume = [], 0.0
    for each in asked:
        found = table.observations[each]
        if each in space and found.feasible and found.values not in front:
            points = [*front, found.values]
            kept = [points[i] for i in non_dominated(points)]
            if found.values in kept:
                front = kept
                volume = hypervolume(front, table.reference)
        course.append(volume / whole)
    return course


def trials_to(share: float, course: list[float]) -> float:
    """How many trials it took to reach that share of the true front's hypervolume; infinite if never."""
    return next((number for number, value in enumerate(course, 1) if value >= share), float("inf"))

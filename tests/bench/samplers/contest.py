"""Who takes part, one run of each, and what asking costs."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from sweep import study_file
from sweep.propose import Observation, Proposer, Space, make
from tests.bench.samplers import plain
from tests.bench.samplers.race import Make, curve, run
from tests.bench.samplers.table import Table, table

POPULATION = 32
REFERENCE = 2.0


def _ours(sampler: str, space: Space, nr_objectives: int, seed: int) -> Proposer:
    return make(sampler, space, nr_objectives, seed, POPULATION, REFERENCE)


CONTESTANTS: dict[str, Make] = {
    **{name: partial(_ours, name) for name in ("random", "parzen", "nsga2", "tpe", "gp")},
    "optuna-nsga2": plain.nsga2,
    "optuna-tpe": plain.tpe,
}


@dataclass(frozen=True, slots=True)
class Result:
    """One run. first, best: for each policy, the trial that was its first, and the one after which it added
    nothing more to the front of the run."""

    sampler: str
    seed: int
    curve: list[float]
    ask_ms: float
    first: dict[str, int]
    best: dict[str, int]


def one(study: str, cache: Path, trials: int, job: tuple[str, int]) -> Result:
    """One sampler with one seed."""
    sampler, seed = job
    world = load(study, cache)
    made = run(world, CONTESTANTS[sampler], seed, trials, world.study.batch_size)
    course = curve(world, made.asked)
    first: dict[str, int] = {}
    best: dict[str, int] = {}
    before = 0.0
    for number, (each, volume) in enumerate(zip(made.asked, course, strict=True), 1):
        first.setdefault(each.policy, number)
        if volume > before:
            best[each.policy] = number
        before = volume
    return Result(sampler, seed, course, made.ask_s / len(made.asked) * 1e3, first, best)


def load(study: str, cache: Path) -> Table:
    return table(study_file.load(study_file.find(study)), cache, Console(stderr=True).print)


def race(study: str, cache: Path, samplers: Sequence[str], seeds: int, trials: int) -> list[Result]:
    """Every sampler with every seed, on all CPUs."""
    load(study, cache)  # measured here, once
    jobs = [(sampler, seed) for sampler in samplers for seed in range(1, seeds + 1)]
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        return pool.map(partial(one, study, cache, trials), jobs, chunksize=1)


def cost(contestant: Make, space: Space, history: int, batch: int) -> float:
    """ms of CPU per configuration that is asked for and told, after so many observations."""
    draws = random.Random(0)
    proposer, source = contestant(space, 2, 1), make("random", space, 2, 1, POPULATION)
    for start in range(0, history, batch):
        seen = [
            Observation(each, (draws.random(), draws.random()))
            for each in source.ask(range(start, min(start + batch, history)))
        ]
        proposer.observe(seen)
        source.observe(seen)
    proposer.ask([history])
    began, repeats = time.process_time(), 3
    for repeat in range(repeats):
        asked = proposer.ask(range(history + repeat * batch, history + (repeat + 1) * batch))
        proposer.observe([Observation(each, (draws.random(), draws.random())) for each in asked])
    return (time.process_time() - began) / (repeats * batch) * 1e3

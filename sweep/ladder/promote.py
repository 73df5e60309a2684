"""What is measured next on the machine: a proposer that chooses among what was simulated.

Nobody knows what a simulated configuration would measure, only how far the simulator errs. So worlds are drawn:
in each, every configuration that was measured has a value within its interval, and every other one its
simulated value times an error of the model. A configuration is on the front in some of the worlds: in that share
of them, its probability. To promote by it, a world is drawn for each native trial, and of that world's front the
configuration is taken that adds most to what was measured (Thompson, "On the likelihood that one unknown
probability exceeds another in view of the evidence of two samples", 1933). What is measured takes the place of
what was simulated, and teaches the model.

Before a few are measured little is known of the errors, and worlds differ by luck. So the first ones are chosen in the
world that is expected: its front, what adds most hypervolume first, which spreads them over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

import numpy as np

from sweep import noise, pareto
from sweep.ladder.errors import FLOOR, ErrorModel, Simulated
from sweep.noise import Array
from sweep.propose import Observation, Proposer, Space
from sweep.trial import Configuration

WORLDS: Final = 128
"""Of which probabilities are counted."""
_LOOKED_AT: Final = 16
"""Worlds, until a candidate adds something in one."""
_EXPECTED: Final = 8
"""Promotions that follow what is expected, before worlds are drawn."""
_UNCERTAIN: Final = (0.1, 0.9)
"""A probability between these is worth another measurement."""
_MAX_RUNS: Final = 4
"""Of a configuration: more would say little."""
_EXPLORE: Final = 0.05
"""Of native trials: what the sampler proposes, who knows both levels, and was not simulated."""
_LEAST_POOL: Final = 300
"""Candidates that are looked at: fronts are peeled off the simulated values until there are so many."""


@dataclass(frozen=True, slots=True)
class Rules:
    """See sweep.levels.Promotion. reference: values above it are worth nothing."""

    min_correlation: float
    judge_after: int
    repeats: float
    reference: float


class Promoter(Proposer):
    """Knows every simulated configuration, and proposes some of them. Where there is nothing left that may add to
    the front, or the simulator turns out not to rank what it promotes, a sampler goes on.

    A measured configuration may be proposed again, unlike from other proposers: as a repeat, where it is uncertain
    whether it is on the front. The cost of `ask` grows with what was simulated.
    """

    def __init__(
        self,
        space: Space,
        simulated: Sequence[Observation],
        errors: ErrorModel,
        rules: Rules,
        sampler: Callable[[], Proposer],
        seed: int,
    ) -> None:
        """simulated: in the order of their trials; those outside the space are not promoted, but teach the
        model where they are measured as well. sampler: makes one that was told nothing yet."""
        self._space = space
        self._simulated = {each.configuration.key(): each for each in simulated if each.values}
        self._errors, self._rules, self._sampler, self._seed = errors, rules, sampler, seed
        feasible = [e for e in self._simulated.values() if e.feasible and e.configuration in space]
        self._pool = {each.configuration.key(): each for each in _nearest(feasible)}
        self._told: dict[str, Observation] = {}
        self._runs: dict[str, int] = {}
        self.stopped = ""
        """Why promotion has stopped, if it has."""

    @property
    def errors(self) -> ErrorModel:
        return self._errors

    @property
    def promoted(self) -> int:
        """Configurations that were simulated and are measured."""
        return sum(key in self._simulated and bool(each.values) for key, each in self._told.items())

    def observe(self, observations: Sequence[Observation]) -> None:
        for each in observations:
            key = each.configuration.key()
            self._told[key] = each
            if each.values:
                self._runs[key] = self._runs.get(key, 0) + 1
                if key in self._simulated:
                    self._errors.learn(key, _seen(self._simulated[key]), each.values, each.spreads)
                    self._judge()

    def _judge(self) -> None:
        """Whether the simulator ranks what it promotes."""
        if self.stopped or self._errors.pairs < self._rules.judge_after:
            return
        found = [rho for rho in self._errors.correlation() if rho is not None]
        if found and min(found) < self._rules.min_correlation:
            self.stopped = (
                f"over {self._errors.pairs} configurations measured at both levels the rank correlation is "
                f"{min(found):.2f}, below {self._rules.min_correlation:g}: the study goes on natively only"
            )

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        answers: list[Configuration] = []
        for number in numbers:
            dice = Random(f"{self._seed}/{number}")
            answer = self._next(number, [*pending, *answers], dice)
            if answer is None:
                break
            answers.append(answer)
        return answers

    def _next(self, number: int, pending: Sequence[Configuration], dice: Random) -> Configuration | None:
        kind = dice.random()
        if kind < self._rules.repeats and (again := self._uncertain(pending)) is not None:
            return again
        promotes = not self.stopped and (kind < self._rules.repeats or dice.random() >= _EXPLORE)
        if promotes and (promising := self._promising(pending, dice)) is not None:
            return promising
        asked = self._informed().ask([number], pending)
        if asked:
            return asked[0]
        return self._promising(pending, dice)

    # -- what may be on the front --

    def _known(self) -> list[Observation]:
        """What was measured and may be chosen. What is only compared with would dominate candidates with which it does
        not compete."""
        measured = (each for each in self._told.values() if each.values and each.feasible)
        return [each for each in measured if each.configuration in self._space]

    def _uncertain(self, pending: Sequence[Configuration]) -> Configuration | None:
        """The measured configuration of which it is least certain whether it is on the front."""
        known = self._known()
        if len(known) < 2:
            return None
        drawn = [_drawn_measured(each, each.configuration.key()) for each in known]
        shares = noise.on_front(drawn)
        taken = {each.key() for each in pending}
        low, high = _UNCERTAIN
        open_ = [
            (share * (1 - share), place)
            for place, (share, each) in enumerate(zip(shares, known, strict=True))
            if low < share < high
            and self._runs[each.configuration.key()] < _MAX_RUNS
            and each.configuration.key() not in taken
            and any(each.spreads)
        ]
        return known[max(open_)[1]].configuration if open_ else None

    def _promising(self, pending: Sequence[Configuration], dice: Random) -> Configuration | None:
        """Of the first world in which a candidate would add to what is measured, the one that adds most. For the
        first few promotions the first world is the expected one."""
        taken = {each.key() for each in pending}
        candidates = [each for key, each in self._pool.items() if key not in self._told and key not in taken]
        if not candidates:
            return None
        coming = [self._pool[key] for key in sorted(taken) if key in self._pool and key not in self._told]
        known = self._known()
        generator = np.random.default_rng(dice.getrandbits(64))
        unknown = [*coming, *candidates]
        parts = [self._drawn_simulated(unknown, _LOOKED_AT, generator)]
        if known:
            parts.insert(0, _drawn_known(known, _LOOKED_AT, generator))
        worlds = np.concatenate(parts, axis=1)
        if self.promoted + len(coming) < _EXPECTED:
            worlds = np.concatenate([self._expected(known, unknown)[None], worlds])
        settled = len(known) + len(coming)  # points that need not be asked for
        corner = (self._rules.reference,) * worlds.shape[2]
        for world in worlds:
            hopeful = [
                int(place) for place in np.flatnonzero(noise.fronts(world[None])[0]) if place >= settled
            ]
            best = _adds_most([tuple(row) for row in world], settled, hopeful, corner)
            if best is not None:
                return candidates[best - settled].configuration
        return None

    def chances(self) -> dict[Configuration, float]:
        """Of each candidate that was not measured, the probability that it is on the front."""
        candidates = [each for key, each in self._pool.items() if key not in self._told]
        if not candidates:
            return {}
        known = self._known()
        generator = np.random.default_rng(self._seed)
        expected = self._drawn_simulated(candidates, WORLDS, generator)
        worlds = np.concatenate(
            [expected, *([_drawn_known(known, WORLDS, generator)] if known else [])], axis=1
        )
        shares = noise.fronts(worlds).mean(axis=0)
        return {each.configuration: float(share) for each, share in zip(candidates, shares, strict=False)}

    def _drawn_simulated(
        self, points: Sequence[Observation], number: int, generator: np.random.Generator
    ) -> Array:
        """(number, points, objectives), as they may measure."""
        values = np.maximum(np.array([each.values for each in points]), FLOOR)
        drawn: Array = values * np.exp(
            self._errors.worlds([_seen(each) for each in points], number, generator)
        )
        return drawn

    def _expected(self, known: Sequence[Observation], unknown: Sequence[Observation]) -> Array:
        """(points, objectives), of the measured ones and then of the others: as far as they are known."""
        simulated = np.maximum(np.array([each.values for each in unknown]), FLOOR)
        factors = np.exp(self._errors.expected([_seen(each) for each in unknown]))
        found: Array = np.array([*(each.values for each in known), *(simulated * factors)])
        return found

    # -- the sampler --

    def _informed(self) -> Proposer:
        """A sampler that was told what was simulated, as far as it is believed: corrected by the model.
        What was measured takes its place."""
        made = self._sampler()
        unmeasured = [each for key, each in self._simulated.items() if key not in self._told]
        if unmeasured and not self.stopped:
            factors = np.exp(self._errors.expected([_seen(each) for each in unmeasured]))
            made.observe(
                [
                    replace(each, values=tuple(map(float, each.values * row)))
                    for each, row in zip(unmeasured, factors, strict=True)
                ]
            )
        made.observe(list(self._told.values()))
        return made


def _nearest(feasible: Sequence[Observation]) -> list[Observation]:
    """The first fronts, peeled off one after the other."""
    left, kept = list(feasible), list[Observation]()
    while left and len(kept) < _LEAST_POOL:
        front = set(pareto.non_dominated([each.values for each in left]))
        kept += [each for place, each in enumerate(left) if place in front]
        left = [each for place, each in enumerate(left) if place not in front]
    return kept


def _drawn_measured(known: Observation, key: str) -> Array:
    """(noise.WORLDS, objectives)."""
    dice = np.random.default_rng(int(key, 16)).standard_normal((noise.WORLDS, len(known.values)))
    return _log_normal(np.array(known.values), np.array(_spreads(known)), dice)


def _drawn_known(known: Sequence[Observation], number: int, generator: np.random.Generator) -> Array:
    """(number, points, objectives)."""
    values, spreads = np.array([e.values for e in known]), np.array([_spreads(e) for e in known])
    return _log_normal(values, spreads, generator.standard_normal((number, *values.shape)))


def _seen(each: Observation) -> Simulated:
    """As the model of errors sees a simulated configuration."""
    return each.configuration.policy, each.values


def _log_normal(values: Array, spreads: Array, dice: Array) -> Array:
    drawn: Array = values * np.exp(spreads * dice)
    return drawn


def _spreads(known: Observation) -> tuple[float, ...]:
    return known.spreads or (0.0,) * len(known.values)


def _adds_most(
    world: Sequence[tuple[float, ...]], settled: int, hopeful: Sequence[int], corner: tuple[float, ...]
) -> int | None:
    """Which of the hopeful points adds most hypervolume to the settled ones; None where none adds any."""
    known = list(world[:settled])
    front = [known[place] for place in pareto.non_dominated(known)]
    before = pareto.hypervolume(front, corner)
    gains = [(pareto.hypervolume([*front, world[place]], corner) - before, -place) for place in hopeful]
    gain, place = max(gains, default=(0.0, 0))
    return -place if gain > 0 else None

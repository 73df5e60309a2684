"""Samplers that learn nothing from what was measured: random, and the whole grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from random import Random

from sweep.propose.base import Observation, Proposer
from sweep.propose.genome import Genome
from sweep.propose.space import Space
from sweep.propose.unseen import Seen
from sweep.trial import Configuration

MAX_GRID = 1_000_000
"""Configurations; a larger grid is a mistake in the study."""


def check(observation: Observation, nr_objectives: int) -> None:
    """Raises ValueError where the values are not finite or not as many as the objectives; none at all is
    a trial that failed."""
    values = observation.values
    if values and (len(values) != nr_objectives or not all(map(math.isfinite, values))):
        raise ValueError(f"{observation.configuration}: {nr_objectives} finite values expected, not {values}")


class Blind(Proposer):
    """Remembers what was observed, and nothing of its values."""

    def __init__(self, space: Space, nr_objectives: int) -> None:
        self._space = space
        self._nr_objectives = nr_objectives
        self._seen = Seen(space)

    def observe(self, observations: Sequence[Observation]) -> None:
        for each in observations:
            check(each, self._nr_objectives)
            if each.configuration in self._space:
                self._seen.add(each.configuration)


class RandomProposer(Blind):
    """Every policy with the same chance, every parameter uniformly on its scale, without repetition."""

    def __init__(self, space: Space, nr_objectives: int, seed: int) -> None:
        super().__init__(space, nr_objectives)
        self._genome = Genome(space)
        self._seed = seed

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        unseen = self._seen.unseen(pending)
        answers = []
        for number in numbers:
            random = Random(f"{self._seed}/{number}")
            policies = unseen.policies()
            if not policies:
                break
            policy = random.choice(policies)
            answers.append(unseen.first(policy, partial(self._genome.drawn, policy, random), random))
        return answers


class GridProposer(Blind):
    """Everything in the space once: in turn over the policies, within each in a random order."""

    def __init__(self, space: Space, nr_objectives: int, seed: int) -> None:
        """Raises ValueError for more than MAX_GRID configurations."""
        if space.size() > MAX_GRID:
            raise ValueError(
                f"a grid over {space.size():,} configurations (at most {MAX_GRID:,}): give the parameters "
                "lists of values, or choose another sampler"
            )
        super().__init__(space, nr_objectives)
        self._order = list(_turns(space, seed))
        self._next = 0  # what stands before it was observed

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        while self._next < len(self._order) and self._configuration(self._next) in self._seen:
            self._next += 1
        unseen = self._seen.unseen(pending)
        ahead = map(self._configuration, range(self._next, len(self._order)))
        return list(islice((each for each in ahead if each in unseen), len(numbers)))

    def _configuration(self, at: int) -> Configuration:
        return self._space.nth(*self._order[at])


def _turns(space: Space, seed: int) -> Iterator[tuple[str, int]]:
    """Numbers of configurations, in turn over the policies that have some left."""
    orders = {}
    for policy in space.policies:
        orders[policy] = list(range(space.count(policy)))
        Random(f"{seed}/{policy}").shuffle(orders[policy])
    for step in range(max(map(len, orders.values()))):
        yield from ((policy, order[step]) for policy, order in orders.items() if step < len(order))

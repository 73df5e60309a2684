"""Samplers that learn nothing from what was measured: random, and the whole grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from sweep.propose.base import Observation
from sweep.propose.genome import Genes
from sweep.propose.memory import Remembering
from sweep.propose.space import Space
from sweep.propose.unseen import Point
from sweep.trial import Configuration

MAX_GRID = 1_000_000
"""Configurations; a larger grid is a mistake in the study."""


class Blind(Remembering):
    """Remembers what was observed, and nothing of its values."""

    def _take(self, observation: Observation, genes: Genes) -> None:
        pass


class RandomProposer(Blind):
    """Every policy with the same chance, every parameter uniformly on its scale, without repetition."""

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        unseen = self._seen.unseen(pending)
        answers = []
        for number in numbers:
            random = Random(f"{self._seed}/{number}")
            policies = unseen.policies()
            if not policies:
                break
            policy = random.choice(policies)
            answers.append(unseen.drawn(policy, random))
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
        super().__init__(space, nr_objectives, seed)
        self._space = space
        self._order = list(_turns(space, seed))
        self._next = 0  # what stands before it was observed

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        while self._next < len(self._order) and self._point(self._next) in self._seen:
            self._next += 1
        unseen = self._seen.unseen(pending)
        ahead = map(self._point, range(self._next, len(self._order)))
        left = islice((point for point in ahead if point in unseen), len(numbers))
        return [unseen.take(point) for point in left]

    def _point(self, at: int) -> Point:
        configuration = self._space.nth(*self._order[at])
        genes = self._genome.genes(configuration)
        assert genes is not None
        return configuration.policy, genes


def _turns(space: Space, seed: int) -> Iterator[tuple[str, int]]:
    """Numbers of configurations, in turn over the policies that have some left."""
    orders = {}
    for policy in space.policies:
        orders[policy] = list(range(space.count(policy)))
        Random(f"{seed}/{policy}").shuffle(orders[policy])
    for step in range(max(map(len, orders.values()))):
        yield from ((policy, order[step]) for policy, order in orders.items() if step < len(order))

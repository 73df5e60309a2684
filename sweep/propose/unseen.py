"""What may still be proposed: nothing comes twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random
from typing import TypeAlias

from sweep.propose.genome import Genes, Genome
from sweep.propose.space import Space
from sweep.trial import Configuration

Point: TypeAlias = tuple[str, Genes]
"""A policy and its canonical genes: two configurations that behave alike are the same point."""

_DRAWS = 20  # before looking through what is left


class Seen:
    """The points that were observed."""

    def __init__(self, space: Space, genome: Genome) -> None:
        self.space = space
        self.genome = genome
        self._points: set[Point] = set()
        self._used: Counter[str] = Counter()
        self._count = {policy: space.count(policy) for policy in space.policies}

    def add(self, point: Point) -> None:
        """It was observed."""
        if point not in self._points:
            self._points.add(point)
            self._used[point[0]] += 1

    def __contains__(self, point: Point) -> bool:
        return point in self._points

    def unseen(self, pending: Iterable[Configuration]) -> Unseen:
        """For one batch."""
        return Unseen(self, pending)

    def left(self, policy: str) -> int:
        """How many points of a policy were not observed."""
        return self._count[policy] - self._used[policy]

    def used(self, policy: str) -> int:
        """How many were."""
        return self._used[policy]


class Unseen:
    """What is left for one batch: neither observed, nor pending, nor in the batch already."""

    def __init__(self, seen: Seen, pending: Iterable[Configuration]) -> None:
        self._seen = seen
        self._taken: set[Point] = set()
        self._left = {policy: seen.left(policy) for policy in seen.space.policies}
        for each in pending:
            genes = seen.genome.genes(each)
            if genes is not None and (each.policy, genes) in self:
                self.take((each.policy, genes))

    def policies(self) -> list[str]:
        """Those that have something left."""
        return [policy for policy, left in self._left.items() if left > 0]

    def left(self, policy: str) -> int:
        """How many points of that policy may still be proposed."""
        return self._left[policy]

    def __contains__(self, point: Point) -> bool:
        return point not in self._taken and point not in self._seen

    def observed(self, point: Point) -> bool:
        """Whether it is not merely pending, or in the batch."""
        return point in self._seen

    def take(self, point: Point) -> Configuration:
        """It is in the batch, or pending; one that is left."""
        self._taken.add(point)
        self._left[point[0]] -= 1
        return self._seen.genome.configuration(*point)

    def first(self, policy: str, draw: Callable[[], Genes], random: Random) -> Configuration:
        """The first of some draws that is left, else one of the policy's that is; it is taken.

        policy: one that has something left. Looks further than a few draws only where most is used up.
        """
        for _ in range(_DRAWS):
            point = policy, draw()
            if point in self:
                return self.take(point)
        return self.take(self._any(policy, random))

    def drawn(self, policy: str, random: Random) -> Configuration:
        """One of the policy's that is left, by chance; it is taken."""
        return self.first(policy, lambda: self._seen.genome.drawn(policy, random), random)

    def _any(self, policy: str, random: Random) -> Point:
        space, genome = self._seen.space, self._seen.genome
        count = space.count(policy)
        first = random.randrange(count)
        for step in range(count):
            genes = genome.genes(space.nth(policy, (first + step) % count))
            if genes is not None and (policy, genes) in self:
                return policy, genes
        raise AssertionError(f"nothing is left of {policy}")

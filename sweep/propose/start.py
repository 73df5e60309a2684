"""Where a search starts: some points of every policy, spread over its parameters.

In a space of many policies, a sampler that draws the policy like any other parameter meets a policy with
rare good values late or never. So each policy gets a Latin hypercube of its own (McKay, Beckman and Conover,
"A comparison of three methods for selecting values of input variables", 1979): every parameter's scale
has as many levels as there are points, and each level is tried once. The levels reach to both ends of
the scale, because that is where many parameters are best: over nine small spaces the search then needed about a
tenth fewer trials than with levels in the middles of their stretches.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import chain, islice, zip_longest
from random import Random

from sweep.propose.genome import Genome
from sweep.propose.unseen import Point, Unseen
from sweep.trial import Configuration


class Start:
    """Those that were not tried yet."""

    def __init__(self, genome: Genome, seed: int, per_parameter: int, at_most: int) -> None:
        """In turn over the policies. per_parameter, at_most: how many points a policy gets."""
        cubes = [
            list(_hypercube(genome, policy, Random(f"{seed}/{policy}"), per_parameter, at_most))
            for policy in genome.axes
        ]
        turns = chain.from_iterable(zip_longest(*cubes))
        self._points = list(dict.fromkeys(point for point in turns if point is not None))

    def next(self, wanted: int, hopeful: Container[str], unseen: Unseen) -> list[Configuration]:
        """At most as many as wanted, of policies that are worth it; they are taken."""
        self._points = [point for point in self._points if not unseen.observed(point)]
        chosen = (point for point in self._points if point[0] in hopeful and point in unseen)
        return [unseen.take(point) for point in islice(chosen, wanted)]


def _hypercube(
    genome: Genome, policy: str, random: Random, per_parameter: int, at_most: int
) -> Iterator[Point]:
    axes = genome.axes[policy]
    points = min(max(per_parameter * sum(axis.length > 1 for axis in axes), 1), at_most)
    columns = [[stretch / max(points - 1, 1) for stretch in range(points)] for _ in axes]
    for column in columns:
        random.shuffle(column)
    for index in range(points):
        yield policy, genome.at(policy, [column[index] for column in columns])

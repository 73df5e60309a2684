"""Where a search starts: some points of every policy, spread over its parameters.

In a space of many policies, a sampler that draws the policy like any other parameter meets a policy with
rare good values late or never. So each policy gets a Latin hypercube of its own (McKay, Beckman and Conover,
"A comparison of three methods for selecting values of input variables", 1979): every parameter's scale
is cut into as many stretches as there are points, and each stretch is tried once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest
from random import Random

from sweep.propose.genome import Genome
from sweep.propose.space import Space
from sweep.trial import Configuration

POINTS_PER_PARAMETER = 2
"""Of a policy's free parameters."""


def starting_points(space: Space, seed: int) -> list[Configuration]:
    """In turn over the policies; those with more parameters have more. Some may be the same."""
    genome = Genome(space)
    cubes = [list(_hypercube(genome, policy, Random(f"{seed}/{policy}"))) for policy in space.policies]
    return [each for each in chain.from_iterable(zip_longest(*cubes)) if each is not None]


def _hypercube(genome: Genome, policy: str, random: Random) -> Iterator[Configuration]:
    axes = genome.axes[policy]
    points = max(POINTS_PER_PARAMETER * sum(axis.length > 1 for axis in axes), 1)
    columns = [[(stretch + random.random()) / points for stretch in range(points)] for _ in axes]
    for column in columns:
        random.shuffle(column)
    for index in range(points):
        yield genome.at(policy, [column[index] for column in columns])

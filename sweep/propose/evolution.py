"""NSGA-II over a space of policies.

Optuna's own NSGA-II crosses only the parameters that all trials have in common. Here that is the policy
alone, so its children draw everything else at random. This one breeds within policies.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from sweep.propose.genome import Genes
from sweep.propose.individual import Individual, front
from sweep.propose.memory import Learning
from sweep.propose.pool import Pool
from sweep.propose.space import Space
from sweep.propose.unseen import Unseen
from sweep.trial import Configuration

_EXPLORE = 0.15  # of the children: not bred, but drawn from a policy that may have more to give
_FRONT = 0.8  # of the first parents: from the front; the others from all of the elite
_STEP = 0.1  # standard deviation of a mutation, as a part of the parameter's scale
_LOCAL = 0.5  # of the mutations; the others draw from the whole range


class Evolution(Learning):
    """First each policy's starting points, then children of the best.

    What is kept of the history is a population, the newcomers since its last selection (fewer than a
    population), each policy's best values, and what was observed, as points.
    """

    def __init__(
        self, space: Space, nr_objectives: int, seed: int, population: int, reference: float
    ) -> None:
        """population: at least 2. reference: values above it are worth nothing."""
        super().__init__(space, nr_objectives, seed, reference)
        self._pool = Pool(population, nr_objectives)

    def _learn(self, individual: Individual) -> None:
        self._pool.add(individual)

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        unseen = self._seen.unseen(pending)
        elite = self._pool.elite()
        best = front(elite)
        hopeful = self._race.hopeful([each.values for each in best])
        answers = self._start.next(len(numbers), hopeful, unseen)
        for number in numbers[len(answers) :]:
            if not unseen.policies():
                break
            random = Random(f"{self._seed}/{number}")
            parents = best if best and random.random() < _FRONT else elite
            parents = [each for each in parents if unseen.left(each.policy)]
            if parents and random.random() >= _EXPLORE:
                answers.append(self._child(random.choice(parents), elite, unseen, random))
            else:
                policy = self._race.draw(hopeful, unseen, random)
                answers.append(unseen.drawn(policy, random))
        return answers

    def _child(
        self, parent: Individual, elite: Sequence[Individual], unseen: Unseen, random: Random
    ) -> Configuration:
        mates = [each.genes for each in elite if each.policy == parent.policy]
        return unseen.first(parent.policy, lambda: self._bred(parent, random.choice(mates), random), random)

    def _bred(self, parent: Individual, mate: Genes, random: Random) -> Genes:
        """Each gene from one of the two; on average one of them mutates."""
        axes = self._genome.axes[parent.policy]
        chance = 1 / max(sum(axis.length > 1 for axis in axes), 1)
        child = []
        for axis, one, other in zip(axes, parent.genes, mate, strict=True):
            gene = other if random.random() < 0.5 else one
            if axis.length > 1 and random.random() < chance:
                local = random.random() < _LOCAL
                gene = axis.near(gene, _STEP, random) if local else axis.at(random.random())
            child.append(gene)
        return self._genome.canonical(parent.policy, child)

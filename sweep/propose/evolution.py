"""NSGA-II over a space of policies: children are bred within a policy.

Optuna's own NSGA-II crosses only the parameters that all trials have in common. Here that is the
policy alone, so its children draw everything else at random.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from random import Random

import optuna

from sweep.propose.base import Observation, Proposer
from sweep.propose.blind import check
from sweep.propose.elite import Individual, Selection
from sweep.propose.genome import Genome
from sweep.propose.space import Space
from sweep.propose.start import starting_points
from sweep.propose.unseen import Seen, Unseen
from sweep.trial import Configuration

_CHANGE_POLICY = 0.1  # chance that a child leaves its parents' policy
_STEP = 0.1  # standard deviation of a mutation, as a part of the parameter's scale
_LOCAL_SHARE = 0.5  # of the mutations; the others draw from the whole range


class Evolution(Proposer):
    """First each policy's starting points, then children of the best.

    What is kept of the history is a population, the newcomers since its last selection (fewer than a
    population), and the keys of what was observed.
    """

    def __init__(self, space: Space, nr_objectives: int, seed: int, population: int) -> None:
        """population: at least 2."""
        optuna.logging.set_verbosity(logging.WARNING)
        self._space = space
        self._nr_objectives = nr_objectives
        self._seed = seed
        self._size = population
        self._genome = Genome(space)
        self._seen = Seen(space)
        self._selection = Selection(population, nr_objectives)
        self._start = starting_points(space, seed)
        self._parents: dict[Configuration, Individual] = {}
        self._newcomers: dict[Configuration, Individual] = {}

    def observe(self, observations: Sequence[Observation]) -> None:
        for each in observations:
            check(each, self._nr_objectives)
            if each.configuration not in self._space:
                continue
            self._seen.add(each.configuration)
            if each.values:
                self._learn(each)

    def _learn(self, observation: Observation) -> None:
        configuration = observation.configuration
        individual = Individual(
            configuration, self._genome.genes(configuration), observation.values, observation.excess
        )
        if configuration in self._parents:
            self._parents[configuration] = individual
            return
        self._newcomers[configuration] = individual
        if len(self._newcomers) == self._size:
            self._parents = {each.configuration: each for each in self._elite()}
            self._newcomers = {}

    def _elite(self) -> list[Individual]:
        return self._selection.best([*self._parents.values(), *self._newcomers.values()])

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        unseen = self._seen.unseen(pending)
        while self._start and self._start[0] in self._seen:
            del self._start[0]
        answers: list[Configuration] = []
        for each in self._start:
            if len(answers) < len(numbers) and each in unseen:
                unseen.take(each)
                answers.append(each)
        if len(answers) == len(numbers):
            return answers
        elite = self._elite()
        for number in numbers[len(answers) :]:
            if not unseen.policies():
                break
            answers.append(self._child(elite, unseen, Random(f"{self._seed}/{number}")))
        return answers

    def _child(self, elite: list[Individual], unseen: Unseen, random: Random) -> Configuration:
        parents = [each for each in elite if unseen.left(each.configuration.policy)]
        if not parents or random.random() < _CHANGE_POLICY:
            policy = random.choice(unseen.policies())
            return unseen.first(policy, lambda: self._genome.drawn(policy, random), random)
        policy = random.choice(parents).configuration.policy
        mates = [each for each in parents if each.configuration.policy == policy]
        return unseen.first(policy, lambda: self._bred(policy, mates, random), random)

    def _bred(self, policy: str, mates: list[Individual], random: Random) -> Configuration:
        first, second = random.choice(mates), random.choice(mates)
        axes = self._genome.axes[policy]
        child = []
        for axis, one, other in zip(axes, first.genes, second.genes, strict=True):
            gene = other if random.random() < 0.5 else one
            if random.random() < 1 / len(axes):
                local = random.random() < _LOCAL_SHARE
                gene = axis.near(gene, _STEP, random) if local else axis.at(random.random())
            child.append(gene)
        return self._genome.configuration(policy, child)

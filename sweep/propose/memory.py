"""What samplers share: what was seen, what may come next, and observations as individuals."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

from sweep.propose.base import Observation, Proposer
from sweep.propose.genome import Genes, Genome
from sweep.propose.individual import Individual
from sweep.propose.racing import Race
from sweep.propose.space import Space
from sweep.propose.start import Start
from sweep.propose.unseen import Seen


class Remembering(Proposer):
    """Never proposes what was observed. Raises ValueError for observations that are none."""

    def __init__(self, space: Space, nr_objectives: int, seed: int) -> None:
        self._nr_objectives = nr_objectives
        self._seed = seed
        self._genome = Genome(space)
        self._seen = Seen(space, self._genome)

    def observe(self, observations: Sequence[Observation]) -> None:
        for each in observations:
            values = each.values
            if values and (len(values) != self._nr_objectives or not all(map(math.isfinite, values))):
                raise ValueError(
                    f"{each.configuration}: {self._nr_objectives} finite values expected, not {values}"
                )
            genes = self._genome.genes(each.configuration)
            if genes is not None:
                self._seen.add((each.configuration.policy, genes))
                if values:
                    self._take(each, genes)

    @abstractmethod
    def _take(self, observation: Observation, genes: Genes) -> None:
        """One that has values, and is in the space."""


class Learning(Remembering):
    """Starts with every policy's points, and races the policies."""

    per_parameter, at_most = 2, 1_000
    """Points that a policy starts with."""

    def __init__(self, space: Space, nr_objectives: int, seed: int, reference: float) -> None:
        """reference: values above it are worth nothing, and count as exceeding a constraint."""
        super().__init__(space, nr_objectives, seed)
        self._reference = reference
        self._race = Race(self._genome, self._seen)
        self._start = Start(self._genome, seed, self.per_parameter, self.at_most)

    def _take(self, observation: Observation, genes: Genes) -> None:
        values = tuple(map(float, observation.values))
        outside = sum(max(value / self._reference - 1, 0.0) for value in values)
        excess = max(observation.excess, 0.0) + outside
        individual = Individual(observation.configuration.policy, genes, values, excess)
        if excess <= 0:
            self._race.learn(individual.policy, individual.values)
        self._learn(individual)

    @abstractmethod
    def _learn(self, individual: Individual) -> None:
        """From one more, or one that has other values now."""

"""The part of a history that is bred from: a population and the newcomers since it was selected."""

from __future__ import annotations

from sweep.propose.elite import Selection
from sweep.propose.individual import Individual
from sweep.propose.unseen import Point


class Pool:
    """At most twice a population, whatever was observed."""

    def __init__(self, population: int, nr_objectives: int) -> None:
        """population: at least 2."""
        self._size = population
        self._selection = Selection(population, nr_objectives)
        self._parents: dict[Point, Individual] = {}
        self._newcomers: dict[Point, Individual] = {}
        self._ranked: list[Individual] | None = None

    def add(self, individual: Individual) -> None:
        """One more, or one that has other values now."""
        self._ranked = None
        point = individual.policy, individual.genes
        if point in self._parents:
            self._parents[point] = individual
            return
        self._newcomers[point] = individual
        if len(self._newcomers) == self._size:
            self._parents = {(each.policy, each.genes): each for each in self.elite()}
            self._newcomers = {}

    def everybody(self) -> list[Individual]:
        """The population and the newcomers."""
        return [*self._parents.values(), *self._newcomers.values()]

    def elite(self) -> list[Individual]:
        """As many as the population, in order of their ranks."""
        if self._ranked is None:
            self._ranked = self._selection.best(self.everybody())
        return self._ranked

"""What survives of a generation: Optuna's elitist selection, on a few individuals and not on a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
from optuna.trial import TrialState

from sweep.propose.genome import Genes
from sweep.trial import Configuration

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, slots=True)
class Individual:
    """An observed configuration, ready to breed."""

    configuration: Configuration
    genes: Genes
    values: tuple[float, ...]
    excess: float


class Selection(optuna.samplers.NSGAIISampler):  # type: ignore[misc]
    """NSGA-II's environmental selection: feasible before infeasible, by rank, then by crowding distance.

    Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
    """

    def __init__(self, population: int, nr_objectives: int) -> None:
        super().__init__(population_size=population)
        self._study = optuna.create_study(directions=["minimize"] * nr_objectives)
        self._trials: list[FrozenTrial] = []

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return self._trials

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return []

    def best(self, individuals: Sequence[Individual]) -> list[Individual]:
        """As many as the population, in order of their ranks."""
        self._trials = [_trial(number, each) for number, each in enumerate(individuals)]
        return [individuals[trial.number] for trial in self.select_parent(self._study, 1)]


def _trial(number: int, individual: Individual) -> FrozenTrial:
    trial = optuna.trial.create_trial(
        state=TrialState.COMPLETE,
        values=individual.values,
        constraints={"excess": individual.excess},
    )
    trial.number = number
    return trial

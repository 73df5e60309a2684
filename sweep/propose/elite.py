"""What survives of a generation: Optuna's elitist selection, on a few individuals and not on a history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import optuna
from optuna.trial import FrozenTrial, TrialState

from sweep.propose.individual import Individual

if TYPE_CHECKING:
    from optuna.study import Study


class Selection(optuna.samplers.NSGAIISampler):  # type: ignore[misc]
    """NSGA-II's environmental selection: feasible before infeasible, by rank, then by crowding distance.

    Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
    """

    def __init__(self, population: int, nr_objectives: int) -> None:
        super().__init__(population_size=population)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(directions=["minimize"] * nr_objectives)
        self._trials: list[FrozenTrial] = []

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return self._trials

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return []

    def best(self, individuals: Iterable[Individual]) -> list[Individual]:
        """As many as the population, in order of their ranks."""
        everybody = list(individuals)
        self._trials = [_trial(number, each) for number, each in enumerate(everybody)]
        return [everybody[trial.number] for trial in self.select_parent(self._study, 1)]


def _trial(number: int, individual: Individual) -> FrozenTrial:
    trial = optuna.trial.create_trial(
        state=TrialState.COMPLETE,
        values=individual.values,
        constraints={"excess": individual.excess},
    )
    trial.number = number
    return trial

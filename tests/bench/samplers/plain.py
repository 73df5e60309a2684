"""Optuna as it comes, for comparison: one study, every parameter suggested under its policy's name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from sweep.propose import Observation, Proposer, Space
from sweep.propose.genome import Genome
from sweep.trial import Configuration

warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Plain(Proposer):
    """Not held to the port's contract: it repeats itself, and a process is not to be continued by another."""

    def __init__(self, sampler: BaseSampler, space: Space, nr_objectives: int) -> None:
        self._space = space
        self._genome = Genome(space)
        self._study = optuna.create_study(directions=["minimize"] * nr_objectives, sampler=sampler)
        self._asked: dict[Configuration, list[optuna.Trial]] = {}

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        return [self._ask() for _ in numbers]

    def _ask(self) -> Configuration:
        trial = self._study.ask()
        policy = trial.suggest_categorical("policy", list(self._space.policies))
        genes = []
        for axis in self._genome.axes[policy]:
            name = f"{policy}.{axis.name}"
            if axis.ordered:
                low = axis.first
                genes.append(trial.suggest_int(name, low, low + axis.length - 1, log=axis.log) - low)
            else:
                genes.append(trial.suggest_categorical(name, list(range(axis.length))))
        answer = self._genome.configuration(policy, self._genome.canonical(policy, genes))
        self._asked.setdefault(answer, []).append(trial)
        return answer

    def observe(self, observations: Sequence[Observation]) -> None:
        for each in observations:
            asked = self._asked.get(each.configuration)
            if asked:
                trial = asked.pop(0)
                trial.set_constraint("excess", each.excess)
                self._study.tell(trial, each.values)
            elif each.configuration in self._space:
                self._add(each)

    def _add(self, observation: Observation) -> None:
        """One of the loop's first trials."""
        policy = observation.configuration.policy
        genes = self._genome.genes(observation.configuration) or ()
        params: dict[str, object] = {"policy": policy}
        kinds: dict[str, optuna.distributions.BaseDistribution] = {
            "policy": optuna.distributions.CategoricalDistribution(list(self._space.policies))
        }
        for axis, gene in zip(self._genome.axes[policy], genes, strict=True):
            name, low = f"{policy}.{axis.name}", axis.first
            params[name] = gene + low
            kinds[name] = (
                optuna.distributions.IntDistribution(low, low + axis.length - 1, log=axis.log)
                if axis.ordered
                else optuna.distributions.CategoricalDistribution(list(range(axis.length)))
            )
        self._study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.COMPLETE,
                values=observation.values,
                params=params,
                distributions=kinds,
                constraints={"excess": observation.excess},
            )
        )


def nsga2(space: Space, nr_objectives: int, seed: int) -> Proposer:
    """Optuna's NSGA-II, with the population that ours has."""
    return Plain(optuna.samplers.NSGAIISampler(population_size=32, seed=seed), space, nr_objectives)


def tpe(space: Space, nr_objectives: int, seed: int) -> Proposer:
    """Optuna's default for several objectives."""
    return Plain(optuna.samplers.TPESampler(seed=seed), space, nr_objectives)

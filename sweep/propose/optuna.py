"""The proposer on Optuna: a study in memory that holds what was observed and nothing else."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import TrialState

from policies import Param
from sweep.propose.base import Observation, Proposer
from sweep.propose.evolution import POLICY, Evolution
from sweep.propose.space import Space, values_of
from sweep.trial import Configuration, ParamValue

DEFAULT_POPULATION = 40
_DRAWS = 20  # at most, to find a configuration that is new


class OptunaProposer(Proposer):
    """NSGA-II by ask/tell.

    Every asked trial is told FAIL before `ask` returns, and what is observed enters as a trial of its own: a
    live study and one rebuilt from a store are the same, and no orphan stays RUNNING. Every draw has a
    sampler of its own, seeded from the study's seed, the trial's number and the draw.
    """

    def __init__(
        self, space: Space, nr_objectives: int, seed: int, population: int = DEFAULT_POPULATION
    ) -> None:
        """population: trials per generation, at least 2."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._nr_objectives = nr_objectives
        self._seed = seed
        self._population = population
        self._known: set[str] = set()
        self._distributions: dict[str, BaseDistribution] = {
            POLICY: CategoricalDistribution(tuple(space.policies))
        }
        for policy, params in space.policies.items():
            for param in params:
                self._distributions[_gene(policy, param)] = _distribution(param)
        self._study = optuna.create_study(directions=["minimize"] * nr_objectives)

    def ask(self, numbers: Sequence[int]) -> list[Configuration]:
        batch: dict[str, Configuration] = {}
        answers = []
        for number in numbers:
            for draw in range(_DRAWS):
                configuration = self._draw(number, draw)
                key = configuration.key()
                if key not in self._known and key not in batch:
                    break
            batch[key] = configuration
            answers.append(configuration)
        return answers

    def observe(self, observations: Sequence[Observation]) -> None:
        trials = []
        for observation in observations:
            if len(observation.values) != self._nr_objectives or not all(
                map(math.isfinite, observation.values)
            ):
                raise ValueError(
                    f"{observation.configuration}: {self._nr_objectives} finite values expected, "
                    f"not {observation.values}"
                )
            if observation.configuration not in self._space:
                continue
            self._known.add(observation.configuration.key())
            genes = self._genes(observation.configuration)
            trials.append(
                optuna.trial.create_trial(
                    values=observation.values,
                    params=genes,
                    distributions={name: self._distributions[name] for name in genes},
                    constraints={"excess": observation.excess},
                )
            )
        self._study.add_trials(trials)

    def _draw(self, number: int, draw: int) -> Configuration:
        digest = hashlib.sha256(f"{self._seed}/{number}/{draw}".encode()).digest()
        seed = int.from_bytes(digest[:4], "little")
        self._study.sampler = Evolution(self._distributions, self._population, seed)
        trial = self._study.ask()
        policy = trial.suggest_categorical(POLICY, tuple(self._space.policies))
        values: dict[str, ParamValue] = {}
        for param in _gates_first(self._space.policies[policy]):
            if param.only_with is None or values[param.only_with]:
                values[param.name] = _suggest(trial, policy, param)
        self._study.tell(trial, state=TrialState.FAIL)
        return self._space.canonical(policy, values)

    def _genes(self, configuration: Configuration) -> dict[str, ParamValue]:
        """As Optuna would have them: only what matters, integers shifted as in `_distribution`."""
        values = configuration.mapping()
        genes: dict[str, ParamValue] = {POLICY: configuration.policy}
        for param in self._space.policies[configuration.policy]:
            if param.only_with is None or values[param.only_with]:
                value = values[param.name]
                genes[_gene(configuration.policy, param)] = (
                    value + _shift(param) if param.type == "int" and isinstance(value, int) else value
                )
        return genes


def _gene(policy: str, param: Param) -> str:
    return f"{policy}.{param.name}"


def _gates_first(params: tuple[Param, ...]) -> list[Param]:
    return sorted(params, key=lambda param: param.only_with is not None)


def _shift(param: Param) -> int:
    """A logarithmic scale begins at 1 at the lowest: ranges from 0 are moved up."""
    return 1 - param.min if param.log_scale and param.min < 1 else 0


def _distribution(param: Param) -> BaseDistribution:
    if param.type == "int":
        shift = _shift(param)
        return IntDistribution(param.min + shift, param.max + shift, log=param.log_scale)
    return CategoricalDistribution(tuple(values_of(param)))


def _suggest(trial: optuna.Trial, policy: str, param: Param) -> ParamValue:
    name = _gene(policy, param)
    if param.type == "int":
        shift = _shift(param)
        number: int = trial.suggest_int(name, param.min + shift, param.max + shift, log=param.log_scale)
        return number - shift
    choice: ParamValue = trial.suggest_categorical(name, tuple(values_of(param)))
    return choice

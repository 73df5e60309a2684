"""NSGA-II over a conditional space, on Optuna.

Optuna's own NSGA-II crosses only the parameters that all trials have in common. Here that is the
policy alone, so children would draw everything else at random. This sampler breeds within a policy.

Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.trial import TrialState

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

POLICY = "policy"
_CHANGE_POLICY = 0.1  # chance that a child leaves its parents' policy
_LOCAL_STEP = 0.1  # standard deviation of a local mutation, as a part of the range
_LOCAL_SHARE = 0.5  # of the mutations; the others draw from the whole range


class Evolution(optuna.samplers.NSGAIISampler):  # type: ignore[misc]
    """NSGA-II whose generations are slices of the completed trials, in their order.

    Nothing is kept but the study: a generation is a function of the trials that are complete.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], population: int, seed: int) -> None:
        super().__init__(population_size=population, seed=seed)
        self._space = dict(space)
        self._size = population
        self._breeder = np.random.default_rng(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._space

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        return len(_complete(study)) // self._size

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        return _complete(study)[generation * self._size : (generation + 1) * self._size]

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The genes that a child inherits; those left out are drawn from their whole range."""
        parents = self.get_parent_population(study, self.get_trial_generation(study, trial))
        if not parents or self._breeder.random() < _CHANGE_POLICY:
            return {}
        first = parents[self._breeder.integers(len(parents))]
        mates = [parent for parent in parents if parent.params[POLICY] == first.params[POLICY]]
        second = mates[self._breeder.integers(len(mates))]
        genes = [name for name in first.params if name != POLICY]
        child: dict[str, Any] = {POLICY: first.params[POLICY]}
        for name in genes:
            donor = second if name in second.params and self._breeder.random() < 0.5 else first
            value = donor.params[name]
            if self._breeder.random() >= 1 / len(genes):
                child[name] = value
            elif self._breeder.random() < _LOCAL_SHARE:
                child[name] = self._nudged(self._space[name], value)
        return child

    def _nudged(self, distribution: BaseDistribution, value: Any) -> Any:
        """A value near `value`: a normal step in the parameter's scale; another value where there is one."""
        if not isinstance(distribution, IntDistribution):
            return self._breeder.choice(np.array(distribution.choices, dtype=object))
        low, high = distribution.low, distribution.high
        step = self._breeder.normal(0, _LOCAL_STEP)
        if distribution.log:
            near = math.exp(math.log(value) + step * math.log(high / low)) if high > low else low
        else:
            near = value + step * (high - low)
        rounded = round(near)
        if rounded == value:
            rounded += 1 if step > 0 else -1
        return min(max(rounded, low), high)


def _complete(study: Study) -> list[FrozenTrial]:
    trials: list[FrozenTrial] = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return trials

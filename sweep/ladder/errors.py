"""How far the simulator errs: a multiplicative error of each objective, log-normal, with bias and spread.

The error is log(measured / simulated) of an objective's value, a ratio to the baseline that is combined over
scenarios. It is known beforehand, as `python -m sweep agree` measured it or as stated, and is learned from every
configuration that is measured at both levels: the normal distribution with unknown mean and variance, and its
conjugate prior (Gelman et al., "Bayesian Data Analysis", 3rd ed., section 3.3). A policy that comes out better
or worse than the others is expected to do so again: its own bias is its mean residual, shrunk towards that of all
(section 5.4), because a simulator that lacks a mechanism is wrong about the policies that need it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy import stats

FLOOR: Final = 1e-3
"""Of a value, in baselines: what lies below is as good as nothing, and has no logarithm worth the name."""

_OWN: Final = 2.0
"""How many measurements of a policy weigh as much as those of all others, in its bias."""


@dataclass(frozen=True, slots=True)
class Error:
    """Of log(measured / simulated): mean and standard deviation."""

    bias: float
    spread: float


@dataclass(frozen=True, slots=True)
class Prior:
    """What is held of an objective's error before anything is measured at both levels; weight: as of so many
    measurements."""

    error: Error
    weight: float


STATED: Final = Prior(Error(0.0, 0.4), 4.0)
"""Where nothing is known of a simulator: unbiased, two thirds of its figures within a factor of 1.5."""


class ErrorModel:
    """Of all objectives. What is told in another order gives the same model."""

    def __init__(self, priors: Sequence[Prior]) -> None:
        """priors: one for each objective."""
        self._priors = tuple(priors)
        self._pairs: dict[str, tuple[str, tuple[float, ...], tuple[float, ...]]] = {}

    @property
    def pairs(self) -> int:
        """Configurations that were measured at both levels."""
        return len(self._pairs)

    def learn(self, key: str, policy: str, simulated: Sequence[float], measured: Sequence[float]) -> None:
        """Values of one configuration, by its key, at both levels; again where it is better known now."""
        self._pairs[key] = policy, tuple(simulated), tuple(measured)

    def overall(self) -> tuple[Error, ...]:
        """Of each objective, of any policy of which nothing is known."""
        return tuple(self._posterior(place) for place in range(len(self._priors)))

    def of(self, policies: Sequence[str]) -> dict[str, tuple[Error, ...]]:
        """Of each objective, by policy."""
        overall = self.overall()
        residuals: dict[str, list[list[float]]] = defaultdict(lambda: [[] for _ in self._priors])
        for policy, errors in self._errors():
            for place, error in enumerate(errors):
                residuals[policy][place].append(error - overall[place].bias)
        return {
            policy: tuple(
                _shrunk(each, residuals[policy][place] if policy in residuals else [])
                for place, each in enumerate(overall)
            )
            for policy in policies
        }

    def correlation(self) -> tuple[float | None, ...]:
        """Spearman's rank correlation between the levels, of each objective; None where a level's values are
        all equal, or there are fewer than three."""
        return tuple(
            _spearman([(s[place], m[place]) for _, s, m in self._pairs.values()])
            for place in range(len(self._priors))
        )

    def _errors(self) -> list[tuple[str, tuple[float, ...]]]:
        return [
            (policy, tuple(log_ratio(m, s) for s, m in zip(simulated, measured, strict=True)))
            for policy, simulated, measured in self._pairs.values()
        ]

    def _posterior(self, place: int) -> Error:
        """Of the next error: normal-inverse-gamma, its Student's t by the variance."""
        prior = self._priors[place]
        errors = [errors[place] for _, errors in self._errors()]
        weight = prior.weight + len(errors)
        mean = math.fsum([prior.weight * prior.error.bias, *errors]) / weight
        between = prior.weight * (prior.error.bias - mean) ** 2
        squares = math.fsum(
            [prior.weight * prior.error.spread**2, between, *((e - mean) ** 2 for e in errors)]
        )
        return Error(mean, math.sqrt(squares / weight * (1 + 1 / weight)))


def log_ratio(measured: float, simulated: float) -> float:
    """log(measured / simulated), of values in baselines."""
    return math.log(max(measured, FLOOR) / max(simulated, FLOOR))


def _shrunk(overall: Error, residuals: Sequence[float]) -> Error:
    return Error(overall.bias + math.fsum(residuals) / (len(residuals) + _OWN), overall.spread)


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < 3 or any(len(set(column)) < 2 for column in zip(*pairs, strict=True)):
        return None
    return float(stats.spearmanr(pairs).statistic)

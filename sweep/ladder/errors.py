"""How far the simulator errs: a multiplicative error of each objective, log-normal, with bias and spread.

The error is log(measured / simulated) of an objective's value, a ratio to the baseline that is combined over
scenarios. How large it is, is known beforehand, as `python -m sweep agree` measured it or as stated, and is learned
from every configuration that is measured at both levels: the normal distribution with unknown mean and variance,
and its conjugate prior (Gelman et al., "Bayesian Data Analysis", 3rd ed., section 3.3).

It is no dice that is thrown anew for each configuration: a simulator that lacks a mechanism is wrong about all
that need it. So errors of one policy have a part in common, configurations of a policy that were simulated to do
nearly the same err nearly alike, and only a small part is each one's own: a Gaussian process (Rasmussen and
Williams, "Gaussian Processes for Machine Learning", 2006, section 2.2), which is told of what was measured. Without
this every near copy of a good configuration would look like another chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from sweep.noise import Array

FLOOR: Final = 1e-3
"""Of a value, in baselines: what lies below is as good as nothing, and has no logarithm worth the name."""

POLICY: Final = 0.4
LOCAL: Final = 0.5
OWN: Final = 0.1
"""Of an error's variance: what all configurations of a policy share, what those share that do nearly the same, and
what is each one's own."""

LENGTH: Final = 0.3
"""What nearly the same is: a distance of the logarithms of simulated values, about a third of the value."""


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


RELIABLE: Final = 0.5
"""Of the variance of what was measured, what must not be noise for ranks to say anything."""

_JITTER: Final = 1e-9

STATED: Final = Prior(Error(0.0, 0.4), 4.0)
"""Where nothing is known of a simulator: unbiased, two thirds of its figures within a factor of 1.5."""


Simulated: TypeAlias = tuple[str, tuple[float, ...]]
"""A configuration as the model sees it: its policy, and its simulated values."""


@dataclass(frozen=True, slots=True)
class _Pair:
    policy: str
    simulated: tuple[float, ...]
    measured: tuple[float, ...]
    spreads: tuple[float, ...]


class ErrorModel:
    """Of all objectives. What is told in another order gives the same model."""

    def __init__(self, priors: Sequence[Prior]) -> None:
        """priors: one for each objective."""
        self._priors = tuple(priors)
        self._pairs: dict[str, _Pair] = {}

    @property
    def pairs(self) -> int:
        """Configurations that were measured at both levels."""
        return len(self._pairs)

    def learn(
        self, key: str, simulated: Simulated, measured: Sequence[float], spreads: Sequence[float]
    ) -> None:
        """Values of one configuration, by its key, at both levels; again where it is better known now. spreads:
        standard deviations of the logarithms of what was measured."""
        policy, values = simulated
        known = tuple(spreads) or (0.0,) * len(values)
        self._pairs[key] = _Pair(policy, values, tuple(measured), known)

    def overall(self) -> tuple[Error, ...]:
        """Of each objective, of a configuration that has nothing to do with those that were measured."""
        return tuple(self._posterior(place) for place in range(len(self._priors)))

    def expected(self, points: Sequence[Simulated]) -> Array:
        """The mean errors: (points, objectives)."""
        columns = [self._process(place, points).mean for place in range(len(self._priors))]
        return np.stack(columns, axis=1)

    def worlds(self, points: Sequence[Simulated], number: int, dice: np.random.Generator) -> Array:
        """Errors as they may be, of all points together: (number, points, objectives)."""
        columns = []
        for place in range(len(self._priors)):
            process = self._process(place, points)
            normal = dice.standard_normal((number, len(points)))
            columns.append(process.mean + normal @ process.factor().T)
        return np.stack(columns, axis=2)

    def _process(self, place: int, points: Sequence[Simulated]) -> _Process:
        """Of one objective, at these points, given all pairs."""
        overall = self._posterior(place)
        of = sorted(self._pairs.items())
        known = [(pair.policy, pair.simulated) for _, pair in of]
        prior = overall.spread**2 * (_alike(points, points) + OWN * np.eye(len(points)))
        if not known:
            return _Process(np.full(len(points), overall.bias), prior)
        noise = np.array([pair.spreads[place] ** 2 for _, pair in of])
        own = overall.spread**2 * OWN
        within = overall.spread**2 * _alike(known, known) + np.diag(noise + own + _JITTER)
        across = overall.spread**2 * _alike(known, points)
        errors = np.array([log_ratio(pair.measured[place], pair.simulated[place]) for _, pair in of])
        from scipy import linalg  # here: commands that only read a study's file do not need it

        solved = linalg.cho_solve(linalg.cho_factor(within), across)
        return _Process(overall.bias + solved.T @ (errors - overall.bias), prior - across.T @ solved)

    def correlation(self) -> tuple[float | None, ...]:
        """Spearman's rank correlation between the levels, of each objective, corrected for what noise takes off
        it (Spearman, "The proof and measurement of association between two things", 1904). None where it
        says nothing: a level's values are all equal, there are fewer than three, or what was measured differs by
        little more than its noise."""
        return tuple(self._correlation(place) for place in range(len(self._priors)))

    def _correlation(self, place: int) -> float | None:
        pairs = list(self._pairs.values())
        rank = _spearman([(pair.simulated[place], pair.measured[place]) for pair in pairs])
        if rank is None:
            return None
        logs = np.log([max(pair.measured[place], FLOOR) for pair in pairs])
        noise = np.mean([pair.spreads[place] ** 2 for pair in pairs])
        reliable = float(1 - noise / np.var(logs, ddof=1))
        if reliable < RELIABLE:
            return None
        return max(-1.0, min(rank / math.sqrt(reliable), 1.0))

    def _posterior(self, place: int) -> Error:
        """Of the next error: normal-inverse-gamma, its Student's t by the variance."""
        prior = self._priors[place]
        errors = [log_ratio(pair.measured[place], pair.simulated[place]) for pair in self._pairs.values()]
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


@dataclass(frozen=True, slots=True)
class _Process:
    mean: Array
    covariance: Array

    def factor(self) -> Array:
        """A lower triangle whose product with its transpose is the covariance."""
        return np.asarray(np.linalg.cholesky(self.covariance + _JITTER * np.eye(len(self.mean))), dtype=float)


def _alike(left: Sequence[Simulated], right: Sequence[Simulated]) -> Array:
    """(left, right): what errors have in common, of a variance of 1."""
    places = [np.log(np.maximum(np.array([values for _, values in side]), FLOOR)) for side in (left, right)]
    squares = np.sum((places[0][:, None, :] - places[1][None, :, :]) ** 2, axis=2)
    names = [np.array([policy for policy, _ in side]) for side in (left, right)]
    same: Array = (names[0][:, None] == names[1][None, :]).astype(float)
    near: Array = POLICY + LOCAL * np.exp(-squares / (2 * LENGTH**2))
    return same * near


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < 3 or any(len(set(column)) < 2 for column in zip(*pairs, strict=True)):
        return None
    from scipy import stats

    return float(stats.spearmanr(pairs).statistic)

"""Configurations that would only repeat what was measured.

The backend is free of noise, so a parameter that has no effect in a study leaves every objective exactly as it
was; in a space of batching policies that is the rule: of 625 settings of `adaptive` on two workloads, 33
behave differently. So exact equality of results is counted, for pairs of one policy's trials. A pair that is equal
says that every parameter in which the two differ is inert; a pair that is not says that one of them is
not, and expectation maximisation shares out the blame (Dempster, Laird and Rubin, "Maximum likelihood from
incomplete data via the EM algorithm", 1977; the model is a noisy-or).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

_STEPS = 10  # of the expectation maximisation
_PRIOR = 1.0  # imagined trials of each kind: a parameter is inert, or not


def inertness(points: Floats, values: Floats) -> Floats:
    """For each parameter, how likely another value of it leaves all objectives exactly as they are.

    points: a row of coordinates for each trial of a policy. values: its objectives.
    """
    inert = np.full(points.shape[1], 0.5)
    one, other = np.triu_indices(len(points), 1)
    if not len(one):
        return inert
    differs = points[one] != points[other]
    equal = (values[one] == values[other]).all(axis=1)
    differing = differs.sum(axis=0)
    unequal = differs[~equal]
    for _ in range(_STEPS):
        repeats = np.where(unequal, inert, 1.0).prod(axis=1)
        blame = (unequal / (1 - repeats)[:, None]).sum(axis=0) * (1 - inert)
        inert = (differing - blame + _PRIOR) / (differing + 2 * _PRIOR)
    return inert


def echo(candidates: Floats, points: Floats, inert: Floats) -> Floats:
    """For each candidate, how likely it repeats the one of these points that it differs from the least.

    inert: of each parameter, above 0.
    """
    if not len(points):
        return np.zeros(len(candidates))
    differs = candidates[:, None] != points[None]
    likely: Floats = np.exp((differs @ np.log(inert)).max(axis=1))
    return likely

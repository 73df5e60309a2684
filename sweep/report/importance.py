"""Which parameter matters: the share of an objective's variance that each explains by itself.

First-order indices from given data (Plischke, Borgonovo and Smith, "Global sensitivity measures from given
data", 2013) on ranks: a parameter's values are put into classes of about equal size, and the variance of the
objective's ranks between classes is compared with all of it. Corrected for what classes explain by chance
(Kelley's epsilon squared, 1935). Ranks, because one bad configuration would otherwise be all of the variance.

Limits: what two parameters do only together is in no share; and the sample is the sampler's, dense where it
is good and not uniform over the space, so a share says what made the difference where the study looked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import policies
from sweep.standing import Point, Standing
from sweep.trial import ParamValue

CLASSES: Final = 6
MIN_POINTS: Final = 24
"""Distinct configurations below which nothing is said of a policy."""


@dataclass(frozen=True, slots=True)
class Share:
    """values: distinct ones that were tried. shares: of the variance, for each objective, 0 .. 1."""

    name: str
    values: int
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Importance:
    """of: a policy, or "" for the choice among policies. shares: largest first; empty where there are too few
    configurations to say anything."""

    of: str
    configurations: int
    shares: tuple[Share, ...]


def importance(standing: Standing) -> tuple[Importance, ...]:
    """The choice of the policy first, then the parameters of each policy that has several values of one."""
    distinct = {p.trial.configuration.key(): p for p in reversed(standing.points)}
    points = sorted(distinct.values(), key=lambda p: p.trial.number)
    by_policy: dict[str, list[Point]] = defaultdict(list)
    for each in points:
        by_policy[each.trial.configuration.policy].append(each)
    found = []
    if len(by_policy) > 1:
        names = sorted(by_policy)
        classes = np.array([names.index(p.trial.configuration.policy) for p in points])
        share = Share("policy", len(names), _shares(points, classes))
        found.append(Importance("", len(points), (share,) if len(points) >= MIN_POINTS else ()))
    for name in sorted(by_policy):
        params = policies.catalogue()[name].params if name in policies.catalogue() else ()
        tried = {p.name: len({_value(each, p.name) for each in by_policy[name]}) for p in params}
        varied = [p for p in params if tried[p.name] > 1]
        if not varied:
            continue
        shares = [
            Share(p.name, tried[p.name], _shares(by_policy[name], _classes(by_policy[name], p)))
            for p in varied
            if len(by_policy[name]) >= MIN_POINTS
        ]
        shares.sort(key=lambda s: -max(s.shares))
        found.append(Importance(name, len(by_policy[name]), tuple(shares)))
    return tuple(found)


def _value(point: Point, name: str) -> ParamValue:
    return point.trial.configuration.mapping()[name]


def _classes(points: Sequence[Point], param: policies.Param) -> Any:
    """The class of each point by that parameter's value: about equally many in each, equal values together."""
    codes = np.array([param.encode(_value(p, param.name)) for p in points])
    if len(np.unique(codes)) <= CLASSES:
        return np.unique(codes, return_inverse=True)[1]
    return np.minimum((_ranks(codes) - 1) * CLASSES // len(codes), CLASSES - 1).astype(int)


def _shares(points: Sequence[Point], classes: Any) -> tuple[float, ...]:
    columns = zip(*(p.values for p in points), strict=True)
    return tuple(_explained(_ranks(column), classes) for column in columns)


def _ranks(values: Any) -> Any:
    """From 1; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def _explained(values: Any, classes: Any) -> float:
    """Epsilon squared: 0 where classes explain no more than chance would, 1 where they explain all."""
    sizes = np.bincount(classes)
    sums = np.bincount(classes, weights=values)
    sums, sizes = sums[sizes > 0], sizes[sizes > 0]
    total = float(((values - values.mean()) ** 2).sum())
    free = len(values) - len(sizes)
    if total <= 0 or free <= 0:
        return 0.0
    within = float((values**2).sum() - (sums**2 / sizes).sum())
    explained = 1 - (within / free) / (total / (len(values) - 1))
    return float(min(1.0, max(0.0, explained)))

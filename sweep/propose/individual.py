"""A configuration that was observed, ready to breed; and the best of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweep.propose.genome import Genes


@dataclass(frozen=True, slots=True)
class Individual:
    """An observed configuration, ready to breed. excess: feasible at 0 or below."""

    policy: str
    genes: Genes
    values: tuple[float, ...]
    excess: float


def front(individuals: Sequence[Individual]) -> list[Individual]:
    """Those that are feasible and that no other dominates."""
    feasible = [each for each in individuals if each.excess <= 0]
    if not feasible:
        return []
    values = np.array([each.values for each in feasible])
    no_worse = (values[:, None] <= values[None]).all(axis=2)
    dominated = (no_worse & ~no_worse.T).any(axis=0)
    return [feasible[place] for place in np.flatnonzero(~dominated)]

"""A configuration that was observed, ready to breed; and the best of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import le

from sweep.propose.genome import Genes


@dataclass(frozen=True, slots=True)
class Individual:
    """An observed configuration, ready to breed. excess: feasible at 0 or below."""

    policy: str
    genes: Genes
    values: tuple[float, ...]
    excess: float

    def dominates(self, other: Individual) -> bool:
        """By the rules of the selection: what is feasible before what is not, that by its excess."""
        if self.excess > 0 or other.excess > 0:
            return max(self.excess, 0) < max(other.excess, 0)
        return self.values != other.values and all(map(le, self.values, other.values))


def front(individuals: Sequence[Individual]) -> list[Individual]:
    """Those that are feasible and that no other dominates."""
    return [
        each
        for each in individuals
        if each.excess <= 0 and not any(other.dominates(each) for other in individuals)
    ]

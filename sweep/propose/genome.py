"""A policy's parameters as coordinates: what samplers draw, cross and nudge.

A gene is the place of a value in its range, so a list keeps its order whatever its values are. Its coordinate
in 0 .. 1 follows the parameter's scale: logarithmic for a range of integers that is marked so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TypeAlias

from sweep.propose.space import Range, Space
from sweep.trial import Configuration, ParamValue

Genes: TypeAlias = tuple[int, ...]
"""One place per range of a policy, in the order of its ranges."""


class Axis:
    """The values of one parameter, on a line from 0 to 1."""

    def __init__(self, values_of: Range) -> None:
        self.values = values_of.values
        self.length = len(self.values)
        self.ordered = values_of.param.type != "choice"
        self._log = isinstance(self.values, range) and values_of.param.log_scale
        # A logarithmic scale begins at 1: ranges from 0 or below are moved up.
        self._first = max(int(self.values[0]), 1) if self._log else 0
        self._low = math.log(self._first - 0.5) if self._log else 0.0
        self._span = math.log(self._first + self.length - 0.5) - self._low if self._log else 0.0

    def at(self, coordinate: float) -> int:
        """The place at a coordinate; what lies outside 0 .. 1 is the nearest end."""
        if self._log:
            place = round(math.exp(self._low + coordinate * self._span)) - self._first
        else:
            place = math.floor(coordinate * self.length)
        return min(max(place, 0), self.length - 1)

    def coordinate(self, place: int) -> float:
        """The middle of a place's stretch."""
        if self._log:
            return (math.log(self._first + place) - self._low) / self._span
        return (place + 0.5) / self.length

    def near(self, place: int, deviation: float, random: Random) -> int:
        """Another place (where there is one), a normal step away on the parameter's scale."""
        if self.length == 1:
            return place
        if not self.ordered:
            other = random.randrange(self.length - 1)
            return other + (other >= place)
        step = random.gauss(0, deviation)
        moved = self.at(self.coordinate(place) + step)
        if moved == place:
            moved += 1 if step > 0 else -1
            if not 0 <= moved < self.length:
                moved = place + (place - moved)
        return moved


class Genome:
    """Genes and configurations of a space, to and fro."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.axes = {policy: [Axis(each) for each in ranges] for policy, ranges in space.policies.items()}
        self._names = {policy: [each.name for each in ranges] for policy, ranges in space.policies.items()}

    def configuration(self, policy: str, genes: Sequence[int]) -> Configuration:
        """With genes that do not matter at their start."""
        values: dict[str, ParamValue] = {
            name: axis.values[gene]
            for name, axis, gene in zip(self._names[policy], self.axes[policy], genes, strict=True)
        }
        return self._space.canonical(policy, values)

    def genes(self, configuration: Configuration) -> Genes:
        """Raises ValueError for what is not in the space."""
        values = configuration.mapping()
        return tuple(
            axis.values.index(values[name])  # type: ignore[arg-type]
            for name, axis in zip(
                self._names[configuration.policy], self.axes[configuration.policy], strict=True
            )
        )

    def at(self, policy: str, coordinates: Sequence[float]) -> Configuration:
        """The configuration at a point of the unit cube."""
        return self.configuration(
            policy, [axis.at(c) for axis, c in zip(self.axes[policy], coordinates, strict=True)]
        )

    def drawn(self, policy: str, random: Random) -> Configuration:
        """Uniform on every parameter's scale."""
        return self.at(policy, [random.random() for _ in self.axes[policy]])

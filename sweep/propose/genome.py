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
from sweep.trial import Configuration

Genes: TypeAlias = tuple[int, ...]
"""One place per range of a policy, in the order of its ranges; what does not matter stands at its start, so
equal behaviour has equal genes."""


class Axis:
    """The values of one parameter, on a line from 0 to 1."""

    def __init__(self, values_of: Range) -> None:
        self.name = values_of.name
        self.gate = values_of.param.only_with
        self.values = values_of.values
        self.length = len(self.values)
        self.start = self.values.index(values_of.start)  # type: ignore[arg-type]
        self.ordered = values_of.param.type != "choice"
        self.log = isinstance(self.values, range) and values_of.param.log_scale
        # A logarithmic scale begins at 1: ranges from 0 or below are moved up.
        self.first = max(int(self.values[0]), 1) if self.log else 0
        self._low = math.log(self.first - 0.5) if self.log else 0.0
        self._span = math.log(self.first + self.length - 0.5) - self._low if self.log else 0.0

    def at(self, coordinate: float) -> int:
        """The place at a coordinate; what lies outside 0 .. 1 is the nearest end."""
        if self.log:
            place = round(math.exp(self._low + coordinate * self._span)) - self.first
        else:
            place = math.floor(coordinate * self.length)
        return min(max(place, 0), self.length - 1)

    def coordinate(self, place: int) -> float:
        """The middle of a place's stretch."""
        if self.log:
            return (math.log(self.first + place) - self._low) / self._span
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
        self.axes = {policy: tuple(map(Axis, ranges)) for policy, ranges in space.policies.items()}
        # Configurations have their parameters in order of names.
        self._order = {
            policy: sorted(range(len(axes)), key=lambda i, axes=axes: axes[i].name)  # type: ignore[misc]
            for policy, axes in self.axes.items()
        }
        self._gates = {policy: _gates(axes) for policy, axes in self.axes.items()}

    def canonical(self, policy: str, genes: Sequence[int]) -> Genes:
        """With genes that do not matter at their start."""
        axes = self.axes[policy]
        complete = list(genes)
        for place, gate in self._gates[policy]:
            if not axes[gate].values[complete[gate]]:
                complete[place] = axes[place].start
        return tuple(complete)

    def configuration(self, policy: str, genes: Genes) -> Configuration:
        """Of canonical genes."""
        axes = self.axes[policy]
        return Configuration(
            policy, tuple((axes[i].name, axes[i].values[genes[i]]) for i in self._order[policy])
        )

    def genes(self, configuration: Configuration) -> Genes | None:
        """Canonical; none for what is not in the space."""
        axes = self.axes.get(configuration.policy)
        if axes is None or len(axes) != len(configuration.params):
            return None
        genes = [0] * len(axes)
        for place, (name, value) in zip(self._order[configuration.policy], configuration.params, strict=True):
            axis = axes[place]
            if name != axis.name:
                return None
            try:
                genes[place] = axis.values.index(value)  # type: ignore[arg-type]
            except ValueError:
                return None
        return self.canonical(configuration.policy, genes)

    def at(self, policy: str, coordinates: Sequence[float]) -> Genes:
        """The genes at a point of the unit cube."""
        places = [axis.at(c) for axis, c in zip(self.axes[policy], coordinates, strict=True)]
        return self.canonical(policy, places)

    def coordinates(self, policy: str, genes: Genes) -> list[float]:
        """The point of the unit cube that stands for these genes."""
        return [axis.coordinate(gene) for axis, gene in zip(self.axes[policy], genes, strict=True)]

    def drawn(self, policy: str, random: Random) -> Genes:
        """Uniform on every parameter's scale."""
        return self.at(policy, [random.random() for _ in self.axes[policy]])


def _gates(axes: Sequence[Axis]) -> list[tuple[int, int]]:
    """Places of what is gated, each with its gate's."""
    places = {axis.name: place for place, axis in enumerate(axes)}
    return [(place, places[axis.gate]) for place, axis in enumerate(axes) if axis.gate is not None]

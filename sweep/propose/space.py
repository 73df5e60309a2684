"""The search space: some policies, each with the values that its parameters may take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

from policies import Param
from sweep.trial import Configuration, ParamValue

Values: TypeAlias = tuple[ParamValue, ...] | range


@dataclass(frozen=True, slots=True)
class Range:
    """A parameter and the values that may be proposed for it, in their order: a range of integers, or a
    list. Where there is one value, the parameter is fixed."""

    param: Param
    values: Values

    @classmethod
    def whole(cls, param: Param) -> Self:
        """Everything that the policy takes."""
        if param.type == "choice":
            return cls(param, param.choices)
        if param.type == "bool":
            return cls(param, (False, True))
        return cls(param, range(param.min, param.max + 1))

    @property
    def name(self) -> str:
        return self.param.name

    @property
    def start(self) -> ParamValue:
        """The default, or the value nearest to it that may be proposed."""
        default = self.param.default
        if default in self.values or self.param.type != "int":
            return default if default in self.values else self.values[0]
        if isinstance(self.values, range):
            return min(max(int(default), self.values[0]), self.values[-1])
        return min(self.values, key=lambda value: abs(int(value) - int(default)))


@dataclass(frozen=True, slots=True)
class Space:
    """Policies by name, in order, each with its ranges as narrowed by the study."""

    policies: Mapping[str, tuple[Range, ...]]

    def start(self, policy: str) -> Configuration:
        """The policy's defaults, as far as the ranges allow them."""
        return self.canonical(policy, {})

    def canonical(self, policy: str, values: Mapping[str, ParamValue]) -> Configuration:
        """Complete, and with parameters that do not matter at their start: equal behaviour, equal key."""
        ranges = {each.name: each for each in self.policies[policy]}
        complete = {name: values.get(name, each.start) for name, each in ranges.items()}
        for name, each in ranges.items():
            gate = each.param.only_with
            if gate is not None and not complete[gate]:
                complete[name] = each.start
        return Configuration.of(policy, complete)

    def __contains__(self, configuration: object) -> bool:
        if not isinstance(configuration, Configuration) or configuration.policy not in self.policies:
            return False
        ranges = {each.name: each for each in self.policies[configuration.policy]}
        values = configuration.mapping()
        return values.keys() == ranges.keys() and all(
            values[name] in each.values for name, each in ranges.items()
        )

    def size(self) -> int:
        """How many distinct configurations there are."""
        return sum(map(self.count, self.policies))

    def count(self, policy: str) -> int:
        """How many distinct configurations of that policy there are."""
        return math.prod(_distinct(each, gated) for each, gated in _blocks(self.policies[policy]))

    def nth(self, policy: str, index: int) -> Configuration:
        """The configurations of a policy by their number, from 0 to count - 1; none is built for another."""
        values: dict[str, ParamValue] = {}
        for gate, gated in _blocks(self.policies[policy]):
            index, at = divmod(index, _distinct(gate, gated))
            if not gated:
                values[gate.name] = gate.values[at]
                continue
            open_ = math.prod(len(each.values) for each in gated)
            for value in gate.values:
                here = open_ if value else 1
                if at < here:
                    break
                at -= here
            values[gate.name] = value
            for each in gated:
                at, place = divmod(at, len(each.values))
                values[each.name] = each.values[place]
        return self.canonical(policy, values)


def _blocks(ranges: tuple[Range, ...]) -> list[tuple[Range, list[Range]]]:
    """Ranges that always matter, each with those that it gates. No gate is itself gated."""
    return [
        (each, [other for other in ranges if other.param.only_with == each.name])
        for each in ranges
        if each.param.only_with is None
    ]


def _distinct(gate: Range, gated: list[Range]) -> int:
    """Gated parameters count only where their gate is open."""
    if not gated:
        return len(gate.values)
    open_ = math.prod(len(each.values) for each in gated)
    return sum(open_ if value else 1 for value in gate.values)

"""The search space: some policies, each with ranges for its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies import Param
from sweep.trial import Configuration, ParamValue


def values_of(param: Param) -> tuple[ParamValue, ...] | range:
    """Every value in a parameter's range, in order."""
    if param.type == "choice":
        return param.choices
    if param.type == "bool":
        return tuple(bool(number) for number in range(param.min, param.max + 1))
    return range(param.min, param.max + 1)


def start_of(param: Param) -> ParamValue:
    """The default, or the value nearest to it that the range holds."""
    values = values_of(param)
    if param.default in values:
        return param.default
    if isinstance(values, range) and isinstance(param.default, int):
        return min(max(param.default, param.min), param.max)
    return values[0]


@dataclass(frozen=True, slots=True)
class Space:
    """Policies by name, in order, each with its parameters; ranges as narrowed by the study."""

    policies: Mapping[str, tuple[Param, ...]]

    def start(self, policy: str) -> Configuration:
        """The policy's defaults, as far as the ranges allow them."""
        return self.canonical(policy, {param.name: start_of(param) for param in self.policies[policy]})

    def canonical(self, policy: str, values: Mapping[str, ParamValue]) -> Configuration:
        """Complete, and with parameters that do not matter at their start: equal behaviour, equal key."""
        params = {param.name: param for param in self.policies[policy]}
        complete: dict[str, ParamValue] = {
            name: values[name] if name in values else start_of(param) for name, param in params.items()
        }
        for name, param in params.items():
            if param.only_with is not None and not complete[param.only_with]:
                complete[name] = start_of(param)
        return Configuration.of(policy, complete)

    def __contains__(self, configuration: object) -> bool:
        if not isinstance(configuration, Configuration) or configuration.policy not in self.policies:
            return False
        params = {param.name: param for param in self.policies[configuration.policy]}
        values = configuration.mapping()
        return values.keys() == params.keys() and all(
            values[name] in values_of(param) for name, param in params.items()
        )

    def size(self) -> int:
        """How many distinct configurations there are."""
        return sum(_count(params) for params in self.policies.values())


def _count(params: tuple[Param, ...]) -> int:
    gated: dict[str | None, int] = {}
    for param in params:
        if not any(other.only_with == param.name for other in params):
            gated[param.only_with] = gated.get(param.only_with, 1) * len(values_of(param))
    total = gated.get(None, 1)
    for gate in {other.only_with for other in params} - {None}:
        choices = values_of(next(param for param in params if param.name == gate))
        total *= sum(gated.get(gate, 1) if value else 1 for value in choices)
    return total

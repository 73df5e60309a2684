"""A policy and its parameters, as its C file describes them."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

ParamValue: TypeAlias = int | bool | str
"""An integer, a bool, or the word of a choice."""

_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


class PolicyError(ValueError):
    """An unknown policy, preset or parameter, or a value that the parameter does not take."""


def unknown(what: str, name: str, known: Iterable[str]) -> PolicyError:
    """The error for a name that does not exist, with the names it may have meant."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names) or 'none'}"
    return PolicyError(f"unknown {what} {name!r}; {hint}")


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a policy.

    `min` and `max` are inclusive; those of a bool are 0 and 1, those of a choice its first and last index.
    `only_with` names a bool parameter that must be true for this one to matter.
    """

    name: str
    type: Literal["int", "bool", "choice"]
    min: int
    max: int
    log_scale: bool
    default: ParamValue
    unit: str
    help: str
    choices: tuple[str, ...] = ()
    only_with: str | None = None

    def describe_range(self) -> str:
        """The values that it takes, in words."""
        if self.type == "int":
            return f"{self.min} .. {self.max}"
        return " | ".join(self.choices) if self.type == "choice" else "false | true"

    def validate(self, value: object) -> ParamValue:
        """The value as this parameter's type.

        Raises:
            PolicyError: it is of another type or out of range.
        """
        if self.type == "choice":
            if isinstance(value, str) and value in self.choices:
                return value
        elif self.type == "bool":
            if value in (0, 1):  # True and False are among them
                return bool(value)
        elif not isinstance(value, bool):
            try:
                number = operator.index(value)  # type: ignore[arg-type]
            except TypeError:
                pass
            else:
                if self.min <= number <= self.max:
                    return number
        unit = f" {self.unit}" if self.unit and self.type == "int" else ""
        raise PolicyError(
            f"parameter {self.name!r} does not take {value!r}; expected {self.describe_range()}{unit}"
        )

    def parse(self, text: str) -> ParamValue:
        """The value that a word on the command line means.

        Raises:
            PolicyError: the word means none.
        """
        value: object = text
        if self.type == "bool":
            value = _WORDS.get(text.lower(), text)
        elif self.type == "int":
            try:
                value = int(text)
            except ValueError:
                value = text
        return self.validate(value)

    def encode(self, value: ParamValue) -> int:
        """The number that plat_param() returns for a valid value."""
        return self.choices.index(value) if isinstance(value, str) else int(value)

    def decode(self, number: int) -> ParamValue:
        """The value whose `encode` is this number."""
        if self.type == "choice":
            return self.choices[number]
        return bool(number) if self.type == "bool" else number


@dataclass(frozen=True, slots=True)
class Policy:
    """A freeing policy: one C file in this directory. `typesafe`: its slab cache is SLAB_TYPESAFE_BY_RCU."""

    name: str
    origin: str
    summary: str
    params: tuple[Param, ...]
    typesafe: bool

    def param(self, name: str) -> Param:
        """The parameter of that name.

        Raises:
            PolicyError: there is none.
        """
        for param in self.params:
            if param.name == name:
                return param
        raise unknown(f"parameter of {self.name}", name, (param.name for param in self.params))

    def defaults(self) -> dict[str, ParamValue]:
        """Every parameter at its default, in the order of the table."""
        return {param.name: param.default for param in self.params}

    def validate(self, params: Mapping[str, object]) -> dict[str, ParamValue]:
        """The given values and defaults for the others, in the order of the table.

        Raises:
            PolicyError: a name that is no parameter, or a value that one does not take.
        """
        given = {name: self.param(name).validate(value) for name, value in params.items()}
        return self.defaults() | given

    def encode(self, params: Mapping[str, object]) -> list[int]:
        """What a platform is given: numbers in the order of the table.

        Raises:
            PolicyError: as `validate`.
        """
        values = self.validate(params)
        return [param.encode(values[param.name]) for param in self.params]

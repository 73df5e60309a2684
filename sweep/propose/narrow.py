"""A parameter's range as a study wants it: one value, a list of values, or bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from policies import Param, PolicyError
from sweep import units
from sweep.propose.space import Range
from sweep.trial import ParamValue

Scalar: TypeAlias = bool | int | float | str
Wanted: TypeAlias = Scalar | Sequence[Scalar] | Mapping[str, Scalar]
"""`32`, `[16, 32, 64]`, `{min: 16, max: 256}`; values may be texts with a unit (`1 s`)."""


def narrowed(param: Param, wanted: Wanted) -> Range:
    """Raises PolicyError for what the parameter does not take, and for an empty range."""
    if isinstance(wanted, Mapping):
        return _bounds(param, wanted)
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        values = tuple(_value(param, each) for each in wanted)
        if not values:
            raise PolicyError(f"parameter {param.name!r}: the list of values is empty")
        if len(set(values)) < len(values):
            raise PolicyError(f"parameter {param.name!r}: a value stands twice in {list(wanted)}")
        return Range(param, tuple(sorted(values)) if param.type == "int" else values)
    return Range(param, (_value(param, wanted),))


def _bounds(param: Param, wanted: Mapping[str, Scalar]) -> Range:
    if param.type != "int" or not wanted or not wanted.keys() <= {"min", "max"}:
        expected = "min and max" if param.type == "int" else f"a list out of {param.describe_range()}"
        raise PolicyError(f"parameter {param.name!r}: {dict(wanted)} is no range of it; expected {expected}")
    low = _value(param, wanted["min"]) if "min" in wanted else param.min
    high = _value(param, wanted["max"]) if "max" in wanted else param.max
    assert isinstance(low, int)
    assert isinstance(high, int)
    if low > high:
        raise PolicyError(f"parameter {param.name!r}: min {low} is above max {high}")
    return Range(param, range(low, high + 1))


def _value(param: Param, wanted: Scalar) -> ParamValue:
    if param.type != "int":
        return param.validate(wanted)
    try:
        number = units.quantity(wanted, param.unit)
    except units.UnitError as error:
        raise PolicyError(f"parameter {param.name!r}: {error}") from error
    return param.validate(int(number) if isinstance(number, float) and number.is_integer() else number)

"""Quantities with units: read from text, written for people.

Every number inside the service is in its base unit (nanoseconds, bytes, or a plain count); these
functions stand at the edges, where people write `3 ms` and read `64.0 MiB`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

TIME_NS: Final[Mapping[str, int]] = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
}
SIZE_BYTES: Final[Mapping[str, int]] = {
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)\s*([^\s0-9]*)\s*")


class UnitError(ValueError):
    """A text is no quantity of the wanted kind; the message names the text and the units known."""


def _parse(text: str, units: Mapping[str, int], kind: str) -> float:
    match = _QUANTITY.fullmatch(text)
    known = ", ".join(units)
    if match is None:
        raise UnitError(
            f"{text!r} is no {kind}: expected a number and a unit, such as '3 {next(iter(units))}'"
        )
    number, unit = match.groups()
    if unit not in units:
        raise UnitError(
            f"{text!r} has {'no unit' if not unit else f'the unknown unit {unit!r}'}; known: {known}"
        )
    value = float(number) * units[unit]
    if math.isinf(value):
        raise UnitError(f"{text!r} is too large a {kind}")
    return value


_KINDS: Final[Mapping[str, tuple[str, Mapping[str, int], int]]] = {
    "ns": ("time", TIME_NS, 1),
    "ms": ("time", TIME_NS, TIME_NS["ms"]),
    "s": ("time", TIME_NS, TIME_NS["s"]),
    "bytes": ("size", SIZE_BYTES, 1),
}
"""Units in which values are kept: what they measure, the units that people may write, their own size."""


def quantity(value: float | str, unit: str) -> float:
    """A value in `unit`, from a number in that unit or a text with a unit of its own.

    `quantity("3 ms", "ns")` -> 3e6; `quantity("2 s", "ms")` -> 2000. What is neither a time nor a size is
    a plain number. Raises UnitError.
    """
    if not isinstance(value, str):
        return value
    if unit in _KINDS:
        kind, units, size = _KINDS[unit]
        return _parse(value, units, kind) / size
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UnitError(f"{value!r} is no plain number" + (f" (the unit is {unit})" if unit else ""))
    return number


def _scaled(value: float, steps: tuple[tuple[str, float], ...]) -> str:
    sign = "-" if value < 0 else ""
    value = abs(value)
    unit, size = steps[0]
    for name, factor in steps:
        if value >= factor:
            unit, size = name, factor
    number = value / size
    # Three significant digits, without an exponent.
    digits = 0 if number == 0 else max(0, 2 - math.floor(math.log10(number)))
    return f"{sign}{number:.{min(digits, 2)}f} {unit}"


def format_time(value_ns: float) -> str:
    """1.2e6 -> `1.20 ms`."""
    return _scaled(value_ns, (("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)))


def format_size(value_bytes: float) -> str:
    """67108864 -> `64.0 MiB`."""
    return _scaled(value_bytes, (("B", 1), ("KiB", 2.0**10), ("MiB", 2.0**20), ("GiB", 2.0**30)))


def format_value(value: float, unit: str) -> str:
    """A value in a metric's unit (`ns`, `bytes`, or a count's name) as people read it."""
    if unit == "ns":
        return format_time(value)
    if unit == "bytes":
        return format_size(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"


def format_ratio(ratio: float) -> str:
    """A ratio to the baseline: 0.4321 -> `0.432x`, 37.2 -> `37.2x`."""
    if not math.isfinite(ratio):
        return "-"
    if ratio >= 100:
        return f"{ratio:,.0f}x"
    return f"{ratio:.3g}x"

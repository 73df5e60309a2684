"""What a study demands of a configuration besides being good: `retained_bytes.peak <= 64 MiB`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

from sweep import units
from sweep.trial import METRICS, Measurement

_TEXT = re.compile(r"\s*([a-z0-9_.]+)\s*(<=|>=|==|=|<|>)\s*([^\s<>=].*?)\s*")


class ConstraintError(ValueError):
    """A text that is no constraint, or constraints that nothing can meet."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound that a metric must keep in every scenario; the bound is in the metric's unit."""

    metric: str
    relation: Literal["<=", ">="]
    bound: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """`max_stall_ns <= 3 ms`. Raises ConstraintError."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ConstraintError(
                f"{text!r} is no constraint; expected METRIC <= VALUE or METRIC >= VALUE, such as "
                "'retained_bytes.peak <= 64 MiB'"
            )
        metric, relation, bound = found.groups()
        if metric not in METRICS:
            near = difflib.get_close_matches(metric, METRICS, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(METRICS)}"
            raise ConstraintError(f"{text!r}: there is no metric {metric!r}; {hint}")
        if relation not in ("<=", ">="):
            raise ConstraintError(f"{text!r}: {relation!r} is not for constraints; expected <= or >=")
        try:
            value = units.quantity(bound, METRICS[metric].unit.removesuffix("/object"))
        except units.UnitError as error:
            raise ConstraintError(f"{text!r}: {error}") from error
        return cls(metric, relation, value)  # type: ignore[arg-type]

    def excess(self, measurement: Measurement) -> float:
        """How far beyond the bound, relative to the bound (to 1 where the bound is below 1); 0 when kept."""
        value = measurement.get(self.metric)
        beyond = value - self.bound if self.relation == "<=" else self.bound - value
        return max(0.0, beyond / max(abs(self.bound), 1.0))

    def show(self, value: float) -> str:
        """A value of this constraint's metric as people read it."""
        return units.format_value(value, METRICS[self.metric].unit.removesuffix("/object"))

    def __str__(self) -> str:
        return f"{self.metric} {self.relation} {self.show(self.bound)}"


def check(constraints: Iterable[Constraint]) -> None:
    """Raises ConstraintError where two leave nothing between them, or one can never be met."""
    upper: dict[str, Constraint] = {}
    lower: dict[str, Constraint] = {}
    for each in constraints:
        if each.relation == "<=" and each.bound < 0:
            raise ConstraintError(f"'{each}' can never be met: no metric is negative")
        side = upper if each.relation == "<=" else lower
        held = side.get(each.metric)
        if held is None or (each.bound < held.bound) == (each.relation == "<="):
            side[each.metric] = each
    for metric, least in lower.items():
        if metric in upper and upper[metric].bound < least.bound:
            raise ConstraintError(f"'{upper[metric]}' and '{least}' contradict each other")

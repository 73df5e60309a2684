"""Which point of a front to use, and why in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from sweep import pareto

MIN_BULGE: Final = 0.05
"""Of the sum of the objectives, each scaled to 0 .. 1 over the front: what makes a knee worth the name."""

T = TypeVar("T")


def recommended(front: Sequence[T], values: Sequence[pareto.Point], reference: float) -> tuple[T | None, str]:
    """The front's knee, and why in words. Where the front hardly bulges (its knee lies less than MIN_BULGE
    below the plane through its ends), an end would be chosen by chance: there, the point that alone
    dominates the most, up to `reference` in each objective."""
    if not front:
        return None, "nothing feasible was measured"
    if len(front) == 1:
        return front[0], "it is better than everything else in every objective"
    chosen = pareto.knee(values)
    why = "it is the knee of the front, the point furthest below the line between the front's ends"
    if pareto.bulge(values, chosen) < MIN_BULGE:
        corner = (reference,) * len(values[0])
        chosen = max(range(len(front)), key=lambda i: pareto.hypervolume([values[i]], corner))
        why = "the front has no knee; this point alone dominates the most of what lies below the reference"
    return front[chosen], why

"""Fronts of points whose every coordinate is better when smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Point: TypeAlias = Sequence[float]


def dominates(a: Point, b: Point) -> bool:
    """Nowhere worse, somewhere better."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


def non_dominated(points: Sequence[Point]) -> list[int]:
    """The front: indices of points that no other dominates, in order of their coordinates.

    Of equal points the first stands for all.
    """
    if not points:
        return []
    values = np.asarray(points, dtype=float)
    front: list[int] = []
    kept = np.empty_like(values)
    for index in sorted(range(len(points)), key=lambda i: (tuple(points[i]), i)):
        # Whatever dominates this point, or equals it, comes before it in this order.
        if not np.any(np.all(kept[: len(front)] <= values[index], axis=1)):
            kept[len(front)] = values[index]
            front.append(index)
    return front


def undominated_by(front: Sequence[Point], points: Sequence[Point]) -> list[int]:
    """Indices of points that no point of the front dominates or equals."""
    if not front or not points:
        return list(range(len(points)))
    known, new = np.asarray(front, dtype=float), np.asarray(points, dtype=float)
    below = np.any(np.all(known[None, :, :] <= new[:, None, :], axis=2), axis=1)
    return [int(i) for i in np.flatnonzero(~below)]


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The volume that the points dominate, up to the reference point; exact.

    Points that do not lie below the reference in every coordinate add nothing. Slices along the last
    objective (While, Hingston, Barone and Huband, "A faster algorithm for calculating hypervolume", 2006):
    n log n for two objectives, practical to about four.
    """
    inside = [tuple(point) for point in points if all(x < r for x, r in zip(point, reference, strict=True))]
    return _volume(inside, tuple(reference))


def _volume(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    if not points:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(point[0] for point in points)
    points = sorted(points, key=lambda point: point[-1])
    tops = [*(point[-1] for point in points[1:]), reference[-1]]
    if len(reference) == 2:
        volume, best = 0.0, reference[0]
        for (x, y), top in zip(points, tops, strict=True):
            best = min(best, x)
            volume += (reference[0] - best) * (top - y)
        return volume
    return sum(
        (top - point[-1]) * _volume([other[:-1] for other in points[: index + 1]], reference[:-1])
        for index, (point, top) in enumerate(zip(points, tops, strict=True))
        if top > point[-1]
    )


def knee(points: Sequence[Point]) -> int:
    """Index of the point of a front that bulges furthest from the plane through its extremes.

    Every objective is scaled to 0 .. 1 over the front; with two objectives this is the point at the largest
    distance from the line between the front's ends (Das, "On characterizing the 'knee' of the Pareto curve
    based on normal-boundary intersection", 1999). Of equals, the first.

    Raises ValueError for no points.
    """
    if not points:
        raise ValueError("a front without points has no knee")
    bulges = _bulges(points)
    return max(range(len(points)), key=bulges.__getitem__)


def bulge(points: Sequence[Point], index: int) -> float:
    """How far below the plane through the extremes that point lies: 1 minus the sum of its scaled
    objectives; 0 at the ends of a front of two objectives, 1 would be best in everything."""
    return _bulges(points)[index]


def _bulges(points: Sequence[Point]) -> list[float]:
    columns = list(zip(*points, strict=True))
    lows = [min(column) for column in columns]
    spans = [(max(column) - low) or 1.0 for column, low in zip(columns, lows, strict=True)]
    return [
        1.0 - float(sum((x - low) / span for x, low, span in zip(point, lows, spans, strict=True)))
        for point in points
    ]

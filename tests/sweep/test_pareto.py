import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.pareto import dominates, hypervolume, knee, non_dominated

COORDINATE = st.integers(0, 6).map(float)
SETS = st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[COORDINATE] * n), min_size=1, max_size=8))


@given(SETS)
def test_the_front_is_what_nothing_dominates_once_each(points: list[tuple[float, ...]]) -> None:
    front = non_dominated(points)
    expected = {point for point in points if not any(dominates(other, point) for other in points)}
    assert {points[index] for index in front} == expected
    assert len(front) == len(expected)
    assert front == sorted(front, key=lambda index: points[index])


@given(SETS)
def test_hypervolume_counts_the_dominated_cells(points: list[tuple[float, ...]]) -> None:
    """With whole coordinates the volume is the number of unit cells that some point dominates."""
    reference = (6.0,) * len(points[0])
    cells = itertools.product(range(6), repeat=len(points[0]))
    covered = sum(
        any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points) for cell in cells
    )
    assert hypervolume(points, reference) == pytest.approx(covered)


@given(SETS)
def test_only_the_front_adds_to_the_hypervolume(points: list[tuple[float, ...]]) -> None:
    reference = (5.5,) * len(points[0])
    front = [points[index] for index in non_dominated(points)]
    assert hypervolume(front, reference) == pytest.approx(hypervolume(points, reference))


@given(SETS)
def test_the_knee_is_on_the_front_and_free_of_scale(points: list[tuple[float, ...]]) -> None:
    front = [points[index] for index in non_dominated(points)]
    chosen = knee(front)
    scaled = [tuple(8 * x + 3 for x in point) for point in front]
    assert knee(scaled) == chosen


def test_the_knee_of_a_bent_line_is_its_bend() -> None:
    x = np.linspace(0, 10, 101)
    front = [(float(a), float(max(10 - 5 * a, (10 - a) / 9))) for a in x]
    assert front[knee(front)][0] == pytest.approx(1.8, abs=0.11)


def test_no_points_have_no_knee() -> None:
    with pytest.raises(ValueError, match="no knee"):
        knee([])

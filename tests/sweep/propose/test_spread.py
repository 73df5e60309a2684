"""The few points of a front that stand for it."""

import math

from sweep.propose.individual import Individual
from sweep.propose.spread import spread


def line(*values: tuple[float, ...]) -> list[Individual]:
    return [Individual("p", (place,), each, 0.0) for place, each in enumerate(values)]


def test_a_front_that_is_small_enough_stands_for_itself() -> None:
    points = line((1.0, 2.0), (2.0, 1.0))
    assert spread(points, 2, 3.0) == points
    assert spread([], 4, 3.0) == []


def test_what_is_near_to_one_that_was_chosen_is_left_out() -> None:
    points = line((0.2, 1.0), (0.21, 0.99), (1.0, 0.2))
    for reference in (2.0, math.inf):
        first, second = spread(points, 2, reference)
        assert {first.genes, second.genes} in ({(0,), (2,)}, {(1,), (2,)})


def test_the_first_adds_most() -> None:
    points = line((0.1, 1.9), (1.0, 1.0), (1.9, 0.1))
    assert spread(points, 1, 2.0) == [points[1]]
    assert len(set(spread(points, 3, 2.0))) == 3

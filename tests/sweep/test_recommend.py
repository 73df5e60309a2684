"""Which point of a front is recommended, and the words for it."""

from hypothesis import given
from hypothesis import strategies as st

from sweep import pareto
from sweep.recommend import MIN_BULGE, recommended

FRONTS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=12).map(
    lambda points: [
        (float(points[i][0]) / 16, float(points[i][1]) / 16) for i in pareto.non_dominated(points)
    ]
)


def test_of_nothing_nothing_is_recommended() -> None:
    assert recommended([], [], 2.0) == (None, "nothing feasible was measured")


def test_one_point_is_better_than_all_others() -> None:
    chosen, why = recommended(["only"], [(0.5, 0.5)], 2.0)
    assert chosen == "only"
    assert "better than everything else" in why


def test_the_knee_is_recommended_and_said_to_be() -> None:
    chosen, why = recommended("abc", [(1.0, 0.1), (0.2, 0.2), (0.1, 1.0)], 2.0)
    assert chosen == "b"
    assert "knee" in why


def test_without_a_knee_the_point_that_dominates_most_is_recommended() -> None:
    """Two ends and nothing in between: (0.7, 0.97) improves on the baseline far less than (1.05, 0.01)."""
    chosen, why = recommended("ab", [(0.7, 0.97), (1.05, 0.01)], 2.0)
    assert chosen == "b"
    assert "no knee" in why


@given(FRONTS)
def test_what_is_recommended_is_on_the_front_and_for_the_reason_given(
    front: list[tuple[float, float]],
) -> None:
    chosen, why = recommended(front, front, 2.0)
    assert chosen in front
    if "the knee" in why:
        assert pareto.bulge(front, front.index(chosen)) >= MIN_BULGE
    elif len(front) > 1:
        alone = pareto.hypervolume([chosen], (2.0, 2.0))
        assert all(alone >= pareto.hypervolume([other], (2.0, 2.0)) for other in front)

"""Costs as formulas over the rounds of a calibration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.backends.costs import Formula, MissingSeriesError, Series, evaluate

DIFFERENCE = Formula("costs.link_ns", lambda get, m: get("with") - get("without"), "one less the other")


def cost_of(with_it: list[float], without: list[float]) -> tuple[float, float, float]:
    series: Series = {("with", 250): np.array(with_it), ("without", 250): np.array(without)}
    (cost,) = evaluate([DIFFERENCE], series, {}, np.random.default_rng(1))
    return cost.interval.value, cost.interval.low, cost.interval.high


def test_a_difference_is_of_one_round() -> None:
    """The difference of the medians would be 35: of two rounds between which the machine has changed."""
    assert cost_of([10.0, 100.0, 55.0], [5.0, 70.0, 20.0])[0] == 30.0


@given(st.lists(st.floats(1, 1000), min_size=3, max_size=12), st.floats(0, 100))
def test_how_fast_the_machine_is_in_each_round_is_in_no_difference(level: list[float], cost: float) -> None:
    value, low, high = cost_of([each + cost for each in level], level)
    assert value == pytest.approx(cost, abs=1e-9)
    assert (low, high) == (pytest.approx(cost, abs=1e-9), pytest.approx(cost, abs=1e-9))


def test_for_a_round_that_lacks_a_series_stands_the_median_of_the_others() -> None:
    assert cost_of([np.nan, 12.0, 14.0], [8.0, 9.0, 10.0])[0] == 4.0


def test_no_cost_is_below_nothing_and_the_interval_holds_it() -> None:
    assert cost_of([1.0, 2.0, 3.0], [5.0, 4.0, 9.0]) == (0.0, 0.0, 0.0)
    value, low, high = cost_of([6.0, 9.0, 30.0], [5.0, 5.0, 5.0])
    assert low <= value <= high


def test_a_series_that_is_missing_is_named() -> None:
    with pytest.raises(MissingSeriesError) as caught:
        list(evaluate([DIFFERENCE], {("with", 250): np.ones(3)}, {}, np.random.default_rng(1)))
    assert (caught.value.series, caught.value.objects) == ("without", 250)

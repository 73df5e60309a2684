"""What the numbers of agreement are worth: perfect, distorted, shuffled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sweep.agreement import statistics

FIGURES = arrays(np.float64, st.integers(3, 40), elements=st.floats(1e-3, 1e9))


@given(FIGURES)
def test_equal_columns_agree_perfectly(values: np.ndarray) -> None:
    assume(np.ptp(values) > 0)
    found = statistics.correlation(values, values)
    assert found.spearman == pytest.approx(1)
    assert found.kendall == pytest.approx(1)
    logs = statistics.log_ratios(values, values)
    assert statistics.errors(logs) == (0, 0)
    assert statistics.log_error(logs) == statistics.LogError(0, 0, len(values))


@given(FIGURES, st.floats(0.01, 100))
def test_a_factor_is_bias_and_no_spread_and_keeps_the_ranks(values: np.ndarray, factor: float) -> None:
    assume(len(np.unique(values)) == len(np.unique(values * factor)) > 1)
    assert statistics.correlation(values * factor, values).spearman == pytest.approx(1)
    logs = statistics.log_ratios(values * factor, values)
    error = statistics.log_error(logs)
    assert error.factor == pytest.approx(factor)
    assert error.spread == pytest.approx(0, abs=1e-9)
    middle, high = statistics.errors(logs)
    assert middle == pytest.approx(max(factor, 1 / factor) - 1, abs=1e-9)
    assert high == pytest.approx(middle, abs=1e-9)


@given(FIGURES)
def test_a_monotone_distortion_keeps_the_ranks_and_shows_as_error(values: np.ndarray) -> None:
    distorted = values**1.5
    assume(len(np.unique(values)) == len(np.unique(distorted)) > 1)
    assert statistics.correlation(distorted, values).kendall == pytest.approx(1)
    logs = statistics.log_ratios(distorted, values)
    assert np.allclose(logs, 0.5 * np.log(values))


def test_shuffling_destroys_correlation() -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.standard_normal(500))
    found = statistics.correlation(rng.permutation(values), values)
    assert found.spearman is not None
    assert abs(found.spearman) < 0.15
    assert statistics.correlation(values[::-1], np.sort(values)).spearman != pytest.approx(1)


def test_reversed_ranks_are_minus_one() -> None:
    values = np.arange(1.0, 30)
    assert statistics.correlation(values[::-1].copy(), values).spearman == pytest.approx(-1)


def test_what_does_not_vary_has_no_correlation() -> None:
    assert statistics.correlation(np.ones(9), np.arange(9.0)).spearman is None
    assert statistics.correlation(np.arange(2.0), np.arange(2.0)).spearman is None


@given(FIGURES, st.integers(0, 5))
def test_zeros_have_no_ratio(values: np.ndarray, zeros: int) -> None:
    measured = np.concatenate([values, np.zeros(zeros)])
    simulated = np.concatenate([values, np.ones(zeros)])
    assert len(statistics.log_ratios(measured, simulated)) == len(values)
    assert len(statistics.log_ratios(simulated, measured)) == len(values)


def test_an_error_counts_the_same_in_both_directions() -> None:
    up, down = np.log(np.array([1.5])), np.log(np.array([1 / 1.5]))
    assert statistics.errors(up)[0] == pytest.approx(0.5)
    assert statistics.errors(down)[0] == pytest.approx(0.5)


def test_spread_is_the_standard_deviation_where_errors_are_normal() -> None:
    logs = 0.3 + 0.2 * np.random.default_rng(2).standard_normal(20_000)
    error = statistics.log_error(logs)
    assert error.bias == pytest.approx(0.3, abs=0.01)
    assert error.spread == pytest.approx(0.2, abs=0.01)


def test_few_outliers_do_not_move_bias_and_spread() -> None:
    rng = np.random.default_rng(3)
    logs = 0.1 * rng.standard_normal(1000)
    spoilt = logs.copy()
    spoilt[:20] = 10
    assert statistics.log_error(spoilt).bias == pytest.approx(statistics.log_error(logs).bias, abs=0.01)
    assert statistics.log_error(spoilt).spread == pytest.approx(statistics.log_error(logs).spread, rel=0.1)


def test_noise_is_that_between_repeats_alone() -> None:
    assert statistics.noise([[1.0, 1.1], [100.0, 110.0]]) == pytest.approx(0.1)
    assert statistics.noise([[1.0], [100.0]]) is None
    assert statistics.noise([[0.0, 0.0]]) is None


def test_a_machine_that_repeats_itself_ranks_alike_again() -> None:
    alike = [[1.0, 1.1], [2.0, 2.1], [3.0, 3.1]]
    assert statistics.repeat([alike]) == 1.0
    assert statistics.repeat([[[a, -b] for a, b in alike], alike, alike]) == 1.0  # the median over groups
    assert statistics.repeat([[[a] for a, _ in alike]]) is None
    assert statistics.repeat([]) is None


POINTS = st.lists(st.tuples(st.floats(0.01, 3), st.floats(0.01, 3)), min_size=1, max_size=25)


@given(POINTS, st.data())
def test_a_share_grows_with_what_is_chosen_and_the_front_is_all_of_it(
    points: list[tuple[float, float]], data: st.DataObject
) -> None:
    reference = (2.0, 2.0)
    chosen = data.draw(st.lists(st.integers(0, len(points) - 1), unique=True, min_size=1))
    whole = statistics.share(points, range(len(points)), reference)
    if whole is None:
        assert all(x >= 2 or y >= 2 for x, y in points)
        return
    assert whole == pytest.approx(1)
    some, fewer = (statistics.share(points, each, reference) for each in (chosen, chosen[1:]))
    assert some is not None
    assert fewer is not None
    assert 0 <= fewer <= some + 1e-12 <= 1 + 1e-9
    front = statistics.pareto.non_dominated(points)
    assert statistics.share(points, front, reference) == pytest.approx(1)


def test_chance_finds_less_than_the_front() -> None:
    rng = np.random.default_rng(4)
    points = [tuple(point) for point in rng.uniform(0.1, 2, (60, 2)).tolist()]
    nr = len(statistics.pareto.non_dominated(points))
    by_chance = statistics.share_by_chance(points, nr, (2.0, 2.0), rng)
    assert by_chance is not None
    assert by_chance < 0.9
    assert statistics.share_by_chance(points, len(points), (2.0, 2.0), rng) == pytest.approx(1)

"""Intervals that keep their promise with few blocks, and ratios that drift does not move."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sweep.backends import statistics
from sweep.backends.statistics import Floats, means, ratios, width
from sweep.trial import Interval

EXPERIMENTS = 1000
RATIO = 0.8


def experiments(blocks: int, noise: float, drift: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Many experiments of ABBA blocks: candidate is RATIO x baseline, each pass has its noise (log-normal), and
    the machine gets slower by `drift` from the first pass to the last."""
    passes = 4 * blocks
    speed = 1 + drift * np.arange(passes) / passes
    taken = speed * np.exp(rng.normal(0, noise, (EXPERIMENTS, passes)))
    quads = taken.reshape(EXPERIMENTS, blocks, 4)
    return RATIO * quads[:, :, [0, 3]].mean(axis=-1), quads[:, :, [1, 2]].mean(axis=-1)


def covered(found: list[Interval | None] | list[Interval], true: float) -> float:
    return float(np.mean([each is not None and each.low <= true <= each.high for each in found]))


@pytest.mark.parametrize("blocks", [2, 3, 4, 8, 16])
@pytest.mark.parametrize(("noise", "drift"), [(0.02, 0.0), (0.02, 0.3), (0.3, 0.05)])
def test_19_of_20_intervals_of_a_ratio_contain_it(blocks: int, noise: float, drift: float) -> None:
    rng = np.random.default_rng(blocks)
    found = ratios(*experiments(blocks, noise, drift, rng), rng)
    # Four standard errors of a share of 0.95 among this many experiments.
    assert covered(found, RATIO) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / EXPERIMENTS))


@pytest.mark.parametrize("blocks", [2, 4, 16])
def test_19_of_20_intervals_of_a_mean_contain_it(blocks: int) -> None:
    rng = np.random.default_rng(blocks)
    found = means(rng.normal(100, 7, (EXPERIMENTS, blocks)), rng)
    assert covered(found, 100) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / EXPERIMENTS))


def test_the_percentile_interval_would_not() -> None:
    """Why the interval is made as it is."""
    rng = np.random.default_rng(3)
    a, b = experiments(3, 0.02, 0, rng)
    found = stats.bootstrap(
        (a, b),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        vectorized=True,
        axis=-1,
        method="percentile",
        n_resamples=500,
        rng=rng,
    ).confidence_interval
    assert np.mean((found.low <= RATIO) & (found.high >= RATIO)) < 0.8


@pytest.mark.parametrize("drift", [-0.5, 0.0, 0.5, 2.0])
def test_linear_drift_moves_no_ratio_of_abba_blocks(drift: float) -> None:
    rng = np.random.default_rng(0)
    found = ratios(*experiments(4, 0.01, drift, rng), rng)
    values = np.array([each.value for each in found if each is not None])
    assert values.mean() == pytest.approx(RATIO, rel=4 * values.std() / np.sqrt(len(values)) / RATIO)
    # In the order AABB the later passes would take the blame.
    speed = 1 + drift * np.arange(16) / 16
    aabb = RATIO * speed.reshape(4, 4)[:, :2].sum() / speed.reshape(4, 4)[:, 2:].sum()
    assert drift == 0 or abs(aabb - RATIO) > 0.02 * RATIO


positive = st.floats(1e-3, 1e9)
table = st.integers(2, 8).flatmap(lambda n: st.lists(st.tuples(positive, positive), min_size=n, max_size=n))


@given(table)
def test_a_ratio_lies_in_its_interval_and_among_the_blocks(pairs: list[tuple[float, float]]) -> None:
    a, b = np.array(pairs).T[:, None, :]
    (found,) = ratios(a, b, np.random.default_rng(0))
    assert found is not None
    assert 0 <= found.low <= found.value <= found.high
    each = a / b
    assert each.min() * (1 - 1e-9) <= found.value <= each.max() * (1 + 1e-9)


@given(table, st.floats(0.01, 100))
def test_the_unit_does_not_matter(pairs: list[tuple[float, float]], unit: float) -> None:
    a, b = np.array(pairs).T[:, None, :]
    (one,) = ratios(a, b, np.random.default_rng(0))
    (other,) = ratios(unit * a, unit * b, np.random.default_rng(0))
    assert one is not None
    assert other is not None
    assert (other.value, other.low) == pytest.approx((one.value, one.low), rel=1e-6)


@given(table)
def test_the_same_blocks_and_seed_give_the_same_interval(pairs: list[tuple[float, float]]) -> None:
    a, b = np.array(pairs).T[:, None, :]
    assert ratios(a, b, np.random.default_rng(5)) == ratios(a, b, np.random.default_rng(5))


def test_a_against_a_in_equal_passes_is_exactly_one() -> None:
    values = np.array([[3.0, 5.0, 4.0]])
    assert ratios(values, values, np.random.default_rng(0)) == [Interval(1.0, 1.0, 1.0)]


def test_no_ratio_to_nothing_and_nothing_has_a_ratio_of_0() -> None:
    rng = np.random.default_rng(0)
    zero, some, mixed = np.zeros((1, 4)), np.ones((1, 4)), np.array([[0.0, 1.0, 0.0, 1.0]])
    assert ratios(some, zero, rng) == [None]
    assert ratios(some, mixed, rng) == [None]
    assert ratios(zero, some, rng) == [Interval(0.0, 0.0, 0.0)]
    (found,) = ratios(mixed, some, rng)
    assert found is not None
    assert found.low == 0
    assert found.value == 0.5
    assert found.high > 1


def test_rows_do_not_mix() -> None:
    """Every metric gets what it would get alone, but for the resampling's own noise."""
    rng = np.random.default_rng(1)
    a, b = rng.lognormal(0, 0.1, (5, 8)), rng.lognormal(0, 0.1, (5, 8))
    a[3] = 0
    together = ratios(a, b, rng)
    for place in range(5):
        (alone,) = ratios(a[[place]], b[[place]], rng)
        found = together[place]
        assert alone is not None
        assert found is not None
        assert found.value == pytest.approx(alone.value)
        assert width(found) == pytest.approx(width(alone), rel=0.15)


def test_fewer_than_two_blocks_say_nothing() -> None:
    rng = np.random.default_rng(0)
    for call in (lambda v: means(v, rng), lambda v: ratios(v, v, rng)):
        with pytest.raises(ValueError, match="at least 2 blocks"):
            call(np.ones((3, 1)))
    with pytest.raises(ValueError, match="no pairs"):
        ratios(np.ones((1, 3)), np.ones((1, 4)), rng)


def test_width_is_relative() -> None:
    assert width(Interval(2.0, 1.9, 2.1)) == pytest.approx(0.1)
    assert width(Interval(0.0, 0.0, 0.0)) == 0
    assert width(Interval(0.0, 0.0, 1.0)) == float("inf")


def test_resampling_is_fine_enough() -> None:
    """The interval of the same blocks hardly depends on the seed."""
    values = np.random.default_rng(0).normal(100, 5, (1, 6))
    found = [means(values, np.random.default_rng(seed))[0] for seed in range(20)]
    assert np.std([width(each) for each in found]) < 0.05 * np.mean([width(each) for each in found])
    assert statistics.RESAMPLES >= 1000

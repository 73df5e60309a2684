"""What noisy figures may be: intervals, fronts of worlds, measurements taken together."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import noise, pareto
from sweep.trial import METRICS, Evidence, Interval, Measurement
from tests.sweep.values import measurements

KEY = "0123456789abcdef"
VALUES = st.floats(1e-3, 1e3)
SPREADS = st.floats(1e-3, 1.0)


@given(value=VALUES, spread=SPREADS)
def test_an_interval_and_its_spread_say_the_same(value: float, spread: float) -> None:
    assert noise.spread(noise.around(value, spread)) == pytest.approx(spread)


def test_what_is_exact_stays_what_it_is_in_every_world() -> None:
    drawn = noise.worlds([[Interval(2.0, 2.0, 2.0), Interval(0.0, 0.0, 0.0)]], KEY)
    assert drawn.shape == (noise.WORLDS, 1, 2)
    assert np.all(drawn == [[2.0, 0.0]])
    assert noise.interval(2.0, drawn[:, 0, 0]) == Interval(2.0, 2.0, 2.0)


@given(value=VALUES, spread=SPREADS)
def test_worlds_have_the_interval_that_they_were_drawn_from(value: float, spread: float) -> None:
    wanted = noise.around(value, spread)
    drawn = noise.worlds([[wanted]], KEY)
    found = noise.interval(value, drawn[:, 0, 0])
    assert np.array_equal(drawn, noise.worlds([[wanted]], KEY))
    assert math.log(found.low / wanted.low) == pytest.approx(0, abs=0.35 * spread)
    assert math.log(found.high / wanted.high) == pytest.approx(0, abs=0.35 * spread)
    assert found.low <= value <= found.high


@given(
    points=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12
    ),
    nr_objectives=st.sampled_from([2, 3]),
)
def test_without_noise_a_front_is_the_front(points: list[tuple[int, ...]], nr_objectives: int) -> None:
    values = [tuple(map(float, point[:nr_objectives])) for point in points]
    shares = noise.on_front([np.tile(each, (noise.WORLDS, 1)) for each in values])
    front = {values[i] for i in pareto.non_dominated(values)}
    assert set(shares) <= {0.0, 1.0}
    assert {value for value, share in zip(values, shares, strict=True) if share} == front


def test_a_point_that_is_hardly_dominated_may_be_on_the_front_and_one_far_behind_is_not() -> None:
    def point(x: float, y: float, key: int) -> noise.Array:
        return noise.worlds([[noise.around(x, 0.05), noise.around(y, 0.05)]], f"{key:016x}")[:, 0]

    best, near, far = noise.on_front([point(1, 1, 1), point(1.02, 1.02, 2), point(2, 2, 3)])
    assert best > near > 0.3
    assert far < 0.001
    alone, aside = noise.on_front([point(1, 1, 1), point(0.5, 2, 2)])
    assert alone > 0.99
    assert aside > 0.99


def evidence(blocks: int, **ratios: Interval) -> Evidence:
    named = tuple((f"{name}.mean", each) for name, each in ratios.items())
    return Evidence("native", "m", blocks, 1, named, named)


@given(of=measurements(), times=st.integers(1, 5))
def test_the_same_measured_again_is_the_same_known_better(of: Measurement, times: int) -> None:
    of = replace(of, violations=0)
    one = evidence(4, retained_bytes=noise.around(3.0, 0.1))
    measured, found = noise.pooled([(of, one)] * times)
    assert all(measured.get(name) == pytest.approx(of.get(name), rel=1e-9, abs=1) for name in METRICS)
    ratio = found.ratio("retained_bytes.mean")
    assert ratio is not None
    assert (found.blocks, found.disturbed) == (4 * times, times)
    assert ratio.value == pytest.approx(3.0)
    assert noise.spread(ratio) == pytest.approx(0.1 / math.sqrt(times))


def test_violations_add_up_and_blocks_are_weights() -> None:
    a = Measurement(violations=2, callbacks=10, cpu_ns_per_object=1.0)
    b = Measurement(violations=0, callbacks=20, cpu_ns_per_object=4.0)
    measured, _ = noise.pooled([(a, evidence(1)), (b, evidence(2))])
    assert (measured.violations, measured.callbacks, measured.cpu_ns_per_object) == (2, 17, 3.0)


def test_runs_that_lie_further_apart_than_their_intervals_widen_the_interval() -> None:
    """An interval over blocks of one run does not know what changes from run to run."""
    runs = [(Measurement(), evidence(4, retained_bytes=noise.around(v, 0.001))) for v in (1.0, 1.2)]
    _, found = noise.pooled(runs)
    ratio = found.ratio("retained_bytes.mean")
    assert ratio is not None
    assert ratio.low < 1.0
    assert ratio.high > 1.2

"""What disturbs a pass, and what does not."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.backends.native.answer import Disturbance
from sweep.backends.native.disturbance import LIMITS, faults
from tests.sweep.backends.native.fakes import QUIET

SECOND = 10**9


def disturbance(**changes: float) -> Disturbance:
    return Disturbance(**QUIET | changes)


def test_quiet_is_quiet() -> None:
    assert faults(disturbance(), SECOND) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steal_ns": 100_000_000}, "the hypervisor took 5.0% of the CPUs"),
        ({"others_cpu_ns": 200_000_000}, "other processes took 10.0% of the CPUs"),
        ({"involuntary_switches": 50_000}, "50,000 involuntary context switches"),
        ({"major_faults": 3}, "3 major page faults"),
        ({"late_start_mean_ns": 2e6}, "rows began 2.00 ms late on average"),
    ],
)
def test_each_says_how_much(changes: dict[str, float], words: str) -> None:
    assert faults(disturbance(**changes), 2 * SECOND) == (words,)


def test_a_tick_counted_whole_is_no_disturbance() -> None:
    assert faults(disturbance(others_cpu_ns=20_000_000), SECOND // 100) == ()


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(10**7, 10**10))
def test_more_of_it_never_counts_less(less: int, more: int, cpu_time_ns: int) -> None:
    less, more = sorted((less, more))
    for field in dataclasses.fields(Disturbance):
        few = faults(disturbance(**{field.name: less}), cpu_time_ns, LIMITS)
        many = faults(disturbance(**{field.name: more}), cpu_time_ns, LIMITS)
        assert len(few) <= len(many)

"""What disturbs a pass, and what does not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.backends.native.answer import Disturbance
from sweep.backends.native.disturbance import LIMITS, faults
from tests.sweep.backends.native.fakes import QUIET

SECOND = 10**9


def disturbance(**changes: Any) -> Disturbance:
    if "line_ns" in changes:
        changes = {"work_ns": (350.0,) * len(changes["line_ns"])} | changes
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
        (
            {"line_ns": (41.0, 40.0, 230.0, 42.0), "line_expected_ns": 42.0},
            "a cache line took 230 ns from CPU to CPU instead of 42",
        ),
        (
            {"line_ns": (45.0, 18.0), "line_expected_ns": 42.0},
            "a cache line took 18 ns from CPU to CPU instead of 42",
        ),
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
        if field.name.startswith(("line_", "work_")):  # these may be too small as well
            continue
        few = faults(disturbance(**{field.name: less}), cpu_time_ns, LIMITS)
        many = faults(disturbance(**{field.name: more}), cpu_time_ns, LIMITS)
        assert len(few) <= len(many)


def test_looks_before_the_pass_was_to_begin_do_not_count() -> None:
    waited = {"line_ns": (230.0, 231.0, 42.0, 41.0), "line_expected_ns": 42.0}
    assert faults(disturbance(line_waits=2, **waited), SECOND) == ()
    assert faults(disturbance(line_waits=1, **waited), SECOND) != ()


def test_where_nobody_knows_what_a_line_should_take_it_is_no_disturbance() -> None:
    assert faults(disturbance(line_ns=(18.0, 45.0, 230.0)), SECOND) == ()


def test_a_look_of_a_slow_cpu_says_nothing_of_where_it_is() -> None:
    """At a twelfth of its speed, a line takes twelve times as long."""
    looks = {"line_ns": (42.0, 504.0, 41.0), "line_expected_ns": 42.0, "work_ns": (350.0, 4200.0, 352.0)}
    assert faults(disturbance(**looks, work_expected_ns=350.0), SECOND) == ()
    assert faults(disturbance(**looks, work_expected_ns=4200.0), SECOND) != ()
    assert faults(disturbance(**looks), SECOND) != ()  # nobody knows

"""Passes that wait for the CPUs to be near each other, and are measured again where these moved."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from sweep import machine
from sweep.backends.native import placement, program
from sweep.backends.native.disturbance import faults
from sweep.backends.native.request import Request
from tests.sweep.backends.native import fakes

NEAR, FAR, ONE_CORE = 44.0, 230.0, 18.0


@pytest.fixture(autouse=True)
def _nothing_seen_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "_looks", {})


def two_cpus(**changes: Any) -> Request:
    return fakes.request(**{"machine": machine.load("vm-2cpu"), "cpus": (0, 1)} | changes)


class Machine:
    """Answers each request with the next looks: (those before the pass was to begin, those of the pass)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *passes: tuple[list[float], list[float]]) -> None:
        self.asked: list[Request] = []
        self._passes = list(passes)
        self._seen = 0
        self.work_ns: Callable[[int], float] = lambda look: 350.0
        monkeypatch.setattr(program, "run", self._run)

    def _run(self, request: Request, *, timeout_s: float) -> Any:
        self.asked.append(request)
        waited, looks = self._passes.pop(0)
        quiet = fakes.QUIET | {
            "line_waits": len(waited),
            "line_ns": waited + looks,
            "work_ns": [self.work_ns(self._seen + k) for k in range(len(waited + looks))],
        }
        self._seen += len(waited + looks)
        return program.answer.passes(fakes.answer(fakes.pass_line(disturbance=quiet)), 1)


def test_the_first_pass_looks_for_some_seconds_and_later_ones_wait_for_what_it_saw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Machine(monkeypatch, ([FAR] * 50 + [NEAR] * 40, [NEAR, NEAR]), ([], [NEAR, NEAR]))
    placement.one_pass(two_cpus(), timeout_s=1)
    found = placement.one_pass(two_cpus(), timeout_s=1)
    first, second = host.asked
    assert (first.line_ns, first.line_patience_ns) == ((0, 0), placement.FIRST_LOOK_NS)
    low, high = second.line_ns
    assert low < NEAR < high < FAR
    assert low > ONE_CORE
    assert found.disturbance.line_expected_ns == pytest.approx(NEAR)
    assert faults(found.disturbance, 1e9) == ()


def test_a_pass_during_which_the_cpus_moved_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    near = ([], [NEAR] * 10)
    host = Machine(monkeypatch, near, ([], [NEAR, FAR, NEAR]), near)
    placement.one_pass(two_cpus(), timeout_s=1)
    found = placement.one_pass(two_cpus(), timeout_s=1)
    assert len(host.asked) == 3
    assert faults(found.disturbance, 1e9) == ()


def test_cpus_that_will_not_stay_end_it_and_the_pass_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    moving = ([], [NEAR, FAR])
    host = Machine(monkeypatch, ([], [NEAR] * 40), *[moving] * placement.ATTEMPTS)
    placement.one_pass(two_cpus(), timeout_s=1)
    found = placement.one_pass(two_cpus(), timeout_s=1)
    assert len(host.asked) == 1 + placement.ATTEMPTS
    assert faults(found.disturbance, 1e9) == ("a cache line took 230 ns from CPU to CPU instead of 44",)


def test_a_moment_nearer_than_ever_is_not_what_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two virtual CPUs on one core: seldom, and each slows the other down."""
    Machine(monkeypatch, ([NEAR] * 60, [NEAR] * 30), ([], [NEAR, ONE_CORE, NEAR]), ([], [NEAR, NEAR]))
    placement.one_pass(two_cpus(), timeout_s=1)
    found = placement.one_pass(two_cpus(), timeout_s=1)
    assert found.disturbance.line_expected_ns == pytest.approx(NEAR)
    assert ONE_CORE not in found.disturbance.line_ns


def test_other_cpus_are_another_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Machine(monkeypatch, ([], [NEAR] * 9), ([], [FAR] * 9))
    placement.one_pass(two_cpus(), timeout_s=1)
    found = placement.one_pass(two_cpus(cpus=(1, 0)), timeout_s=1)
    assert host.asked[1].line_ns == (0, 0)
    assert found.disturbance.line_expected_ns == FAR


def test_the_benchmark_looks_before_during_and_after_a_pass() -> None:
    cpus = tuple(sorted(os.sched_getaffinity(0)))[:2]
    if len(cpus) < 2:
        pytest.skip("needs two CPUs")
    (found,) = program.run(two_cpus(cpus=cpus, line_ns=(1.0, 1e6)), timeout_s=20)
    looks = found.disturbance.line_ns
    assert found.disturbance.line_waits == 0
    assert len(looks) >= 2
    assert all(1 < each < 1e6 for each in looks)


def test_the_benchmark_waits_no_longer_than_its_patience() -> None:
    cpus = tuple(sorted(os.sched_getaffinity(0)))[:2]
    if len(cpus) < 2:
        pytest.skip("needs two CPUs")
    never = two_cpus(cpus=cpus, line_ns=(0.0, 0.001), line_patience_ns=200_000_000)
    (found,) = program.run(never, timeout_s=20)
    assert 1 <= found.disturbance.line_waits <= 11  # it looks every 20 ms


def test_one_cpu_has_nobody_to_be_near() -> None:
    (found,) = program.run(fakes.request(), timeout_s=20)
    assert found.disturbance.line_ns == ()
    assert found.disturbance.line_waits == 0


def test_how_fast_a_cpu_is_at_full_speed_is_what_it_was_for_some_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Machine(monkeypatch, ([NEAR] * 40, [NEAR, NEAR]), ([], [NEAR, NEAR]))
    host.work_ns = lambda look: 4200.0 if look % 3 else 350.0  # slow for two thirds of it
    placement.one_pass(two_cpus(), timeout_s=1)
    found = placement.one_pass(two_cpus(), timeout_s=1)
    first, second = host.asked
    assert first.work_ns == 0
    assert second.work_ns == found.disturbance.work_expected_ns == 350.0


def test_a_line_that_takes_long_on_a_slow_cpu_is_no_reason_to_measure_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Machine(monkeypatch, ([], [NEAR] * 10), ([], [NEAR, 12 * NEAR, NEAR]))
    host.work_ns = lambda look: 350.0 if look < 10 or look % 3 != 2 else 12 * 350.0
    placement.one_pass(two_cpus(), timeout_s=1)
    placement.one_pass(two_cpus(), timeout_s=1)
    assert len(host.asked) == 2

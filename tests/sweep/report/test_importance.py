"""Shares of variance: of what alone decides all of it, of what decides nothing none."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.judge import judge
from sweep.report.importance import MIN_POINTS, importance
from sweep.standing import Point
from sweep.trial import Attempt, Configuration, Measurement, Summary, Trial

from .conftest import Measured


def made(figure: Callable[[dict[str, int]], float], number: int = 200, seed: int = 1) -> list[Attempt]:
    """Trials of backpressure, whose latency is `figure` of its parameters; the baseline first."""
    dice = random.Random(seed)
    found = [attempt(0, Configuration.of("per_object", {"hurry": False}), 100.0)]
    for n in range(number):
        params = {
            "cap": dice.randrange(1, 5000),
            "group": dice.randrange(1, 500),
            "hurry": dice.random() < 0.5,
        }
        found.append(attempt(n + 1, Configuration.of("backpressure", params), figure(params)))
    return found


def attempt(number: int, configuration: Configuration, figure: float) -> Attempt:
    origin = "sampler" if number else "baseline"
    measurement = Measurement(exit_latency_ns=Summary(p99=figure), cpu_ns_per_object=7.0)
    return Attempt(Trial(number, configuration, origin), 0, (("s", measurement),), None, "", 0.0, 0.0)


def shares(attempts: list[Attempt]) -> dict[str, tuple[float, ...]]:
    standing = judge(attempts, ("exit_latency_ns.p99", "cpu_ns_per_object"), "mean", (), ())
    (found,) = (i for i in importance(standing) if i.of == "backpressure")
    assert found.configurations == len({a.trial.configuration for a in attempts}) - 1
    return {share.name: share.shares for share in found.shares}


@pytest.mark.parametrize("alone", ["cap", "group", "hurry"])
def test_what_alone_decides_explains_all(alone: str) -> None:
    found = shares(made(lambda params: 10.0 + 3 * int(params[alone])))
    assert next(iter(found)) == alone
    assert found[alone][0] > 0.95
    assert all(values[0] < 0.1 for name, values in found.items() if name != alone)
    assert all(values[1] == 0 for values in found.values())  # cpu_ns_per_object does not vary


def test_what_decides_only_together_explains_nothing_alone() -> None:
    found = shares(made(lambda p: 10.0 + ((p["cap"] > 2500) != p["hurry"])))
    assert all(values[0] < 0.05 for values in found.values())


@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_by_chance_nothing_is_explained(seed: int) -> None:
    dice = random.Random(seed)
    found = shares(made(lambda _: dice.random(), seed=seed))
    assert all(0 <= values[0] < 0.15 for values in found.values())


def test_a_monotone_scale_and_the_order_of_trials_do_not_matter() -> None:
    attempts = made(lambda p: 5.0 + p["cap"] + p["group"])
    found = shares(attempts)
    assert 0.5 < found["cap"][0] < 1
    assert shares(made(lambda p: (5.0 + p["cap"] + p["group"]) ** 3)) == found
    mixed = attempts[1:]
    random.Random(2).shuffle(mixed)
    mixed = [replace(a, trial=replace(a.trial, number=n + 1)) for n, a in enumerate(mixed)]
    again = shares([attempts[0], *mixed])
    assert {name: pytest.approx(values) for name, values in found.items()} == again


def test_of_too_few_nothing_is_said() -> None:
    assert shares(made(lambda p: 5.0 + p["cap"], number=MIN_POINTS - 1)) == {}
    assert shares(made(lambda p: 5.0 + p["cap"], number=MIN_POINTS)) != {}


def test_of_a_real_study_every_policy_that_varies_is_there(measured: Measured) -> None:
    standing = measured.standing(measured.study())
    found = importance(standing)
    assert found[0].of == ""
    assert found == importance(replace(standing, points=(*standing.points, _again(standing.points[-1]))))
    assert {i.of for i in found[1:]} <= {p.trial.configuration.policy for p in standing.points}


def _again(point: Point) -> Point:
    return replace(point, trial=replace(point.trial, number=10_000))

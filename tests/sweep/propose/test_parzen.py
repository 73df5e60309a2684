"""The default sampler: the contract, and where it must not waste trials."""

from collections import Counter

import numpy as np
import pytest

from policies import Param
from sweep.propose import Observation, Proposer, Range, Space, make
from sweep.propose.echo import echo, inertness
from sweep.trial import Configuration
from tests.sweep.propose.contract import LearnerContract


class TestParzen(LearnerContract):
    def make(self, space: Space, seed: int = 0) -> Proposer:
        return make("parzen", space, 2, seed, population=16)


def test_a_parameter_without_effect_is_told_from_one_that_has_some() -> None:
    draws = np.random.default_rng(1).integers(0, 5, (24, 3)) / 5
    values = np.stack([draws[:, 0], 1 - draws[:, 0]], axis=1)
    effect, *none = inertness(draws, values)
    assert effect < 0.1
    assert min(none) > 0.8


def test_of_nothing_known_any_parameter_may_be_inert() -> None:
    assert inertness(np.zeros((1, 2)), np.zeros((1, 2))).tolist() == [0.5, 0.5]


def test_a_candidate_repeats_what_differs_in_inert_parameters_alone() -> None:
    inert = np.array([0.1, 0.9])
    tried = np.array([[0.0, 0.0], [1.0, 0.5]])
    repeats = echo(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.5]]), tried, inert)
    assert repeats == pytest.approx([0.9, 0.1, 1.0])
    assert echo(tried, np.zeros((0, 2)), inert).tolist() == [0.0, 0.0]


def test_inert_parameters_are_not_varied_for_their_own_sake() -> None:
    """Of a parameter that matters and three that do not, nearly all values are tried before they come again."""
    axes = tuple(
        Range(Param(name, "int", 0, 24, False, 0, "", ""), tuple(range(0, 25, step)))
        for name, step in (("x", 1), ("a", 4), ("b", 4), ("c", 4))
    )
    space = Space({"policy": axes})

    def measured(configuration: Configuration) -> Observation:
        x = int(configuration.mapping()["x"])
        return Observation(configuration, (x / 10, 3 - x / 10))

    tried = {}
    for sampler in ("parzen", "random"):
        proposer = make(sampler, space, 2, 1, 32, reference=4.0)
        asked: list[Configuration] = []
        for first in range(0, 48, 4):
            answers = proposer.ask(range(first, first + 4))
            proposer.observe([measured(each) for each in answers])
            asked += answers
        tried[sampler] = len({each.mapping()["x"] for each in asked})
    assert tried["parzen"] >= 23  # of 25
    assert tried["random"] < 23


def test_no_policy_starves_and_the_good_one_gets_the_most() -> None:
    axis = Range(Param("x", "int", 0, 100_000, False, 0, "", ""), range(100_001))
    space = Space(dict.fromkeys(("good", "dominated", "infeasible", "beyond"), (axis,)))
    worse = {"good": 0.0, "dominated": 0.7, "infeasible": -0.5, "beyond": 1.5}

    def measured(configuration: Configuration) -> Observation:
        x = int(configuration.mapping()["x"]) / 100_000
        penalty = worse[configuration.policy]
        return Observation(
            configuration, (0.6 + x + penalty, 1.6 - x + penalty), float(configuration.policy == "infeasible")
        )

    proposer = make("parzen", space, 2, 3, 32, reference=2.0)
    count: Counter[str] = Counter()
    for first in range(0, 640, 16):
        answers = proposer.ask(range(first, first + 16))
        proposer.observe([measured(each) for each in answers])
        count.update(each.policy for each in answers)
    assert all(count[policy] >= 2 for policy in space.policies)
    assert count["good"] > 0.8 * 640

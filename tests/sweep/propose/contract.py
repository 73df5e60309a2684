"""What every proposer must do; inherit `ProposerContract` and provide `make`."""

import math
import subprocess
import sys
from abc import ABC, abstractmethod
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies import Param
from sweep.propose import Observation, Proposer, Range, Space
from sweep.trial import Configuration
from tests.sweep.propose.spaces import spaces

SPACE = Space(
    {
        "one": (),
        "batch": (
            Range.whole(Param("max", "int", 1, 4096, True, 32, "objects", "")),
            Range.whole(Param("lazy", "bool", 0, 1, False, False, "", "")),
        ),
        "timed": (
            Range.whole(Param("timer", "bool", 0, 1, False, False, "", "")),
            Range.whole(Param("interval", "int", 0, 1000, True, 100, "ms", "", (), "timer")),
        ),
        "listed": (
            Range(Param("size", "int", 1, 4096, True, 32, "objects", ""), (1, 8, 64, 512, 4096)),
            Range(Param("fixed", "int", 1, 9, False, 3, "objects", ""), (7,)),
            Range.whole(Param("order", "choice", 0, 2, False, "a", "", "", ("a", "b", "c"))),
        ),
    }
)


def observe(configuration: Configuration) -> Observation:
    """A deterministic trade-off: the larger the batch, the faster and the more retained."""
    values = configuration.mapping()
    size = int(values.get("max", values.get("size", 1)))
    worse = 1.5 if values.get("order") == "b" or values.get("lazy") else 1.0
    excess = 1.0 if configuration.policy == "timed" and values["timer"] else 0.0
    return Observation(configuration, (worse / size, worse * size), excess)


# The same test of several classes: examples that one of them keeps are good for the others too.
INHERITED = (HealthCheck.differing_executors,)


class ProposerContract(ABC):
    size = 16  # of a batch
    batches = 6  # of a sweep

    @abstractmethod
    def make(self, space: Space, seed: int = 0) -> Proposer:
        """A new proposer with two objectives."""

    def sweep(self, proposer: Proposer, first: int, batches: int) -> list[Configuration]:
        asked: list[Configuration] = []
        for start in range(first, first + batches * self.size, self.size):
            answers = proposer.ask(range(start, start + self.size))
            asked += answers
            proposer.observe([observe(answer) for answer in answers])
        return asked

    @settings(max_examples=25, deadline=None, suppress_health_check=INHERITED)
    @given(space=spaces(), seed=st.integers(0, 2**63))
    def test_answers_are_complete_in_the_space_and_distinct(self, space: Space, seed: int) -> None:
        answers = self.make(space, seed).ask(range(12))
        assert len(answers) == min(12, space.size())
        assert len(set(answers)) == len(answers)
        for configuration in answers:
            assert configuration in space
            assert space.canonical(configuration.policy, configuration.mapping()) == configuration

    def test_the_same_history_gives_the_same_answers_in_any_process(self) -> None:
        program = (
            f"from {type(self).__module__} import {type(self).__name__} as T; "
            "from tests.sweep.propose.contract import SPACE; "
            "test = T(); asked = test.sweep(test.make(SPACE, 7), 0, test.batches); "
            "print(*(c.key() for c in asked))"
        )
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        here = self.sweep(self.make(SPACE, 7), 0, self.batches)
        assert other.stdout.split() == [configuration.key() for configuration in here]

    def test_another_seed_gives_others(self) -> None:
        assert self.make(SPACE, 1).ask(range(16)) != self.make(SPACE, 2).ask(range(16))

    @pytest.mark.parametrize("at_a_time", [1, 5, 1000])
    def test_one_rebuilt_from_the_history_goes_on_exactly(self, at_a_time: int) -> None:
        live = self.make(SPACE, 3)
        history = iter([observe(each) for each in self.sweep(live, 0, self.batches)])
        rebuilt = self.make(SPACE, 3)
        while part := list(islice(history, at_a_time)):
            rebuilt.observe(part)
        after = self.batches * self.size
        assert self.sweep(rebuilt, after, 2) == self.sweep(live, after, 2)

    def test_asking_without_observing_leaves_no_trace(self) -> None:
        asked, fresh = self.make(SPACE, 3), self.make(SPACE, 3)
        for proposer in (asked, fresh):
            self.sweep(proposer, 0, self.batches)
        asked.ask(range(1000, 1016))
        after = range(self.batches * self.size, self.batches * self.size + self.size)
        assert asked.ask(after) == fresh.ask(after)

    def test_no_configuration_comes_twice(self) -> None:
        asked = self.sweep(self.make(SPACE, 5), 0, self.batches)
        assert len(asked) == self.batches * self.size
        assert len(set(asked)) == len(asked)

    def test_what_is_pending_is_not_asked_again(self) -> None:
        proposer = self.make(SPACE, 5)
        self.sweep(proposer, 0, self.batches // 2)
        pending: list[Configuration] = []
        for first in range(100, 100 + 3 * self.size, self.size):
            pending += proposer.ask(range(first, first + self.size), pending)
        assert len(set(pending)) == 3 * self.size
        proposer.observe([observe(each) for each in pending])
        assert not set(pending) & set(proposer.ask(range(200, 200 + self.size)))

    @settings(max_examples=15, deadline=None, suppress_health_check=INHERITED)
    @given(space=spaces().filter(lambda space: space.size() <= 80), ahead=st.booleans())
    def test_a_small_space_is_used_up_to_the_last_and_then_nothing_comes(
        self, space: Space, ahead: bool
    ) -> None:
        proposer = self.make(space)
        found: list[Configuration] = []
        pending: list[Configuration] = []
        for first in range(0, space.size() + 16, 16):
            answers = proposer.ask(range(first, first + 16), pending)
            found += answers
            told = pending if ahead else answers
            proposer.observe([Observation(each, (1.0, 2.0)) for each in told])
            pending = answers if ahead else []
        assert len(found) == len(set(found)) == space.size()
        assert proposer.ask([500], pending) == []

    def test_a_failed_configuration_is_not_asked_again(self) -> None:
        space = Space({"listed": SPACE.policies["listed"]})
        proposer = self.make(space)
        failed = proposer.ask(range(10))
        proposer.observe([Observation(each, ()) for each in failed])
        others = proposer.ask(range(10, 20))
        assert len(others) == 5
        assert not set(others) & set(failed)

    def test_what_does_not_matter_does_not_make_a_configuration_new(self) -> None:
        """Whoever observed it may have had another value for a parameter behind a closed gate."""
        space = Space({"timed": SPACE.policies["timed"]})
        proposer = self.make(space)
        closed = Configuration.of("timed", {"timer": False, "interval": 900})
        proposer.observe([Observation(closed, (1.0, 1.0))])
        assert all(each.mapping()["timer"] for each in proposer.ask(range(self.size)))

    def test_what_lies_outside_the_space_is_ignored(self) -> None:
        told, fresh = self.make(SPACE, 4), self.make(SPACE, 4)
        elsewhere = Configuration("elsewhere"), Configuration.of("batch", {"max": 0, "lazy": True})
        told.observe([Observation(each, (0.0, 0.0)) for each in elsewhere])
        assert self.sweep(told, 0, 3) == self.sweep(fresh, 0, 3)

    @pytest.mark.parametrize("values", [(1.0,), (1.0, math.nan), (math.inf, 0.0)])
    def test_values_that_are_none_are_refused(self, values: tuple[float, ...]) -> None:
        with pytest.raises(ValueError, match="finite"):
            self.make(SPACE).observe([Observation(Configuration("one"), values)])


class LearnerContract(ProposerContract):
    """Of samplers that go where it is better."""

    def test_every_policy_is_tried_before_the_search_narrows(self) -> None:
        asked = self.sweep(self.make(SPACE, 6), 0, 1)
        assert {each.policy for each in asked} == set(SPACE.policies)

    def test_the_search_goes_where_it_is_better(self) -> None:
        """Of a line of trade-offs between policies that cannot compete, most late trials are near the line."""
        axis = range(1001)
        x = Range(Param("x", "int", 0, 1000, False, 0, "", ""), axis)
        waste = Range(Param("waste", "int", 0, 1000, False, 0, "", ""), axis)
        space = Space({"good": (x, waste), "bad": (x,), "unsafe": (x,)})

        def measured(configuration: Configuration) -> Observation:
            values = configuration.mapping()
            position, wasted = int(values["x"]), int(values.get("waste", 0))
            penalty = wasted if configuration.policy == "good" else 2000 * (configuration.policy == "bad")
            return Observation(
                configuration,
                (position + penalty, 1000 - position + penalty),
                float(configuration.policy == "unsafe"),
            )

        proposer = self.make(space, 11)
        asked: list[Configuration] = []
        for first in range(0, 2 * self.batches * self.size, self.size):
            answers = proposer.ask(range(first, first + self.size))
            proposer.observe([measured(answer) for answer in answers])
            asked += answers
        late = asked[-len(asked) // 3 :]
        good = [int(each.mapping()["waste"]) for each in late if each.policy == "good"]
        assert len(good) > 0.6 * len(late)
        assert sorted(good)[len(good) // 2] < 250  # 500 where drawn blindly

    def test_what_is_observed_again_takes_its_new_values(self) -> None:
        """Told that what seemed best is worst, and the other way round, the search goes elsewhere."""
        axis = Range(Param("x", "int", 0, 1000, False, 0, "", ""), range(1001))
        space = Space({"line": (axis,)})
        told, corrected = self.make(space, 2), self.make(space, 2)
        history = told.ask(range(self.size))

        def cost(configuration: Configuration, turned: bool) -> Observation:
            x = float(configuration.mapping()["x"])
            return Observation(configuration, (1000 - x, 1000 - x) if turned else (x, x))

        told.observe([cost(each, False) for each in history])
        corrected.observe([cost(each, True) for each in history])
        corrected.observe([cost(each, False) for each in history])
        after = range(self.size, 2 * self.size)
        assert told.ask(after) == corrected.ask(after)

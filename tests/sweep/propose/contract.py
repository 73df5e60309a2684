"""What every proposer must do; inherit `ProposerContract` and provide `make`."""

import math
import random
from abc import ABC, abstractmethod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Param
from sweep.propose import Observation, Proposer, Space
from sweep.trial import Configuration
from tests.sweep.propose.spaces import spaces

SPACE = Space(
    {
        "one": (),
        "batch": (
            Param("max", "int", 1, 4096, True, 32, "objects", ""),
            Param("lazy", "bool", 0, 1, False, False, "", ""),
        ),
        "timed": (
            Param("timer", "bool", 0, 1, False, False, "", ""),
            Param("interval", "int", 0, 1000, True, 100, "ms", "", (), "timer"),
        ),
    }
)


def observe(configuration: Configuration) -> Observation:
    """A deterministic trade-off: the larger `max`, the faster and the more retained."""
    size = int(configuration.mapping().get("max", 1))
    excess = 1.0 if configuration.policy == "timed" and configuration.mapping()["timer"] else 0.0
    return Observation(configuration, (1 / size, float(size)), excess)


class ProposerContract(ABC):
    @abstractmethod
    def make(self, space: Space, seed: int = 0) -> Proposer:
        """A new proposer with two objectives."""

    def sweep(self, proposer: Proposer, first: int, batches: int, size: int = 16) -> list[Configuration]:
        asked = []
        for batch in range(batches):
            start = first + batch * size
            answers = proposer.ask(range(start, start + size))
            asked += answers
            proposer.observe([observe(answer) for answer in answers])
        return asked

    @settings(max_examples=25, deadline=None)
    @given(space=spaces(), seed=st.integers(0, 2**63))
    def test_answers_are_complete_and_in_the_space(self, space: Space, seed: int) -> None:
        for configuration in self.make(space, seed).ask(range(12)):
            assert configuration in space
            assert space.canonical(configuration.policy, configuration.mapping()) == configuration

    def test_the_same_history_gives_the_same_answers(self) -> None:
        assert self.sweep(self.make(SPACE, 7), 0, 8) == self.sweep(self.make(SPACE, 7), 0, 8)

    def test_another_seed_gives_others(self) -> None:
        assert self.make(SPACE, 1).ask(range(16)) != self.make(SPACE, 2).ask(range(16))

    @pytest.mark.parametrize("batches", [1, 3, 6])
    def test_one_rebuilt_from_the_history_goes_on_exactly(self, batches: int) -> None:
        first = self.make(SPACE, 3)
        history = self.sweep(first, 0, batches)
        rebuilt = self.make(SPACE, 3)
        rebuilt.observe([observe(configuration) for configuration in history])
        after = len(history)
        assert self.sweep(rebuilt, after, 3) == self.sweep(first, after, 3)

    def test_asking_without_observing_leaves_no_trace(self) -> None:
        asked, fresh = self.make(SPACE, 3), self.make(SPACE, 3)
        self.sweep(asked, 0, 4)
        self.sweep(fresh, 0, 4)
        asked.ask(range(1000, 1016))
        assert asked.ask(range(64, 80)) == fresh.ask(range(64, 80))

    def test_configurations_are_not_repeated_while_there_are_others(self) -> None:
        asked = self.sweep(self.make(SPACE, 5), 0, 12)
        repeats = len(asked) - len(set(asked))
        assert repeats <= len(asked) // 20

    def test_a_space_that_is_used_up_still_gives_answers(self) -> None:
        space = Space({"one": ()})
        proposer = self.make(space)
        assert proposer.ask([0, 1]) == [Configuration("one")] * 2
        proposer.observe([Observation(Configuration("one"), (1.0, 1.0))])
        assert proposer.ask([2]) == [Configuration("one")]

    def test_what_lies_outside_the_space_is_ignored(self) -> None:
        told, fresh = self.make(SPACE, 4), self.make(SPACE, 4)
        told.observe([Observation(Configuration("elsewhere"), (0.0, 0.0))])
        assert self.sweep(told, 0, 5) == self.sweep(fresh, 0, 5)

    @pytest.mark.parametrize("values", [(1.0,), (1.0, math.nan), (math.inf, 0.0)])
    def test_values_that_are_none_are_refused(self, values: tuple[float, ...]) -> None:
        with pytest.raises(ValueError, match="finite"):
            self.make(SPACE).observe([Observation(Configuration("one"), values)])

    def test_the_search_goes_where_it_is_better(self) -> None:
        """Of a line of trade-offs between policies that cannot compete, most late trials are on the line."""
        space = Space(
            {
                "good": (
                    Param("x", "int", 0, 1000, False, 0, "", ""),
                    Param("waste", "int", 0, 1000, False, 0, "", ""),
                ),
                "bad": (Param("x", "int", 0, 1000, False, 0, "", ""),),
                "unsafe": (Param("x", "int", 0, 1000, False, 0, "", ""),),
            }
        )

        def measured(configuration: Configuration) -> Observation:
            values = configuration.mapping()
            x, waste = int(values["x"]), int(values.get("waste", 0))
            penalty = waste if configuration.policy == "good" else 2000 * (configuration.policy == "bad")
            return Observation(
                configuration, (x + penalty, 1000 - x + penalty), float(configuration.policy == "unsafe")
            )

        proposer = self.make(space, 11)
        random_waste = random.Random(0)
        wastes: list[int] = []
        policies: list[str] = []
        for start in range(0, 480, 16):
            answers = proposer.ask(range(start, start + 16))
            proposer.observe([measured(answer) for answer in answers])
            policies += [answer.policy for answer in answers]
            wastes += [int(answer.mapping().get("waste", 1000)) for answer in answers]
        assert policies[-160:].count("good") > 100
        late = sorted(wastes[-160:])[80]
        blind = sorted(random_waste.randrange(1001) for _ in range(160))[80]
        assert late < blind / 2

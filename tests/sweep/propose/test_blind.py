import pytest

from policies import Param
from sweep.propose import Proposer, Range, Space, make
from tests.sweep.propose.contract import SPACE, ProposerContract


class TestRandom(ProposerContract):
    def make(self, space: Space, seed: int = 0) -> Proposer:
        return make("random", space, 2, seed, population=16)


class TestGrid(ProposerContract):
    def make(self, space: Space, seed: int = 0) -> Proposer:
        return make("grid", space, 2, seed, population=16)

    def test_policies_take_turns(self) -> None:
        policies = list(SPACE.policies)
        asked = self.make(SPACE).ask(range(12))
        assert [each.policy for each in asked[:4]] == policies
        assert [each.policy for each in asked[4:10]] == policies[1:] * 2  # "one" is used up

    def test_a_grid_that_is_no_grid_is_refused(self) -> None:
        params = [Param(name, "int", 0, 999, False, 0, "", "") for name in "abc"]
        with pytest.raises(ValueError, match=r"1,000,000,000 configurations .* lists of values"):
            self.make(Space({"vast": tuple(map(Range.whole, params))}))

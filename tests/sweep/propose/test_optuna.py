from sweep.propose import Proposer, Space
from sweep.propose.optuna import OptunaProposer
from tests.sweep.propose.contract import ProposerContract


class TestOptuna(ProposerContract):
    def make(self, space: Space, seed: int = 0) -> Proposer:
        return OptunaProposer(space, 2, seed)

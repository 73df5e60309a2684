from sweep.propose import Proposer, Space, make
from tests.sweep.propose.contract import LearnerContract


class TestTpe(LearnerContract):
    size = 8
    batches = 6

    def make(self, space: Space, seed: int = 0) -> Proposer:
        return make("tpe", space, 2, seed, population=16)

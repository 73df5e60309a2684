from sweep.propose import Proposer, Space, make
from tests.sweep.propose.contract import LearnerContract


class TestEvolution(LearnerContract):
    def make(self, space: Space, seed: int = 0) -> Proposer:
        return make("nsga2", space, 2, seed, population=16)

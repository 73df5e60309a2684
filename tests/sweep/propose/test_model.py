import importlib.util

import pytest

from sweep.propose import Proposer, Space, make
from tests.sweep.propose.contract import SPACE, LearnerContract

HAS_TORCH = importlib.util.find_spec("torch") is not None


class TestTpe(LearnerContract):
    size = 8
    batches = 6

    def make(self, space: Space, seed: int = 0) -> Proposer:
        return make("tpe", space, 2, seed, population=16)


@pytest.mark.skipif(HAS_TORCH, reason="PyTorch is installed")
def test_without_its_library_the_gaussian_process_says_what_to_install() -> None:
    with pytest.raises(ValueError, match=r"sampler gp needs PyTorch.*pip install"):
        make("gp", SPACE, 2, 0, population=16)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TORCH, reason="needs PyTorch, which is an optional extra")
class TestGaussianProcess(LearnerContract):
    size = 8
    batches = 3

    def make(self, space: Space, seed: int = 0) -> Proposer:
        return make("gp", space, 2, seed, population=16)

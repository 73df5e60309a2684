import pytest

from sweep.execute import Executor
from sweep.execute.in_process import InProcessExecutor
from tests.sweep.execute.contract import ExecutorContract
from tests.sweep.execute.evaluates import Trade


class TestInProcess(ExecutorContract):
    @pytest.fixture
    def executor(self, evaluate: Trade) -> Executor:
        return InProcessExecutor(evaluate)

    @pytest.fixture
    def fresh(self, executor: Executor) -> Executor:
        return executor

"""Ray actors on this machine: the contract, and workers that die."""

import warnings
from collections.abc import Iterator

import pytest

from sweep.execute import Executor
from sweep.execute.port import MAX_ATTEMPTS
from sweep.trial import Cause
from tests.sweep.execute.contract import ExecutorContract, run, settled, tasks
from tests.sweep.execute.evaluates import Trade


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One small Ray for all tests of this file: starting one takes seconds."""
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestRay(ExecutorContract):
    @pytest.fixture
    def executor(self, evaluate: Trade) -> Iterator[Executor]:
        from sweep.execute.cluster import RayExecutor

        executor = RayExecutor(evaluate, workers=2)
        yield executor
        executor.close()

    def test_two_workers_share_the_work(self, executor: Executor) -> None:
        assert executor.workers == 2
        workers = {a.worker for a in run(executor, tasks(*["short"] * 100))}
        assert len(workers) == 2

    def test_a_worker_that_dies_is_replaced_and_its_trials_run_elsewhere(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        asked = tasks(*["well"] * 6, "dies_once", *["well"] * 6)
        attempts = run(executor, asked)
        assert settled(attempts).keys() == set(range(13))
        lost = [a for a in attempts if a.failure is not None]
        assert 6 in {a.trial.number for a in lost}
        assert {a.failure.cause for a in lost if a.failure} == {Cause.WORKER_CRASHED}
        assert evaluate.calls(asked[6].trial.configuration) == 2
        assert executor.workers == 2

    def test_a_trial_that_kills_every_worker_takes_no_other_with_it(self, executor: Executor) -> None:
        attempts = run(executor, tasks(*["well"] * 6, "dies", *["well"] * 6))
        killed = [a for a in attempts if a.trial.number == 6]
        assert [a.number for a in killed] == list(range(MAX_ATTEMPTS))
        assert settled(attempts).keys() == set(range(13)) - {6}

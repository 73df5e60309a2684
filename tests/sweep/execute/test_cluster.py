"""Ray actors on this machine: the contract, and workers that die."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray import exceptions as ray_errors

from sweep.execute import Executor
from sweep.execute.port import MAX_ATTEMPTS, ExecutorError
from sweep.trial import Attempt, Cause
from tests.sweep.execute.contract import LONG_S, ExecutorContract, run, settled, tasks
from tests.sweep.execute.evaluates import Trade


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One small Ray for all tests of this file: starting one takes seconds."""
    import ray

    from sweep.execute.start import NODE_LOST_S, start

    start(None, 4, NODE_LOST_S)  # two for the executor that most tests share, two for another one
    yield
    ray.shutdown()


Shared = tuple[Trade, Executor]


@pytest.mark.slow(2)
@pytest.mark.usefixtures("cluster")
class TestRay(ExecutorContract):
    @pytest.fixture(scope="class")
    def shared(self, cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
        """One executor for most tests: its workers take seconds to start."""
        from sweep.execute.cluster import RayExecutor

        evaluate = Trade(tmp_path_factory.mktemp("shared"))
        executor = RayExecutor(evaluate, workers=2)
        yield evaluate, executor
        executor.close()

    @pytest.fixture
    def evaluate(self, shared: Shared) -> Trade:
        """What earlier tests left there is gone."""
        shutil.rmtree(shared[0].place)
        shared[0].place.mkdir()
        return shared[0]

    @pytest.fixture
    def executor(self, shared: Shared, evaluate: Trade) -> Executor:
        assert not shared[1].pending
        return shared[1]

    @pytest.fixture
    def fresh(self, tmp_path: Path) -> Iterator[Executor]:
        from sweep.execute.cluster import RayExecutor

        executor = RayExecutor(Trade(tmp_path), workers=2)
        yield executor
        executor.close()

    def test_two_workers_share_the_work(self, executor: Executor) -> None:
        assert executor.workers == 2
        joined: set[str] = set()
        start, ends = 0, time.monotonic() + LONG_S
        while len(joined) < 2:  # on a busy machine the second one comes later than the first has done it all
            joined |= {a.worker for a in run(executor, tasks(*["short"] * 100, start=start))}
            start += 100
            assert time.monotonic() < ends
        assert {a.worker for a in run(executor, tasks(*["short"] * 100, start=start))} == joined

    def test_a_worker_that_dies_is_replaced_and_its_trials_run_elsewhere(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        asked = tasks(*["well"] * 6, "dies_once", *["well"] * 6)
        # the first ones are answered: of a batch in front, the answer might be lost with the worker
        attempts = run(executor, asked[:6])
        attempts += run(executor, asked[6:])
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

    @pytest.mark.parametrize(
        ("behave", "cause", "words"),
        [
            ("hangs", Cause.WORKER_CRASHED, "no end of a trial within 2 s"),
            ("freezes", Cause.NODE_LOST, "no sign of life for 2 s"),
        ],
    )
    def test_a_trial_without_an_end_is_given_up_and_run_elsewhere(
        self, tmp_path: Path, behave: str, cause: Cause, words: str
    ) -> None:
        from sweep.execute.cluster import Patience, RayExecutor

        patience = {"hangs": Patience(trial_s=2.0), "freezes": Patience(silence_s=2.0)}[behave]
        executor = RayExecutor(Trade(tmp_path), workers=2, patience=patience)
        attempts: list[Attempt] = []
        try:
            attempts = run(executor, tasks(*["well"] * 3, behave, *["well"] * 3))
        finally:
            for attempt in attempts:
                if attempt.failure:  # a frozen process does not hear that it is to end
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(attempt.worker.rpartition("/")[2]), signal.SIGKILL)
            executor.close()
        assert settled(attempts).keys() == set(range(7))
        failed = [a for a in attempts if not a.settles]
        assert 3 in {a.trial.number for a in failed}
        assert {(a.failure.cause, a.failure.text) for a in failed if a.failure} == {(cause, words)}

    def test_a_defect_of_the_set_up_is_said_and_ends_it(self) -> None:
        from sweep.execute.cluster import RayExecutor

        executor = RayExecutor(Unreadable(), workers=2)  # type: ignore[arg-type]
        with pytest.raises(ExecutorError, match=r"no worker starts on node .* cannot be read here"):
            run(executor, tasks("well"))
        executor.close()


def _unreadable() -> None:
    raise RuntimeError("cannot be read here")


class Unreadable:
    """Can be sent, and not be received."""

    def __reduce__(self) -> tuple[object, ...]:
        return _unreadable, ()


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ray_errors.OutOfMemoryError("low on memory"), Cause.OUT_OF_MEMORY),
        (ray_errors.NodeDiedError("gone"), Cause.NODE_LOST),
        (ray_errors.ActorUnavailableError("no answer", None), Cause.NODE_LOST),
        (ray_errors.RuntimeEnvSetupError("no disk"), Cause.ENVIRONMENT),
        (ray_errors.ActorDiedError(), Cause.WORKER_CRASHED),
        (ray_errors.WorkerCrashedError(), Cause.WORKER_CRASHED),
    ],
)
def test_rays_errors_have_causes(error: Exception, cause: Cause) -> None:
    from sweep.execute.failure import failure

    found = failure(error)
    assert found.cause is cause
    assert "\n" not in found.text

"""Native trials on Ray: one measuring actor on a host that may measure, and everybody else off its CPUs."""

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from sweep.backends.evaluator import Evaluation
from sweep.execute import affinity
from sweep.execute.place import NATIVE_HOST, Place
from sweep.execute.port import ExecutorError
from sweep.trial import Configuration, Measurement
from tests.sweep.execute.contract import run, settled, tasks

CPUS = sorted(os.sched_getaffinity(0))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(CPUS) < 2, reason="needs a CPU to measure on and another one"),
]


@dataclass(frozen=True, slots=True)
class Where:
    """Measures the CPUs that its process may use, as a bit mask, and its process."""

    def __call__(self, configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        mask = sum(1 << cpu for cpu in os.sched_getaffinity(0))
        return Evaluation((("here", Measurement(callbacks=mask, wakeups=os.getpid())),))


def test_the_only_actor_runs_on_its_cpus_and_the_driver_keeps_off_them_meanwhile() -> None:
    from sweep.execute.cluster import RayExecutor

    owned = CPUS[-1:]
    before = os.sched_getaffinity(0)
    executor = RayExecutor(Where(), place=Place.native(owned))
    try:
        assert executor.workers == 1
        attempts = settled(run(executor, tasks(*["well"] * 8)))
        assert os.sched_getaffinity(0) == set(CPUS) - set(owned)
    finally:
        executor.close()
    assert os.sched_getaffinity(0) == before
    measured = [a.measurement("here") for a in attempts.values()]
    assert {m.callbacks for m in measured} == {1 << owned[0]}
    assert len({m.wakeups for m in measured}) == 1


def test_nothing_else_is_scheduled_on_a_host_that_measures() -> None:
    import ray

    from sweep.execute.cluster import RayExecutor

    executor = RayExecutor(Where(), place=Place.native(CPUS[-1:]))
    try:
        assert len(settled(run(executor, tasks("well")))) == 1
        assert ray.available_resources().get("CPU", 0) == 0
        assert ray.available_resources().get(NATIVE_HOST, 0) == 0
    finally:
        executor.close()


@pytest.fixture
def cluster() -> Iterator[None]:
    """Nobody there may measure."""
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_a_cluster_in_which_no_host_may_measure_is_said_with_how_to_mend_it() -> None:
    from sweep.execute.cluster import RayExecutor

    for place in (Place.native(CPUS[-1:]), Place.kernel({})):
        # Nobody is asked what its guests are where nobody may have one.
        executor = RayExecutor(Where(), place=place)
        try:
            with pytest.raises(
                ExecutorError, match=rf"no node of the cluster may measure: .*\{{\"{place.resource}\": 1\}}"
            ):
                run(executor, tasks("well"))
        finally:
            executor.close()


def test_with_no_other_cpu_the_driver_stays_where_it_is() -> None:
    before = affinity.keep_off(CPUS)
    assert os.sched_getaffinity(0) == before == set(CPUS)


def test_a_host_with_another_fingerprint_is_refused() -> None:
    from sweep.execute.worker import Installed

    here = Installed("1", "b", "this one")
    greeting = {"name": "w/1", "host": "h", "version": "1", "build": "b", "machine": "another"}
    assert "is another machine (fingerprint another) than this one (this one)" in here.differs(greeting)
    assert here.differs(greeting | {"machine": "this one"}) == ""

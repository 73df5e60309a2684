"""A cluster whose nodes come and go, and nodes that do not fit."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sweep.backends import simulator
from sweep.backends.simulator.library import library_path
from sweep.execute.in_process import InProcessExecutor
from sweep.execute.port import Executor, ExecutorError
from sweep.trial import Attempt, Cause
from tests.sweep.execute.contract import LONG_S, run, settled, tasks
from tests.sweep.execute.evaluates import Trade

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = pytest.mark.slow(12)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head with one CPU."""
    from ray.cluster_utils import Cluster

    from sweep.execute.start import local_settings, without_helpers

    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": local_settings()}
    with without_helpers():
        cluster = Cluster(initialize_head=True, head_node_args=head)
        yield cluster
        cluster.shutdown()


Join = Callable[..., Any]


@pytest.fixture
def join(cluster: Cluster) -> Iterator[Join]:
    """Adds a node with one CPU, with these variables in its environment; it leaves at the end."""
    nodes = []

    def join(**environment: str) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            nodes.append(cluster.add_node(num_cpus=1))
        return nodes[-1]

    yield join
    for node in nodes:
        if node in cluster.worker_nodes:
            cluster.remove_node(node)


Start = Callable[[], Executor]


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Iterator[Start]:
    from sweep.execute.cluster import RayExecutor

    executors: list[Executor] = []

    def start() -> Executor:
        executors.append(RayExecutor(Trade(tmp_path), address=cluster.address))
        return executors[-1]

    yield start
    for executor in executors:
        executor.close()


@pytest.fixture
def other_build(tmp_path: Path) -> Path:
    path = tmp_path / "engine.so"
    path.write_bytes(library_path().read_bytes() + b"\0")
    return path


def until(executor: Executor, attempts: list[Attempt], count: int) -> None:
    while len(attempts) < count and executor.pending:
        attempts += executor.collect(LONG_S)


def test_a_node_is_killed_and_one_is_added_and_the_table_is_the_same(
    cluster: Cluster, join: Join, start: Start, tmp_path: Path
) -> None:
    asked = tasks(*["short"] * 600, "fails", *["well"] * 9)
    doomed = join()
    join()
    executor = start()
    assert executor.workers == 3
    attempts: list[Attempt] = []
    executor.submit(asked)
    while len(before := {a.worker for a in attempts}) < 3:
        until(executor, attempts, len(attempts) + 1)
    seen = len(attempts)
    cluster.remove_node(doomed, allow_graceful=False)
    until(executor, attempts, seen + 150)
    join()
    ends = time.monotonic() + LONG_S
    while not {a.worker for a in attempts} - before:  # on a busy machine the new node comes late
        asked += (more := tasks(*["short"] * 100, start=len(asked)))
        attempts += run(executor, more)
        assert time.monotonic() < ends
    assert executor.workers == 3
    assert len({a.worker for a in attempts} - before) == 1  # the new node took its part

    alone = settled(run(InProcessExecutor(Trade(tmp_path / "alone", waits=False)), asked))
    together = settled(attempts)
    assert {n: (a.trial, a.measurements, a.failure) for n, a in together.items()} == {
        n: (a.trial, a.measurements, a.failure) for n, a in alone.items()
    }
    lost = [a for a in attempts if not a.settles]
    assert lost
    assert {a.failure.cause for a in lost if a.failure} == {Cause.NODE_LOST}
    assert len({a.worker for a in lost}) == 1
    assert all(together[a.trial.number].number == a.number + 1 for a in lost)


def test_a_node_with_another_build_is_told_from_the_others(
    join: Join, start: Start, other_build: Path
) -> None:
    join(SWEEP_ENGINE=str(other_build))
    executor = start()
    with pytest.raises(ExecutorError) as refused:
        run(executor, tasks(*["short"] * 9000))
    words = str(refused.value)
    assert words.startswith("node ")
    assert f"the driver's {simulator.build_id()}" in words
    assert "the same image" in words


def test_a_node_where_the_package_does_not_work_says_why(join: Join, start: Start, tmp_path: Path) -> None:
    join(SWEEP_ENGINE=str(tmp_path / "absent.so"))
    executor = start()
    with pytest.raises(ExecutorError, match=r"absent\.so"):
        run(executor, tasks(*["short"] * 9000))


def test_a_sweep_goes_on_without_a_node_that_comes_later_and_does_not_fit(
    join: Join, start: Start, other_build: Path, caplog: pytest.LogCaptureFixture
) -> None:
    executor = start()
    assert settled(run(executor, tasks("well", "well"))).keys() == {0, 1}
    join(SWEEP_ENGINE=str(other_build))
    with caplog.at_level(logging.WARNING):
        ends = time.monotonic() + LONG_S
        number = 2
        while "goes on without it" not in caplog.text:
            assert settled(run(executor, tasks("slow", start=number)))
            number += 1
            assert time.monotonic() < ends
    assert executor.workers == 1
    assert settled(run(executor, tasks("well", "well", start=number))).keys() == {number, number + 1}


def test_a_worker_that_is_killed_between_trials_is_replaced(start: Start) -> None:
    executor = start()
    attempts = run(executor, tasks(*["well"] * 20))
    for pid in {int(a.worker.rpartition("/")[2]) for a in attempts}:
        os.kill(pid, 9)
    assert settled(run(executor, tasks(*["well"] * 20, start=20))).keys() == set(range(20, 40))

"""A node that runs out of memory, as Ray's memory monitor sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sweep.execute.port import MAX_ATTEMPTS, Executor
from sweep.trial import Cause
from tests.sweep.execute.contract import run, settled, tasks
from tests.sweep.execute.evaluates import DEVOURED_BYTES, Trade

pytestmark = [pytest.mark.slow, pytest.mark.alone]

LEFT_BYTES: Final = DEVOURED_BYTES // 2
"""What the node may use more than at the start; Ray itself needs 1 GiB."""


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[Executor]:
    from ray._common.utils import get_system_memory
    from ray._private.utils import get_used_memory
    from ray.cluster_utils import Cluster

    from sweep.execute.cluster import RayExecutor
    from sweep.execute.start import local_settings, without_helpers

    total, used = get_system_memory(), get_used_memory()
    assert total - used > DEVOURED_BYTES, "too little memory is free for this test"
    most = (used + LEFT_BYTES) / total
    settings = local_settings() | {"memory_usage_threshold": most, "memory_monitor_refresh_ms": 100}
    head = {"num_cpus": 2, "include_dashboard": False, "_system_config": settings}
    with without_helpers():
        cluster = Cluster(initialize_head=True, head_node_args=head)
    executor = RayExecutor(Trade(tmp_path), address=cluster.address)
    yield executor
    executor.close()
    cluster.shutdown()


def test_who_outgrows_the_node_is_tried_again_alone_and_given_up(executor: Executor) -> None:
    attempts = run(executor, tasks(*["well"] * 5, "devours", *["well"] * 5))
    devoured = [a for a in attempts if a.trial.number == 5]
    assert [a.number for a in devoured] == list(range(MAX_ATTEMPTS))
    assert {a.failure.cause for a in devoured if a.failure} == {Cause.OUT_OF_MEMORY}
    assert settled(attempts).keys() == set(range(11)) - {5}

"""Test settings: no test may fail because the machine is slow, and none because of what runs beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.beside import SHARED, turn

settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

os.environ.setdefault("RAY_worker_niceness", "0")  # by default Ray's workers give way to all other tests


def pytest_configure(config: pytest.Config) -> None:
    """A directory for all processes of this run, where there are several."""
    if getattr(config.option, "numprocesses", None):
        os.environ[SHARED] = tempfile.mkdtemp(prefix="sweep-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """It goes with the run."""
    if getattr(config.option, "numprocesses", None):
        shutil.rmtree(os.environ.pop(SHARED, ""), ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than CPUs: much of the time a test waits for processes that it has started."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that none of them is left to run alone at the end."""
    if SHARED in os.environ:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What is marked `alone` waits until nothing else runs, and holds up what comes after it."""
    with turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)

"""Test settings: no test may fail because the machine is slow, and none because of what runs beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.beside import SHARED, Turns

settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

SLOW_S = 5.0
"""What a test that is marked `slow` takes, roughly, if the mark does not say: slow(30)."""

turns = Turns()

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
    """The longest files first, so that none of them is left to run alone at the end; before them what must
    run alone, while there is nothing yet whose end it would have to await."""
    if SHARED in os.environ:
        weights: Counter[Path] = Counter()
        for item in items:
            weights[item.path] += _slow_s(item)
            if _alone(item):
                weights[item.path] += 1_000_000
        items.sort(key=lambda item: -weights[item.path])


def _alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("alone") is not None


def _slow_s(item: pytest.Item) -> float:
    mark = item.get_closest_marker("slow")
    return float(mark.args[0] if mark.args else SLOW_S) if mark else 0.0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """What is marked `alone` waits until nothing else runs, and holds up what comes after it; such tests in
    a row wait once."""
    with turns.turn(alone=_alone(item), more=_alone(nextitem)):
        return (yield)

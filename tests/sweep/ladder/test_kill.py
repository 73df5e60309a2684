"""A ladder that is killed at any moment and taken up again comes to what an undisturbed one does."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from pathlib import Path

import pytest

from sweep.store import read
from tests.sweep.ladder.driven import drive

KILLS = 3
STUDIES = ("climb.simulator", "climb")
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(  # what a life imports
    [
        "tests.sweep.ladder.driven",
        "optuna",
        "pandas",
        "matplotlib.backends.backend_agg",
        "plotly.graph_objects",
    ]
)


def life(place: Path, lives_s: float | None) -> bool:
    """One life of the driver, to its end if lives_s is None; whether it came there."""
    process = PROCESSES.Process(target=drive, args=(place,))
    process.start()
    process.join(lives_s)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def tables(place: Path) -> list[bytes]:
    """The trial tables of both levels, as files."""
    found = []
    for name in STUDIES:
        read.write_trials(place / "store" / name, place / "trials.parquet")
        found.append((place / "trials.parquet").read_bytes())
    return found


@pytest.mark.slow(30)
def test_it_comes_to_the_same_tables(tmp_path: Path) -> None:
    dice = random.Random("ladder")
    whole = tmp_path / "whole"
    whole.mkdir()
    began = time.monotonic()
    assert life(whole, None)
    lasts_s = time.monotonic() - began
    killed = 0
    broken = tmp_path / "0"
    while killed < KILLS:
        broken.mkdir(exist_ok=True)
        if not life(broken, dice.uniform(0.1, 0.6) * lasts_s):
            killed += 1
        else:
            assert tables(broken) == tables(whole)
            broken = tmp_path / str(killed)
    assert life(broken, None)
    assert tables(broken) == tables(whole)

"""The driver is killed at any moment and taken up again, as often as one likes: the same table."""

import multiprocessing
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from sweep.store import read
from tests.sweep.driven import TRIALS, drive
from tests.sweep.landscape import study, sweep

KILLS = 15
"""Of each kind; four kinds."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.sweep.driven", "optuna", "pandas"])  # what a life imports


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The trial table of a study that nobody killed, as a file."""
    place = tmp_path_factory.mktemp("undisturbed")
    sweep(study(TRIALS), place / "study")
    read.write_trials(place / "study", place / "trials.parquet")
    return (place / "trials.parquet").read_bytes()


def _live(place: Path, where: str, after: int, seed: int, lives_s: float) -> bool:
    """One life of the driver; whether it was killed."""
    process = PROCESSES.Process(target=drive, args=(place, where, after, seed))
    process.start()
    if not where:
        time.sleep(lives_s)
        process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.mark.slow(15)
@pytest.mark.parametrize("where", ["log", "seal", "compaction", ""])
def test_a_driver_that_is_killed_again_and_again_comes_to_the_same_table(
    tmp_path: Path, where: str, undisturbed: bytes
) -> None:
    dice = random.Random(f"kill {where}")
    outcomes: Counter[str] = Counter()
    place = tmp_path / "0"
    while outcomes["killed"] < KILLS:
        after = dice.randrange({"log": 80, "seal": 60, "compaction": 30, "": 1}[where])
        if _live(place, where, after, dice.randrange(2**32), dice.uniform(0.05, 0.6)):
            outcomes["killed"] += 1
            continue
        read.write_trials(place, tmp_path / "trials.parquet")
        assert (tmp_path / "trials.parquet").read_bytes() == undisturbed
        outcomes["finished"] += 1
        place = tmp_path / str(outcomes["finished"])
    if _live(place, "-", 0, 1, 0):  # to its end
        pytest.fail("nobody killed this one")
    read.write_trials(place, tmp_path / "trials.parquet")
    assert (tmp_path / "trials.parquet").read_bytes() == undisturbed
    print(where or "from outside", dict(outcomes))

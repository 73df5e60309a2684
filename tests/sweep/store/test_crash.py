"""What `append` has returned from is there after its process was killed or the power cut, at any moment."""

import multiprocessing
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.store import log, read
from sweep.store.files import FileStore
from tests.sweep.store.disks import PowerCut, VolatileDisk
from tests.sweep.store.history import history
from tests.sweep.store.victim import BATCH, write

TRIALS = 120
WHOLE = list(history(TRIALS))
KILLS = 15
"""Of each kind."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.sweep.store.victim", "pandas"])  # what a life imports


def run(place: Path, where: str, after: int, seed: int, lives_s: float) -> tuple[int, bool]:
    """A victim's life: how many attempts it last said are kept, and whether it was killed."""
    heard, told = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=write, args=(place, TRIALS, told, where, after, seed))
    process.start()
    told.close()
    kept = -1
    try:
        kept = heard.recv()
        if not where:
            time.sleep(lives_s)
            process.kill()
        while True:
            kept = heard.recv()
    except EOFError:
        pass
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return kept, process.exitcode != 0


@pytest.mark.slow
@pytest.mark.parametrize("where", ["log", "seal", "compaction", ""])
def test_a_killed_writer_has_kept_what_it_said_it_had(tmp_path: Path, where: str) -> None:
    """One directory after the other, each killed again and again until its history is written."""
    dice = random.Random(where)
    outcomes: Counter[str] = Counter()
    place, known = tmp_path / "0", 0
    while outcomes["killed"] < KILLS:
        after = dice.randrange({"log": 60, "seal": 150, "compaction": 40, "": 1}[where])
        kept, killed = run(place, where, after, dice.randrange(2**32), dice.uniform(0, 0.3))
        kept = max(kept, known)
        damaged = log.read(place / log.NAME).damaged_bytes
        store = FileStore(place)
        found, notes = store.attempts(), store.notes()
        store.close()
        assert found == WHOLE[: len(found)]
        assert kept <= len(found) <= kept + BATCH
        assert any("taken over from pid" in note for note in notes) == killed
        assert any(f"cut off {damaged} bytes" in note for note in notes) == (damaged > 0)
        if damaged:
            assert sum(p.stat().st_size for p in place.glob("*.cut-*")) >= damaged
        assert read.attempts(place) == (found, [])
        outcomes["killed"] += killed
        outcomes["torn"] += damaged > 0
        outcomes["kept though not told"] += len(found) > kept
        known = len(found)
        if not killed:
            assert found == WHOLE
            outcomes["finished"] += 1
            place, known = tmp_path / str(outcomes["finished"]), 0
    print(where or "from outside", dict(outcomes))


@given(steps=st.integers(0, 400), seed=st.integers(0, 2**32), cuts=st.integers(1, 3))
@settings(max_examples=40)
def test_a_power_cut_loses_nothing_that_was_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, steps: int, seed: int, cuts: int
) -> None:
    """Whatever was not synced may be gone, half there, or zeros."""
    place = tmp_path_factory.mktemp("power") / "store"
    dice = random.Random(seed)
    kept: list[int] = [0]
    for _ in range(cuts):
        disk = VolatileDisk(steps, dice.randrange(2**32))
        store = None
        try:
            store = FileStore(place, seal_every=2, disk=disk)
            assert len(store.attempts()) >= kept[-1]
            kept.append(len(store.attempts()))
            while kept[-1] < len(WHOLE[:60]):
                batch = WHOLE[kept[-1] : kept[-1] + dice.randint(1, BATCH)]
                store.append(batch)
                kept.append(kept[-1] + len(batch))
            store.close()
        except PowerCut:
            if store:
                store.close()
        disk.lose()
        after = FileStore(place)
        found = after.attempts()
        after.close()
        assert found == WHOLE[: len(found)]
        assert kept[-1] <= len(found) <= kept[-1] + BATCH
        kept.append(len(found))

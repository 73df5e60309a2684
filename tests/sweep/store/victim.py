"""A process that writes to a store until it is killed."""

import random
from multiprocessing.connection import Connection
from pathlib import Path

from sweep.store.disk import Disk
from sweep.store.files import FileStore
from tests.sweep.store.disks import killing_disk
from tests.sweep.store.history import history

BATCH = 3


def write(place: Path, trials: int, told: "Connection[int, int]", where: str, after: int, seed: int) -> None:
    """Append what the store does not have yet, in small batches, telling after each how many are there.

    Killed at that step of that part of the work; by somebody else where the part has no name."""
    disk = killing_disk(where, after, seed) if where else Disk()
    dice = random.Random(seed)
    whole = history(trials)
    store = FileStore(place, seal_every=2, disk=disk)
    done = len(store.attempts())
    told.send(done)
    while done < len(whole):
        batch = whole[done : done + dice.randint(1, BATCH)]
        store.append(batch)
        done += len(batch)
        told.send(done)
    store.close()

"""A driver that runs a study until it is killed."""

from pathlib import Path

from sweep.store.disk import Disk
from sweep.store.files import FileStore
from tests.sweep.landscape import Shuffled, study, sweep
from tests.sweep.store.disks import killing_disk

TRIALS = 150


def drive(place: Path, where: str, after: int, seed: int) -> None:
    """Begin or go on; killed at that step of that part of the store's work, or by somebody else where the
    part has no name. Workers differ in number and luck from life to life."""
    disk = killing_disk(where, after, seed) if where else Disk()
    store = FileStore(place, seal_every=20, disk=disk)
    sweep(study(TRIALS), place, Shuffled(seed, workers=1 + seed % 7), store=store)

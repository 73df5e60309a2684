"""A disk that is full: one clear error, nothing lost, and on it goes when there is room again."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.store import StoreError, read, segments
from sweep.store.disk import Disk
from sweep.store.files import FileStore
from tests.sweep.store.history import history

WHOLE = list(history(700))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or not mount:
        pytest.skip("needs root and mount(8), for a tmpfs")
    command = [mount, "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path, but_bytes: int) -> Path:
    """Take all the room but some."""
    path = place / "ballast"
    stats = os.statvfs(place)
    path.write_bytes(b"x" * max(stats.f_bavail * stats.f_frsize - but_bytes, 0))
    return path


def append_until_full(store: FileStore) -> tuple[int, str]:
    """How many could be appended, in batches, and what was said then."""
    for kept in range(0, len(WHOLE), 16):
        try:
            store.append(WHOLE[kept : kept + 16])
        except StoreError as error:
            return kept, str(error)
    raise AssertionError("there was room for everything")


def test_appending_fails_once_there_is_no_room_and_goes_on_when_there_is(small: Path) -> None:
    store = FileStore(small / "store", seal_every=10_000)
    kept, said = append_until_full(store)
    assert kept > 16
    assert "No space left on device; nothing of what was there is lost: make room" in said
    assert store.attempts() == WHOLE[:kept]
    with pytest.raises(StoreError, match="No space left on device"):
        store.append(WHOLE[kept : kept + 400])
    assert read.attempts(small / "store") == (WHOLE[:kept], [])
    subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
    store.append(WHOLE[kept:])
    store.close()
    again = FileStore(small / "store")
    assert again.attempts() == WHOLE
    assert again.notes() == []
    again.close()


def test_a_full_disk_at_any_step_of_sealing_costs_nothing(small: Path) -> None:
    place = small / "store"
    said = []
    for room in range(0, 80_000, 4096):
        shutil.rmtree(place, ignore_errors=True)
        store = FileStore(place, seal_every=10_000)
        store.append(WHOLE[:40])
        ballast = fill(small, room)
        try:
            store.seal()
        except StoreError as error:
            said.append(str(error))
        assert store.attempts() == WHOLE[:40]
        ballast.unlink()
        store.append(WHOLE[40:50])
        store.seal()
        store.append(WHOLE[50:60])
        store.close()
        assert read.attempts(place) == (WHOLE[:60], [])
        assert segments.find(place).manifest.attempts == 50
        assert not list(place.rglob("*.tmp"))
    assert 0 < len(said) < 20
    assert all("No space left on device; nothing is lost" in text for text in said)


class Full(Disk):
    """Has no room for new files while it is so."""

    full = False

    def rename(self, source: Path, target: Path) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().rename(source, target)


def test_appending_goes_on_while_there_is_no_room_to_seal(tmp_path: Path) -> None:
    """What is in the log is safe there; sealing is tried again later."""
    disk = Full()
    store = FileStore(tmp_path, seal_every=10, disk=disk)
    disk.full = True
    for each in WHOLE[:35]:
        store.append([each])
    assert store.attempts() == WHOLE[:35]
    assert len(store.notes()) == 1
    assert "No space left on device; nothing is lost" in store.notes()[0]
    assert read.attempts(tmp_path) == (WHOLE[:35], [])
    disk.full = False
    for each in WHOLE[35:45]:
        store.append([each])
    assert segments.find(tmp_path).manifest.attempts >= 40
    store.close()
    assert read.attempts(tmp_path) == (WHOLE[:45], [])

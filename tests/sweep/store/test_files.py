"""The directory as a whole: sealing, merging, readers, other versions, places that do not allow it."""

import dataclasses
import gc
import hashlib
import os
import shutil
import tempfile
import threading
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweep.store import Store, StoreError, log, read, record, segments
from sweep.store.files import FileStore
from sweep.trial import Attempt, Evidence, Interval
from tests.sweep.conftest import attempt
from tests.sweep.store.contract import StoreContract
from tests.sweep.store.history import history, old

OLD = {version: Path(__file__).with_name(f"version-{version}") for version in (1, 2)}


NOISE = (("exit_latency_ns.p99", Interval(2.0, 1.0, 3.0)), ("retained_bytes.mean", Interval(1.0, 0.5, 1.5)))
NATIVE = Evidence("native", "0123456789abcdef", 4, 1, NOISE, NOISE[:1], ("pinned_slab_bytes.mean",))
EVIDENCE = (("b @ m", NATIVE),)


class TestFileStore(StoreContract):
    def open(self, place: Path) -> Store:
        return FileStore(place)


class TestFileStoreThatSealsAndMergesAllTheTime(StoreContract):
    def open(self, place: Path) -> Store:
        return FileStore(place, seal_every=2)


class TestFileStoreWithArchive(StoreContract):
    def open(self, place: Path) -> Store:
        return FileStore(place / "store", archive=(place / "archive").as_uri(), seal_every=3)


def test_segments_stay_few_and_old_ones_are_seldom_rewritten(tmp_path: Path) -> None:
    """At most seven of a level, and a level holds eight times as much as the one below."""
    whole = list(history(130))
    store = FileStore(tmp_path, seal_every=1)
    for each in whole:
        store.append([each])
    store.close()
    found = segments.find(tmp_path).manifest.segments
    levels = Counter(s.level for s in found)
    assert max(levels.values()) < segments.FANOUT
    assert max(levels) == 2
    assert [s.level for s in found] == sorted((s.level for s in found), reverse=True)
    assert all(s.attempts >= segments.FANOUT**s.level for s in found)
    assert {p.name for p in (tmp_path / "segments").iterdir()} == {s.name for s in found}


def test_a_crash_between_manifest_and_new_log_doubles_nothing(
    tmp_path: Path, ten_attempts: list[Attempt]
) -> None:
    store = FileStore(tmp_path)
    store.append(ten_attempts)
    logged = (tmp_path / log.NAME).read_bytes()
    store.seal()
    store.close()
    (tmp_path / log.NAME).write_bytes(logged)
    assert read.attempts(tmp_path) == (ten_attempts, [])
    again = FileStore(tmp_path)
    assert again.attempts() == ten_attempts
    again.append([attempt(10)])
    again.seal()
    again.close()
    assert read.attempts(tmp_path)[0] == [*ten_attempts, attempt(10)]


def test_readers_may_look_while_it_is_written(tmp_path: Path, ten_attempts: list[Attempt]) -> None:
    writer = FileStore(tmp_path)
    writer.append(ten_attempts[:3])
    reader = FileStore(tmp_path, read_only=True)
    assert reader.attempts() == ten_attempts[:3]
    with pytest.raises(StoreError, match="not open for writing"):
        reader.append(ten_attempts[3:])
    writer.append(ten_attempts[3:])
    assert writer.attempts() == ten_attempts
    writer.close()
    reader.close()


def test_readers_never_miss_what_is_sealed_or_merged_under_their_eyes(tmp_path: Path) -> None:
    """Every look finds at least what was appended before it, in order."""
    whole = list(history(60))
    writer = FileStore(tmp_path, seal_every=1)
    for count, each in enumerate(whole, 1):
        writer.append([each])
        if count % 4 == 0:  # merges of the background are under way
            assert read.attempts(tmp_path)[0] == whole[:count]
            assert writer.attempts() == whole[:count]
    writer.close()


def test_an_attempt_that_was_cut_short_is_not_there_for_readers_and_said(
    tmp_path: Path, ten_attempts: list[Attempt]
) -> None:
    store = FileStore(tmp_path)
    store.append(ten_attempts)
    with (tmp_path / log.NAME).open("r+b") as file:
        file.truncate((tmp_path / log.NAME).stat().st_size - 1)
    found, notes = read.attempts(tmp_path)
    assert found == ten_attempts[:9]
    assert "being written now, or are damaged" in notes[0]
    store.close()


# -- versions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", OLD)
def test_an_old_version_is_read_and_becomes_this_version(tmp_path: Path, version: int) -> None:
    place = tmp_path / "store"
    shutil.copytree(OLD[version], place)
    assert read.attempts(place) == (old(), [])
    assert read.query(place, "select count(*) n from trials")["n"].to_pylist() == [11]
    store = FileStore(place)
    assert store.attempts() == old()
    assert store.notes() == []
    added = dataclasses.replace(attempt(6), evidence=EVIDENCE)
    store.append([added])
    assert store.attempts() == [*old(), added]
    store.seal()
    assert read.query(place, "select level from trials where trial = 6")["level"].to_pylist() == [
        None,
        "native",
    ]
    store.compact()
    store.close()
    assert read.attempts(place) == ([*old(), added], [])
    assert (place / "manifest.json").read_text().startswith('{\n "schema_version": 3')
    assert not (place / "segments" / "000000.parquet").exists()


def test_the_torn_end_of_a_version_1_log_is_cut_off(tmp_path: Path) -> None:
    place = tmp_path / "store"
    shutil.copytree(OLD[1], place)
    with (place / log.NAME).open("ab") as file:
        file.write(b"\0" * 20)
    store = FileStore(place)
    assert store.attempts() == old()
    assert "cut off 20 bytes" in store.notes()[0]
    store.close()


def test_columns_do_not_change_without_a_new_version() -> None:
    """What an older program wrote could not be told from what this one writes."""
    frozen = pq.read_schema(OLD[2] / "segments" / "00000000-00000004.parquet").remove_metadata()
    columns = list(record.SCHEMA)[: len(frozen)]
    assert (3, list(frozen)) == (record.SCHEMA_VERSION, columns)
    digest = hashlib.sha256(str(record.SCHEMA).encode()).hexdigest()[:16]
    assert digest == "339c2126a225508f"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (log.NAME, log.Log, "schema version 4, newer than this program's 3"),
        (log.NAME, b"rcu-sweep attempts 99\n", "or of another version"),
        (log.NAME, b"something else entirely", "not a log of this program"),
        ("manifest.json", b'{"schema_version": 4, "segments": []}', "schema version 4, newer"),
    ],
)
def test_what_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, content: object, said: str
) -> None:
    FileStore(tmp_path).close()
    if not isinstance(content, bytes):  # as the next version writes it
        monkeypatch.setattr(log.record, "SCHEMA_VERSION", 4)
        log.Log.begin(tmp_path / file, log.Disk(), 0).close()
        content = (tmp_path / file).read_bytes()
        monkeypatch.undo()
    (tmp_path / file).write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StoreError, match=said):
            FileStore(tmp_path, read_only=read_only)
    assert (tmp_path / file).read_bytes() == content


# -- places -------------------------------------------------------------------------------------


def test_a_place_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("here is a file")
    with pytest.raises(StoreError, match="--store"):
        FileStore(tmp_path / "place")


def test_a_place_where_nobody_may_write_is_said() -> None:
    with pytest.raises(StoreError, match=r"/proc/nowhere: .*; make room or make it writable, or choose"):
        FileStore(Path("/proc/nowhere"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who may not write")
def test_a_directory_of_somebody_else_is_said() -> None:
    with tempfile.TemporaryDirectory() as place:
        FileStore(Path(place, "store")).close()
        Path(place).chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(
                StoreError, match=r"Permission denied; make room or make it writable, or choose"
            ):
                FileStore(Path(place, "store"))
            assert read.attempts(Path(place, "store")) == ([], [])
        finally:
            os.seteuid(0)


def test_no_threads_and_no_files_are_left_open(tmp_path: Path, ten_attempts: list[Attempt]) -> None:
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for trial in range(5):
        store = FileStore(tmp_path, seal_every=1)
        store.append([attempt(trial)])
        store.close()
    gc.collect()
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= files

"""The directory of log and segments: what survives crashes, damage and other versions."""

import json
import resource
import shutil
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.store import Store, StoreError, record
from sweep.store.files import COMPACT_ABOVE, FileStore
from sweep.trial import Attempt
from tests.sweep.conftest import attempt
from tests.sweep.store.contract import StoreContract

TEN = [attempt(trial) for trial in range(10)]


class TestFileStore(StoreContract):
    def open(self, place: Path) -> Store:
        return FileStore(place)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sealed, six in the log, and no process that holds it."""
    place = tmp_path_factory.mktemp("written")
    store = FileStore(place)
    store.append(TEN[:4])
    store.seal()
    for each in TEN[4:]:
        store.append([each])
    store.close()
    return place


def damaged(written: Path, tmp_path_factory: pytest.TempPathFactory, log: bytes) -> Path:
    place = tmp_path_factory.mktemp("damaged") / "store"
    shutil.copytree(written, place)
    (place / "attempts.log").write_bytes(log)
    return place


def ends(log: bytes) -> list[int]:
    """Where the header and each record end."""
    header = log.index(b"\n") + 1
    return [header, *(header + end for _, end in record.unframe(log[header:]))]


@given(data=st.data())
def test_a_torn_log_keeps_every_whole_record(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    log = (written / "attempts.log").read_bytes()
    whole = ends(log)
    cut = data.draw(st.one_of(st.sampled_from(whole), st.integers(0, len(log))))
    tail = data.draw(st.sampled_from([b"", b"\0", bytes(8), bytes(4096), b"\xff" * 9]))
    place = damaged(written, tmp_path_factory, log[:cut] + (tail if cut >= whole[0] else b""))
    store = FileStore(place)
    survivors = sum(end <= cut for end in whole[1:])
    assert store.attempts() == TEN[: 4 + survivors]
    rest = max(cut - whole[survivors], 0) + (len(tail) if cut >= whole[0] else 0)
    assert bool(store.notes()) == (rest > 0)
    store.append(TEN[4 + survivors :])
    assert store.attempts() == TEN
    store.close()
    again = FileStore(place)
    assert again.attempts() == TEN
    assert again.notes() == []
    again.close()


@given(data=st.data())
def test_a_flipped_bit_costs_no_record_before_it(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    log = bytearray((written / "attempts.log").read_bytes())
    whole = ends(bytes(log))
    bit = data.draw(st.integers(8 * whole[0], 8 * len(log) - 1))
    log[bit // 8] ^= 1 << bit % 8
    place = damaged(written, tmp_path_factory, bytes(log))
    store = FileStore(place)
    survivors = sum(8 * end <= bit for end in whole[1:])
    assert store.attempts() == TEN[: 4 + survivors]
    assert "cut off" in store.notes()[0]
    store.close()
    # What was cut off is kept for whoever wants to look at it.
    assert (place / "attempts.log.cut").read_bytes() == bytes(log[whole[survivors] :])


def test_a_crash_between_segment_and_new_log_doubles_nothing(
    written: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = (written / "attempts.log").read_bytes()
    place = tmp_path_factory.mktemp("crash") / "store"
    shutil.copytree(written, place)
    store = FileStore(place)
    store.seal()
    store.close()
    (place / "attempts.log").write_bytes(log)  # as if the process had died before it began a new log
    again = FileStore(place)
    assert again.attempts() == TEN
    again.close()


def test_files_that_no_manifest_names_are_passed_over(written: Path, tmp_path: Path) -> None:
    place = tmp_path / "store"
    shutil.copytree(written, place)
    (place / "segments" / "000007.parquet.tmp").write_bytes(b"half a segm")
    shutil.copy(place / "segments" / "000000.parquet", place / "segments" / "000005.parquet")
    store = FileStore(place)
    assert store.attempts() == TEN
    store.seal()
    store.close()
    again = FileStore(place)
    assert again.attempts() == TEN
    again.close()


def test_many_segments_become_one(tmp_path: Path) -> None:
    store = FileStore(tmp_path, seal_every=1)
    history = [attempt(trial) for trial in range(3 * COMPACT_ABOVE)]
    for each in history:
        store.append([each])
    assert store.attempts() == history
    store.close()
    assert len(list((tmp_path / "segments").glob("*.parquet"))) <= COMPACT_ABOVE
    again = FileStore(tmp_path)
    assert again.attempts() == history
    again.close()


def test_segments_are_typed_tables_for_others(tmp_path: Path, ten_attempts: list[Attempt]) -> None:
    store = FileStore(tmp_path)
    store.append(ten_attempts)
    store.seal()
    store.close()
    segments = str(tmp_path / "segments" / "*.parquet")
    rows = duckdb.sql(
        f"""select trial, policy, scenario, "exit_latency_ns.p99", violations from '{segments}'
            where scenario = 'b @ m' order by trial"""
    ).fetchall()
    expected = [
        (a.trial.number, "fixed_batch", "b @ m", m.exit_latency_ns.p99, m.violations)
        for a in ten_attempts
        for m in [a.measurement("b @ m")]
    ]
    assert rows == expected


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


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("attempts.log", b"rcu-sweep attempts 99\n", "another version"),
        ("attempts.log", b"something else entirely", "another version"),
        ("manifest.json", b"{", "damaged"),
        ("manifest.json", json.dumps({"schema_version": 99, "segments": []}).encode(), "version 99"),
        ("segments/000000.parquet", b"PAR1 but not really", "cannot be read"),
    ],
)
def test_what_is_not_ours_is_refused_and_left_alone(
    written: Path, tmp_path: Path, file: str, content: bytes, said: str
) -> None:
    place = tmp_path / "store"
    shutil.copytree(written, place)
    (place / file).write_bytes(content)
    with pytest.raises(StoreError, match=said):
        FileStore(place)
    assert (place / file).read_bytes() == content


def test_a_missing_segment_is_said(written: Path, tmp_path: Path) -> None:
    place = tmp_path / "store"
    shutil.copytree(written, place)
    (place / "segments" / "000000.parquet").unlink()
    with pytest.raises(StoreError, match=r"000000\.parquet"):
        FileStore(place)


def test_a_place_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("here is a file")
    with pytest.raises(StoreError, match="--store"):
        FileStore(tmp_path / "place")


def test_a_full_disk_loses_nothing_that_was_kept(tmp_path: Path, ten_attempts: list[Attempt]) -> None:
    """A limit on the size of files stands for a disk that fills up in the middle of a write."""
    store = FileStore(tmp_path)
    store.append(ten_attempts[:5])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "attempts.log").stat().st_size + 100, limits[1]))
    try:
        with pytest.raises(StoreError, match="nothing of what was there is lost"):
            store.append(ten_attempts[5:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.attempts() == ten_attempts[:5]
    store.append(ten_attempts[5:])
    store.close()
    again = FileStore(tmp_path)
    assert again.attempts() == ten_attempts
    assert again.notes() == []
    again.close()

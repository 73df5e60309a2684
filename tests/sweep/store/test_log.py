"""The append log: whatever happens to its bytes, intact records count and the rest is kept aside."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.store import StoreError, log, record
from sweep.store.files import FileStore
from tests.sweep.conftest import attempt
from tests.sweep.values import attempts

TEN = [attempt(trial) for trial in range(10)]


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


def with_log(written: Path, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> Path:
    place = tmp_path_factory.mktemp("damaged") / "store"
    shutil.copytree(written, place)
    (place / log.NAME).write_bytes(content)
    return place


def spans(content: bytes) -> list[tuple[int, int]]:
    """From where to where each record reaches."""
    starts = [i for i in range(len(content)) if content.startswith(log.MAGIC, i)]
    return list(zip(starts, [*starts[1:], len(content)], strict=True))


def check(place: Path, expected: set[int], damaged_bytes: int) -> None:
    """These trials are there, once, in order; the rest was said, kept, and can be measured again."""
    before = (place / log.NAME).read_bytes()
    store = FileStore(place)
    found = [a.trial.number for a in store.attempts()]
    assert found == sorted(expected)
    assert [a for a in TEN if a.trial.number in expected] == store.attempts()
    cuts = sorted(place.glob("*.cut-*"), key=lambda p: int(p.name.rpartition("-")[2]))
    assert bool(store.notes()) == (damaged_bytes > 0)
    if damaged_bytes:
        assert f"cut off {damaged_bytes} bytes" in store.notes()[0]
        assert all(p.name in store.notes()[0] and p.read_bytes() in before for p in cuts)
    assert sum(p.stat().st_size for p in cuts) == damaged_bytes
    store.append([a for a in TEN if a.trial.number not in expected])
    store.close()
    again = FileStore(place)
    assert sorted(a.trial.number for a in again.attempts()) == list(range(10))
    assert again.notes() == []
    again.close()


@given(attempts())
def test_a_payload_is_read_back_and_cannot_look_like_a_record(each: record.Attempt) -> None:
    content = record.payload(each)
    assert record.from_payload(content) == each
    assert content.isascii()
    assert not log.MAGIC.isascii()


@given(data=st.data())
def test_a_torn_log_keeps_every_whole_record(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = (written / log.NAME).read_bytes()
    records = spans(content)
    ends = [records[0][0], *(end for _, end in records)]
    cut = data.draw(st.one_of(st.sampled_from(ends), st.integers(0, len(content))))
    tail = data.draw(st.sampled_from([b"", b"\0", bytes(8), bytes(4096), b"\xff" * 9, log.MAGIC]))
    tail = tail if cut >= ends[0] else b""
    whole = sum(end <= cut for _, end in records)
    rest = cut + len(tail) - (ends[whole] if cut >= ends[0] else 0)
    check(with_log(written, tmp_path_factory, content[:cut] + tail), set(range(4 + whole)), rest)


@given(data=st.data())
def test_flipped_bits_cost_the_records_that_they_are_in(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """In the header, they cost nothing."""
    content = bytearray((written / log.NAME).read_bytes())
    bits = data.draw(st.sets(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=5))
    records = spans(bytes(content))
    for bit in bits:
        content[bit // 8] ^= 1 << bit % 8
    hit = [any(8 * start <= bit < 8 * end for bit in bits) for start, end in records]
    expected = set(range(4)) | {4 + i for i, lost in enumerate(hit) if not lost}
    header = records[0][0] if any(bit < 8 * records[0][0] for bit in bits) else 0
    if all(hit) and header:
        return  # then it is not a log at all: see test_files.py
    damaged = header + sum(end - start for (start, end), lost in zip(records, hit, strict=True) if lost)
    check(with_log(written, tmp_path_factory, bytes(content)), expected, damaged)


@given(at=st.integers(0, 6), junk=st.binary(min_size=1, max_size=200))
def test_bytes_put_in_between_cost_nothing(
    written: Path, tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    content = (written / log.NAME).read_bytes()
    records = spans(content)
    place = [records[0][0], *(end for _, end in records)][at]
    check(
        with_log(written, tmp_path_factory, content[:place] + junk + content[place:]),
        set(range(10)),
        len(junk),
    )


def test_a_record_that_stands_twice_counts_once(
    written: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = (written / log.NAME).read_bytes()
    first, *_ = spans(content)
    check(with_log(written, tmp_path_factory, content + content[slice(*first)]), set(range(10)), 0)


def test_what_is_cut_off_again_is_kept_again(written: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = with_log(written, tmp_path_factory, (written / log.NAME).read_bytes() + b"first")
    FileStore(place).close()
    with (place / log.NAME).open("ab") as file:
        file.write(b"second")
    store = FileStore(place)
    assert "attempts.log.cut-2" in store.notes()[0]
    store.close()
    kept = {path.name: path.read_bytes() for path in place.glob("*.cut-*")}
    assert kept == {"attempts.log.cut-1": b"first", "attempts.log.cut-2": b"second"}


def test_a_log_that_was_begun_after_more_than_the_segments_hold_is_said(
    written: Path, tmp_path: Path
) -> None:
    """Such as with segments and manifest from an old copy."""
    place = tmp_path / "store"
    shutil.copytree(written, place)
    (place / "manifest.json").unlink()
    shutil.rmtree(place / "segments")
    with pytest.raises(StoreError, match="tells of 0 sealed attempts, but 4 had been sealed"):
        FileStore(place)
    with pytest.raises(StoreError, match="tells of 0 sealed attempts, but 4 had been sealed"):
        FileStore(place, read_only=True)

"""Collecting garbage: one segment, nothing that nobody looks at, and every attempt as before."""

from pathlib import Path

import pytest

from sweep.store import StoreError, read, segments
from sweep.store.files import FileStore
from sweep.store.garbage import collect_garbage
from tests.sweep.store.history import history

WHOLE = list(history(60))


def test_everything_becomes_one_segment_and_the_rest_goes(tmp_path: Path) -> None:
    store = FileStore(tmp_path, seal_every=5)
    for each in WHOLE:
        store.append([each])
    store.close()
    before = segments.find(tmp_path).manifest
    orphan = (tmp_path / "segments" / "00000003-00000009.parquet", b"merged long ago" * 1000)
    torn = (tmp_path / "segments" / "00000060-00000065.parquet.tmp", b"PAR1")
    kept = (tmp_path / "attempts.log.cut-1", b"torn off")
    for path, content in (orphan, torn, kept, (tmp_path / "manifest.json.tmp", b"{")):
        path.write_bytes(content)
    garbage = collect_garbage(tmp_path)
    assert garbage.attempts == len(WHOLE)
    assert (garbage.segments_before, garbage.segments_after) == (len(before.segments) + 1, 1)
    assert garbage.freed_bytes > len(orphan[1])
    assert [p.name for p in (tmp_path / "segments").iterdir()] == [f"00000000-{len(WHOLE):08d}.parquet"]
    assert not list(tmp_path.rglob("*.tmp"))
    assert kept[0].read_bytes() == kept[1]
    assert read.attempts(tmp_path) == (WHOLE, [])
    again = collect_garbage(tmp_path)
    assert (again.segments_before, again.segments_after, again.freed_bytes) == (1, 1, 0)


def test_merging_goes_on_after_it(tmp_path: Path) -> None:
    for start in range(0, 60, 6):
        store = FileStore(tmp_path, seal_every=1)
        store.append(WHOLE[start : start + 6])
        store.close()
        collect_garbage(tmp_path)
    store = FileStore(tmp_path, seal_every=1)
    for each in WHOLE[60:]:
        store.append([each])
    store.close()
    levels = [s.level for s in segments.find(tmp_path).manifest.segments]
    assert levels == sorted(levels, reverse=True)
    assert read.attempts(tmp_path) == (WHOLE, [])


def test_a_study_that_is_being_run_is_left_alone(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.append(WHOLE[:5])
    with pytest.raises(StoreError, match="being run by pid"):
        collect_garbage(tmp_path)
    store.append(WHOLE[5:])
    store.close()
    assert read.attempts(tmp_path) == (WHOLE, [])

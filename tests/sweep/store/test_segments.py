"""Segments and manifest: what is due to be merged, and what happens when a file is damaged or gone."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.store import StoreError, read, record, segments
from sweep.store.disk import Disk
from sweep.store.files import FileStore
from sweep.store.segments import Manifest, Segment
from sweep.trial import Attempt
from tests.sweep.store.history import history
from tests.sweep.values import attempts

WHOLE = list(history(60))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some merged, some not, two in the log."""
    place = tmp_path_factory.mktemp("written")
    store = FileStore(place, seal_every=5)
    for each in WHOLE:
        store.append([each])
    store.close()
    found = segments.find(place).manifest
    assert {s.level for s in found.segments} == {0, 1}
    assert found.attempts < len(WHOLE)
    return place


@pytest.fixture
def place(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written, tmp_path / "store")
    return tmp_path / "store"


def files(place: Path) -> list[Path]:
    return sorted((place / "segments").iterdir())


# -- what is merged ---------------------------------------------------------------------------------


@given(seals=st.lists(st.integers(1, 700), max_size=600))
def test_merging_what_is_due_keeps_segments_few_and_each_attempt_seldom_rewritten(seals: list[int]) -> None:
    manifest = Manifest()
    rewritten = 0
    for number, size in enumerate(seals):
        manifest = manifest.extended(Segment(str(number), 0, size, 1, "x"))
        while run := segments.due(manifest):
            rewritten += len(run)  # in units of the level: every merge takes a seal one level up
            merged = Segment("m", run[0].level + 1, sum(s.attempts for s in run), 1, "x")
            manifest = manifest.replaced(run, merged)
        levels = [s.level for s in manifest.segments]
        assert levels == sorted(levels, reverse=True)
        assert all(levels.count(level) < segments.FANOUT for level in levels)
        # As digits: level k stands for 8^k seals, so a seal has been rewritten at most log8(seals) times.
        assert sum(segments.FANOUT**level for level in levels) == number + 1
    assert manifest.attempts == manifest.sealed == sum(seals)


@settings(max_examples=40)
@given(each=st.lists(attempts(), unique_by=record.key, max_size=8))
def test_rows_are_read_back_as_the_attempts_they_were(each: list[Attempt]) -> None:
    assert record.from_table(record.table(each)) == each
    assert record.table(each).schema == record.SCHEMA


# -- damage -----------------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=40)
def test_a_damaged_segment_is_refused_whichever_byte_it_is(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("damaged") / "store"
    shutil.copytree(written, place)
    path = data.draw(st.sampled_from(files(place)))
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    path.write_bytes(content)
    for look in (FileStore, read.attempts, read.trials_table, lambda p: read.query(p, "from trials")):
        with pytest.raises(StoreError, match=rf"{path.name}: damaged .* restore it from a copy, or"):
            look(place)
    assert path.read_bytes() == content


def test_a_missing_segment_is_said_and_can_be_given_up(place: Path) -> None:
    """By what the message says: its attempts are then measured again."""
    lost = files(place)[-1]
    lost.unlink()
    with pytest.raises(
        StoreError, match=rf"{lost.name}: missing; restore .* 5 attempts measured again, take"
    ):
        FileStore(place)
    manifest = segments.find(place).manifest
    kept = replace(manifest, segments=manifest.segments[:-1])
    segments.write_manifest(place, Disk(), kept)
    lost_ones = WHOLE[kept.attempts : kept.attempts + 5]
    left = [a for a in WHOLE if a not in lost_ones]
    store = FileStore(place, seal_every=1)
    assert store.attempts() == left
    for each in lost_ones:
        store.append([each])
    store.close()
    assert read.attempts(place) == ([*left, *lost_ones], [])


@given(data=st.data())
@settings(max_examples=40)
def test_a_damaged_manifest_is_made_again_or_refused_but_never_believed(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("damaged") / "store"
    shutil.copytree(written, place)
    path = place / segments.MANIFEST
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    path.write_bytes(content)
    try:
        store = FileStore(place)
    except StoreError as error:
        said = str(error)
        assert any(words in said for words in ("schema version", "damaged", "have it made again"))
        return
    assert store.attempts() == WHOLE
    if store.notes():
        assert "made again from" in store.notes()[0]
        assert path.with_name("manifest.json.cut-1").read_bytes() == content
    store.close()
    assert read.attempts(place) == (WHOLE, [])


def test_a_missing_manifest_is_made_again(place: Path) -> None:
    before = segments.find(place).manifest
    (place / segments.MANIFEST).unlink()
    # A merged segment beside the one that took its place, as a crash leaves it, is not counted twice.
    shutil.copy(files(place)[0], place / "segments" / "00000000-00000005.parquet")
    found, notes = read.attempts(place)
    assert found == WHOLE
    assert "missing; made again from" in notes[0]
    store = FileStore(place)
    assert store.attempts() == WHOLE
    assert "missing; made again from" in store.notes()[0]
    store.close()
    assert segments.find(place).manifest == before


def test_a_missing_manifest_is_not_made_again_over_a_gap(place: Path) -> None:
    (place / segments.MANIFEST).unlink()
    files(place)[1].unlink()
    with pytest.raises(StoreError, match="no segment holds attempts 40 to 44; restore it, or that segment"):
        FileStore(place)

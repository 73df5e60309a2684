"""The second home of sealed attempts: a directory, and an S3 server that comes and goes."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs
import pytest
from moto.server import ThreadedMotoServer

from sweep.store import StoreError, read, segments
from sweep.store.files import FileStore
from sweep.store.garbage import collect_garbage
from sweep.trial import Attempt
from tests.sweep.store.history import history

WHOLE = list(history(40))


def append(store: FileStore, attempts: list[Attempt]) -> None:
    for each in attempts:
        store.append([each])


class Server:
    """A real HTTP server with S3's protocol; what it holds outlives its being stopped."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.uri = (
            f"s3://bucket/studies/one?scheme=http&endpoint_override=127.0.0.1:{self._port}&region=us-east-1"
        )
        self.start()
        files, _ = pyarrow.fs.FileSystem.from_uri(f"{self.uri}&allow_bucket_creation=true")
        files.create_dir("bucket")

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    from moto.s3.models import s3_backends

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3_backends.reset()
    server = Server()
    yield server
    server.stop()


@pytest.fixture(params=["file", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return (tmp_path / "archive").as_uri()
    server: Server = request.getfixturevalue("server")
    return server.uri


def listed(uri: str) -> set[str]:
    files, root = pyarrow.fs.FileSystem.from_uri(uri)
    found = files.get_file_info(pyarrow.fs.FileSelector(root, recursive=True))
    return {f.path.removeprefix(f"{root}/") for f in found if f.is_file}


def shown(uri: str) -> str:
    return uri.partition("?")[0]


def expected(place: Path) -> set[str]:
    return {"manifest.json", *(f"segments/{s.name}" for s in segments.find(place).manifest.segments)}


def test_what_is_sealed_is_there_and_restores_elsewhere(uri: str, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "here", archive=uri, seal_every=3)
    append(store, WHOLE[:30])
    (tmp_path / "report.html").write_text("a report")
    store.put_artifact(tmp_path / "report.html")
    assert store.notes() == []
    store.close()
    assert listed(uri) == {*expected(tmp_path / "here"), "artifacts/report.html"}
    sealed = segments.find(tmp_path / "here").manifest.attempts
    assert 24 < sealed <= 30

    there = FileStore(tmp_path / "there", archive=uri, seal_every=3)
    assert there.attempts() == WHOLE[:sealed]
    assert there.notes() == [f"{tmp_path / 'there'}: restored {sealed} sealed attempts from {shown(uri)}"]
    append(there, WHOLE[sealed:])
    there.seal()
    there.close()
    assert listed(uri) == {*expected(tmp_path / "there"), "artifacts/report.html"}
    assert read.attempts(tmp_path / "there") == (WHOLE, [])


def test_the_archive_is_remembered(uri: str, tmp_path: Path) -> None:
    FileStore(tmp_path / "store", archive=uri).close()
    store = FileStore(tmp_path / "store")
    append(store, WHOLE)
    store.seal()
    store.close()
    assert listed(uri) == expected(tmp_path / "store")
    collect_garbage(tmp_path / "store")
    assert listed(uri) == expected(tmp_path / "store")


def test_a_study_can_be_given_an_archive_later(uri: str, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store", seal_every=5)
    append(store, WHOLE)
    store.close()
    FileStore(tmp_path / "store", archive=uri).close()
    assert listed(uri) == expected(tmp_path / "store")


def test_two_directories_do_not_write_to_one_archive(uri: str, tmp_path: Path) -> None:
    first = FileStore(tmp_path / "first", archive=uri)
    append(first, WHOLE[:10])
    first.seal()
    first.close()
    other = FileStore(tmp_path / "other")
    append(other, WHOLE[:1])
    other.close()
    with pytest.raises(StoreError, match="belongs to another directory, and .*other has attempts of its own"):
        FileStore(tmp_path / "other", archive=uri)
    # Restored elsewhere, it goes on there: the first directory notices, and keeps its own.
    second = FileStore(tmp_path / "second", archive=uri)
    append(second, WHOLE[10:20])
    second.seal()
    second.close()
    first = FileStore(tmp_path / "first")
    append(first, WHOLE[30:])
    first.seal()
    first.close()
    assert any("taken over by another directory" in note for note in first.notes())
    assert first.attempts() == [*WHOLE[:10], *WHOLE[30:]]
    assert listed(uri) == expected(tmp_path / "second")


def test_a_damaged_or_missing_segment_comes_from_the_archive(uri: str, tmp_path: Path) -> None:
    place = tmp_path / "store"
    store = FileStore(place, archive=uri, seal_every=10)
    append(store, WHOLE)
    store.close()
    first, second, *_ = sorted((place / "segments").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    store = FileStore(place)
    assert store.attempts() == WHOLE
    assert [
        f"{path}: missing or damaged; restored from {shown(uri)}" for path in (first, second)
    ] == store.notes()
    store.close()


def test_a_directory_that_lost_its_segments_does_not_empty_the_archive(uri: str, tmp_path: Path) -> None:
    place = tmp_path / "store"
    store = FileStore(place, archive=uri, seal_every=10)
    append(store, WHOLE)
    store.close()
    held = listed(uri)
    for damage in ("unreadable", "emptied"):
        if damage == "unreadable":
            (place / segments.MANIFEST).write_text('{"schema_version": 99}')
            with pytest.raises(StoreError, match="schema version 99"):
                FileStore(place)
        else:
            (place / segments.MANIFEST).unlink()
            (place / "attempts.log").write_bytes(b"rcu-sweep attempts 1\n")
            shutil.rmtree(place / "segments")
            store = FileStore(place)
            append(store, WHOLE[:2])
            store.seal()
            store.close()
            assert "nothing is copied, so that none is lost there" in store.notes()[0]
        assert listed(uri) == held


def test_an_archive_that_is_away_stops_nothing_and_catches_up(server: Server, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store", archive=server.uri, seal_every=5)
    append(store, WHOLE[:10])
    store.close()
    before = listed(server.uri)
    server.stop()
    store = FileStore(tmp_path / "store", seal_every=5)
    append(store, WHOLE[10:20])
    (tmp_path / "front.png").write_bytes(b"a picture")
    store.put_artifact(tmp_path / "front.png")
    store.close()
    assert "the sweep goes on, and what is sealed stays here to be copied later" in store.notes()[0]
    assert read.attempts(tmp_path / "store") == (WHOLE[:20], [])
    server.start()
    assert listed(server.uri) == before
    store = FileStore(tmp_path / "store", seal_every=5)
    append(store, WHOLE[20:30])
    server.stop()
    append(store, WHOLE[30:])
    (tmp_path / "report.md").write_text("a report")
    store.put_artifact(tmp_path / "report.md")
    server.start()
    store.close()
    assert listed(server.uri) == {*expected(tmp_path / "store"), "artifacts/report.md"}
    shutil.rmtree(tmp_path / "store")
    again = FileStore(tmp_path / "store", archive=server.uri)
    sealed = len(again.attempts())
    assert again.attempts() == WHOLE[:sealed]
    assert sealed >= 35
    again.close()


def test_an_archive_must_be_within_reach_when_it_is_first_used(server: Server, tmp_path: Path) -> None:
    server.stop()
    try:
        with pytest.raises(StoreError, match="must be within reach when it is first used"):
            FileStore(tmp_path / "store", archive=server.uri)
        assert not (tmp_path / "store" / "attempts.log").exists()
    finally:
        server.start()
    FileStore(tmp_path / "store", archive=server.uri).close()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nonsense", "expected such as s3://bucket/prefix"),
        ("zip://somewhere", "expected such as s3://bucket/prefix"),
        ("s3://", "expected such as s3://bucket/prefix"),
        ("s3://bucket?region=x&colour=red", "unknown option .*colour.*expected such as"),
        ("file:///proc/nowhere", "must be within reach"),
    ],
)
def test_a_place_that_is_none_is_said(tmp_path: Path, uri: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        FileStore(tmp_path / "store", archive=uri)


def test_credentials_are_not_shown(tmp_path: Path, server: Server) -> None:
    uri = server.uri.replace("s3://", "s3://somebody:hidden@")
    store = FileStore(tmp_path / "store", archive=uri, seal_every=1)
    server.stop()
    append(store, WHOLE[:1])
    store.close()
    server.start()
    assert store.notes()
    assert not any("hidden" in note for note in store.notes())
    path = tmp_path / "store" / "archive.json"
    assert path.stat().st_mode & 0o077 == 0
    assert "hidden" in json.loads(path.read_text())["uri"]

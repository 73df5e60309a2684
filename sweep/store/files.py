"""A study's store as a directory: an append log, and Parquet segments named by a manifest.

`attempts.log`     a header line, then records (length, CRC-32, payload), each fsynced
`attempts.log.cut` what was last cut off its end on opening, if anything was
`segments/N.parquet`  sealed attempts, never changed
`manifest.json`    which segments count; replaced in one rename
`lock`             held (flock) by the one writer; its pid and host

Sealing writes the segment, then the manifest, then a new log. A crash in between leaves records both in
the segment and in the log: on opening, those of the log that a segment has are passed over.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.store import record
from sweep.store.port import Store, StoreError
from sweep.trial import Attempt

_HEADER: Final = f"rcu-sweep attempts {record.SCHEMA_VERSION}\n".encode()
SEAL_EVERY: Final = 500
COMPACT_ABOVE: Final = 8


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all: write beside it, fsync, rename, fsync the directory."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    _sync_directory(path.parent)


class FileStore(Store):
    """The store of one study in `directory`, which is made if it is missing."""

    def __init__(self, directory: Path, *, seal_every: int = SEAL_EVERY, read_only: bool = False) -> None:
        """Raises StoreError if another process is writing, or a file is not this version's."""
        self.directory = directory
        self._seal_every = seal_every
        self._notes: list[str] = []
        self._log: IO[bytes] | None = None
        self._lock: IO[str] | None = None
        try:
            if not read_only:
                (directory / "segments").mkdir(parents=True, exist_ok=True)
                self._lock = self._take_lock()
            self._segments = self._read_manifest()
            self._sealed = [a for name in self._segments for a in self._read_segment(name)]
            known = {_key(a) for a in self._sealed}
            self._logged = [a for a in self._read_log(read_only) if _key(a) not in known]
        except OSError as error:
            self.close()
            raise StoreError(f"{directory}: {error.strerror}; choose another place with --store") from error
        except StoreError:
            self.close()
            raise
        self._known = known | {_key(a) for a in self._logged}

    # -- the port --

    def append(self, attempts: Sequence[Attempt]) -> None:
        if self._log is None:
            raise StoreError(f"{self.directory}: the store is not open for writing")
        keys = [_key(a) for a in attempts]
        if len(set(keys)) < len(keys) or not self._known.isdisjoint(keys):
            raise StoreError(f"{self.directory}: an attempt is there already: {keys}")
        start = self._log.tell()
        try:
            self._log.write(b"".join(record.frame(a) for a in attempts))
            self._log.flush()
            os.fsync(self._log.fileno())
        except OSError as error:
            self._undo(start)
            raise StoreError(
                f"{self._log_path}: {error.strerror}; nothing of what was there is lost"
            ) from error
        self._known.update(keys)
        self._logged.extend(attempts)
        if len(self._logged) >= self._seal_every:
            self.seal()

    def attempts(self) -> list[Attempt]:
        return [*self._sealed, *self._logged]

    def seal(self) -> None:
        if not self._logged:
            return
        try:
            self._write_segments([*self._segments, self._write_segment(self._logged)])
            self._sealed.extend(self._logged)
            self._logged = []
            self._new_log()
            if len(self._segments) > COMPACT_ABOVE:
                self._compact()
        except OSError as error:
            raise StoreError(
                f"{self.directory}: {error.strerror}; the log still has every attempt"
            ) from error

    def notes(self) -> list[str]:
        return list(self._notes)

    def close(self) -> None:
        for file in (self._log, self._lock):
            if file is not None:
                file.close()
        self._log = self._lock = None

    def table(self) -> pa.Table:
        """Every attempt's rows, with the columns of `record.SCHEMA`."""
        return record.table(self.attempts())

    # -- the log --

    @property
    def _log_path(self) -> Path:
        return self.directory / "attempts.log"

    @property
    def _cut_path(self) -> Path:
        return self.directory / "attempts.log.cut"

    def _read_log(self, read_only: bool) -> list[Attempt]:
        data = self._log_path.read_bytes() if self._log_path.exists() else b""
        if data and not data.startswith(_HEADER) and not _HEADER.startswith(data):
            raise StoreError(
                f"{self._log_path}: not a log of schema version {record.SCHEMA_VERSION}; "
                "it was written by another version of this program"
            )
        body = data[len(_HEADER) :]
        found = list(record.unframe(body))
        end = found[-1][1] if found else 0
        if len(body) > end:
            self._notes.append(
                f"{self._log_path}: cut off {len(body) - end} bytes of a torn or damaged record"
                + ("" if read_only else f", kept in {self._cut_path.name}")
            )
        if not read_only:
            if len(body) > end:
                _replace(self._cut_path, body[end:])
            if len(data) < len(_HEADER):
                _replace(self._log_path, _HEADER)
            self._log = self._log_path.open("r+b")
            self._log.truncate(len(_HEADER) + end)
            os.fsync(self._log.fileno())
            self._log.seek(0, os.SEEK_END)
        return [attempt for attempt, _ in found]

    def _undo(self, size: int) -> None:
        """After a failed write: the log as it was before."""
        assert self._log is not None
        with contextlib.suppress(OSError):  # what its buffer held did not fit
            self._log.close()
        self._log = self._log_path.open("r+b")
        self._log.truncate(size)
        self._log.seek(size)

    def _new_log(self) -> None:
        if self._log is not None:
            self._log.close()
        _replace(self._log_path, _HEADER)
        self._log = self._log_path.open("r+b")
        self._log.seek(0, os.SEEK_END)

    # -- segments --

    def _read_manifest(self) -> list[str]:
        path = self.directory / "manifest.json"
        if not path.exists():
            return []
        try:
            manifest: dict[str, Any] = json.loads(path.read_bytes())
            version, names = manifest["schema_version"], [str(name) for name in manifest["segments"]]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: damaged ({error}); restore it from a copy") from error
        if version != record.SCHEMA_VERSION:
            raise StoreError(f"{path}: schema version {version}, expected {record.SCHEMA_VERSION}")
        return names

    def _read_segment(self, name: str) -> list[Attempt]:
        path = self.directory / "segments" / name
        try:
            return record.from_rows(pq.read_table(path, schema=record.SCHEMA).to_pylist())
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: cannot be read ({error}); restore it from a copy") from error

    def _write_segment(self, attempts: Sequence[Attempt]) -> str:
        numbers = (int(p.stem) for p in (self.directory / "segments").glob("*.parquet") if p.stem.isdigit())
        name = f"{max(numbers, default=-1) + 1:06d}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(record.table(attempts), sink, compression="zstd")
        _replace(self.directory / "segments" / name, sink.getvalue().to_pybytes())
        return name

    def _write_segments(self, names: list[str]) -> None:
        manifest = {"schema_version": record.SCHEMA_VERSION, "segments": names}
        _replace(self.directory / "manifest.json", json.dumps(manifest, indent=1).encode())
        self._segments = names

    def _compact(self) -> None:
        """All segments as one; the old files go once the manifest no longer names them."""
        old = self._segments
        self._write_segments([self._write_segment(self._sealed)])
        for name in old:
            (self.directory / "segments" / name).unlink(missing_ok=True)

    # -- the lock --

    def _take_lock(self) -> IO[str]:
        file = (self.directory / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise StoreError(f"{self.directory}: this study is being run by {owner}") from error
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        return file


def _key(attempt: Attempt) -> tuple[int, int]:
    return attempt.trial.number, attempt.number

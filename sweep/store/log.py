"""The append log: a header line, then records that were each fsynced before anybody was told.

    rcu-sweep attempts VERSION from SEALED CRC\\n
    MAGIC  length  CRC-32 of the payload  payload        (12 bytes, then ASCII text; little-endian)

SEALED is how many attempts the segments held when this log was begun. MAGIC cannot occur in a payload,
so reading finds the next record behind a damaged stretch: what is intact counts, wherever it stands.
"""

from __future__ import annotations

import contextlib
import json
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from sweep.store import record
from sweep.store.disk import Disk
from sweep.store.port import StoreError
from sweep.trial import Attempt

NAME: Final = "attempts.log"
MAGIC: Final = b"\xf5\xe2\xa7\n"  # never in ASCII, nor in UTF-8
_FRAME: Final = struct.Struct("<4sII")
_FRAME_1: Final = struct.Struct("<II")
_HEADER: Final = re.compile(rb"rcu-sweep attempts (\d+) from (\d+) ([0-9a-f]{8})\n")
_HEADER_1: Final = b"rcu-sweep attempts 1\n"
_FIRST_WORDS: Final = b"rcu-sweep attempts "


@dataclass(frozen=True, slots=True)
class Contents:
    """What a log file says."""

    version: int
    sealed: int  # how many attempts the segments must hold; 0 where the log does not tell
    attempts: list[Attempt]  # intact, in order, each once
    damaged: list[bytes]  # stretches that are no record, in order
    size_bytes: int

    @property
    def damaged_bytes(self) -> int:
        return sum(map(len, self.damaged))

    def goes_on(self, sealed: int, attempts: int) -> bool:
        """Whether it may be appended to as it stands, for these segments and so many attempts of its own."""
        as_begun = self.version == record.SCHEMA_VERSION and self.sealed == sealed and self.size_bytes > 0
        return as_begun and not self.damaged and len(self.attempts) == attempts


EMPTY: Final = Contents(record.SCHEMA_VERSION, 0, [], [], 0)


def read(path: Path) -> Contents:
    """Everything intact in the log at `path`; nothing where there is none.

    Raises StoreError for the log of a newer version, or a file that never was a log; OSError.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return EMPTY
    if data.startswith(_HEADER_1):
        return _read_1(data)
    header = _HEADER.match(data)
    if header and int(header[3], 16) == zlib.crc32(data[: header.end(2)]):
        version, sealed, start = int(header[1]), int(header[2]), header.end()
    else:  # damaged, or not ours
        version, sealed, start = record.SCHEMA_VERSION, 0, 0
    if version > record.SCHEMA_VERSION:
        raise StoreError(
            f"{path}: schema version {version}, newer than this program's {record.SCHEMA_VERSION}; "
            "use the version that wrote it"
        )
    pieces = list(_pieces(data, start))
    found = [p for p in pieces if isinstance(p, Attempt)]
    damaged = [p for p in pieces if isinstance(p, bytes)]
    torn_header = data[: len(_FIRST_WORDS)] == _FIRST_WORDS[: len(data)] and b"\n" not in data
    if start == 0 and not found and not torn_header:
        raise StoreError(
            f"{path}: not a log of this program, or of another version; move it away or choose another "
            "place with --store"
        )
    return Contents(version, sealed, _once(found), damaged, len(data))


def _pieces(data: bytes, at: int) -> Iterator[Attempt | bytes]:
    """Intact records as attempts, and what lies between them as bytes."""
    lost_from = at
    while (at := data.find(MAGIC, at)) >= 0:
        if (parsed := _record(data, at)) is None:
            at += 1
            continue
        attempt, end = parsed
        if lost_from < at:
            yield data[lost_from:at]
        yield attempt
        at = lost_from = end
    if lost_from < len(data):
        yield data[lost_from:]


def _record(data: bytes, at: int) -> tuple[Attempt, int] | None:
    """The record that starts there and where it ends, if it is intact."""
    if at + _FRAME.size > len(data):
        return None
    _, length, checksum = _FRAME.unpack_from(data, at)
    start, end = at + _FRAME.size, at + _FRAME.size + length
    if end > len(data) or zlib.crc32(content := data[start:end]) != checksum:
        return None
    try:
        return record.from_payload(content), end
    except (ValueError, TypeError):
        return None


def _read_1(data: bytes) -> Contents:
    """Version 1: records without MAGIC, so nothing is found behind the first damage."""
    at, found = len(_HEADER_1), []
    while at + _FRAME_1.size <= len(data):
        length, checksum = _FRAME_1.unpack_from(data, at)
        content = data[at + _FRAME_1.size : at + _FRAME_1.size + length]
        if not length or len(content) != length or zlib.crc32(content) != checksum:
            break
        found += record.from_rows(json.loads(content))
        at += _FRAME_1.size + length
    return Contents(1, 0, _once(found), [data[at:]] if at < len(data) else [], len(data))


def _once(attempts: list[Attempt]) -> list[Attempt]:
    first: dict[record.Key, Attempt] = {}
    for attempt in attempts:
        first.setdefault(record.key(attempt), attempt)
    return list(first.values())


def _framed(attempts: Sequence[Attempt]) -> bytes:
    payloads = map(record.payload, attempts)
    return b"".join(_FRAME.pack(MAGIC, len(p), zlib.crc32(p)) + p for p in payloads)


class Log:
    """The log, open for appending."""

    def __init__(self, path: Path, disk: Disk, size_bytes: int) -> None:
        """At an intact log of this version and that size. Raises OSError."""
        self._path, self._disk = path, disk
        self._size_bytes = size_bytes
        self._file: BinaryIO = disk.open(path, "r+b")
        self._file.seek(size_bytes)
        self._torn = False

    @classmethod
    def begin(cls, path: Path, disk: Disk, sealed: int, attempts: Sequence[Attempt] = ()) -> Log:
        """A new log with these attempts, in place of what was there in one step. Raises OSError."""
        head = _FIRST_WORDS + f"{record.SCHEMA_VERSION} from {sealed}".encode()
        data = head + f" {zlib.crc32(head):08x}\n".encode() + _framed(attempts)
        disk.replace(path, data)
        return cls(path, disk, len(data))

    def append(self, attempts: Sequence[Attempt]) -> None:
        """All of them, durable. Raises OSError, and then keeps none of them."""
        data = _framed(attempts)
        try:
            self._mend()
            self._torn = True
            self._disk.write(self._file, data)
            self._disk.sync(self._file)
            self._torn = False
        except OSError:
            with contextlib.suppress(OSError):  # or else before the next append
                self._mend()
            raise
        self._size_bytes += len(data)

    def _mend(self) -> None:
        """Take away what a failed write has left."""
        if self._torn:
            self._disk.truncate(self._file, self._size_bytes)
            self._disk.sync(self._file)
            self._torn = False

    def close(self) -> None:
        self._file.close()

"""Sealed attempts: immutable Parquet files, and the manifest that says which of them count.

A segment is named by its attempts' places in the order of sealing, FIRST-END. Eight neighbours of one
level are merged into one of the next (a log-structured merge), so an attempt is rewritten once per level and
there are at most seven segments of a level.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.store import record
from sweep.store.disk import TEMPORARY, Disk
from sweep.store.port import StoreError

DIRECTORY: Final = "segments"
MANIFEST: Final = "manifest.json"
FANOUT: Final = 8
ROW_GROUP_ROWS: Final = 1 << 16
_NAME: Final = re.compile(r"(\d+)-(\d+)\.parquet")
_LEVEL: Final = b"level"


class DamagedError(Exception):
    """A file that is not what it was when it was written."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file, as it was when it was written."""

    name: str
    level: int  # how many merges its attempts have been through
    attempts: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The segments that count, oldest first.

    sealed: how many attempts were ever sealed; more than there are where a person gave a segment up.
    """

    segments: tuple[Segment, ...] = ()
    sealed: int = 0

    @property
    def attempts(self) -> int:
        return sum(s.attempts for s in self.segments)

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "schema_version": record.SCHEMA_VERSION,
            "sealed": self.sealed,
            "segments": [asdict(s) for s in self.segments],
        }

    def extended(self, new: Segment) -> Manifest:
        """With `new` as the latest."""
        return Manifest((*self.segments, new), self.sealed + new.attempts)

    def replaced(self, old: Sequence[Segment], new: Segment) -> Manifest:
        """With `new` in the place of `old`, which stand side by side."""
        at = self.segments.index(old[0])
        return Manifest((*self.segments[:at], new, *self.segments[at + len(old) :]), self.sealed)


def parse(text: bytes, place: str) -> Manifest:
    """Raises StoreError for the manifest of a newer version, DamagedError for what is none."""
    try:
        document = json.loads(text)
        version = int(document["schema_version"])
        if version > record.SCHEMA_VERSION:
            raise StoreError(
                f"{place}: schema version {version}, newer than this program's {record.SCHEMA_VERSION}; "
                "use the version that wrote it"
            )
        if version == 1:
            return Manifest(tuple(Segment(str(name), 0, 0, 0, "") for name in document["segments"]))
        found = Manifest(tuple(Segment(**entry) for entry in document["segments"]), int(document["sealed"]))
        if any(_span(s)[1] > found.sealed for s in found.segments):
            raise ValueError("more attempts in the segments than were sealed")
        if any(
            type(v) is not t for s in found.segments for v, t in zip(asdict(s).values(), _TYPES, strict=True)
        ):
            raise TypeError("a value of another type")
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{place}: damaged ({error})") from error


_TYPES: Final = (str, int, int, int, str)


def _span(segment: Segment) -> tuple[int, int]:
    """From where to where it reaches. Raises ValueError if its name does not tell."""
    if not (named := _NAME.fullmatch(segment.name)):
        raise ValueError(f"{segment.name}: expected FIRST-END.parquet")
    return int(named[1]), int(named[2])


def write_manifest(directory: Path, disk: Disk, manifest: Manifest) -> None:
    """From here on these segments count. Raises OSError, and then the old ones do."""
    disk.replace(directory / MANIFEST, json.dumps(manifest.document(), indent=1).encode())


@dataclass(frozen=True, slots=True)
class Found:
    """A directory's manifest, which version wrote it, and what there is to say if it had to be made again."""

    manifest: Manifest
    version: int = record.SCHEMA_VERSION
    remade: str = ""


def find(directory: Path) -> Found:
    """The segments that count.

    A manifest that is missing or damaged is made again from the segments' names, if they leave no gap.
    Raises StoreError if they do, or for a newer version; OSError.
    """
    path = directory / MANIFEST
    try:
        manifest = parse(path.read_bytes(), str(path))
    except FileNotFoundError:
        why = "missing"
    except DamagedError as error:
        why = str(error).removeprefix(f"{path}: ")
    else:
        if all(s.sha256 for s in manifest.segments):
            return Found(manifest)
        old = tuple(_described(directory / DIRECTORY / s.name) for s in manifest.segments)
        return Found(Manifest(old, sum(s.attempts for s in old)), 1)
    manifest = _rebuilt(directory)
    made = (
        f"{path}: {why}; made again from {len(manifest.segments)} segments with {manifest.attempts} attempts"
    )
    return Found(manifest, remade=made if manifest.segments or why != "missing" else "")


def _rebuilt(directory: Path) -> Manifest:
    """Of the segments that are there, the widest that follow each other from the first attempt on."""
    spans: dict[int, tuple[int, Path]] = {}
    for path in (directory / DIRECTORY).glob("*.parquet"):
        if named := _NAME.fullmatch(path.name):
            spans[int(named[1])] = max(spans.get(int(named[1]), (0, path)), (int(named[2]), path))
        elif path.stem.isdigit():
            raise StoreError(
                f"{directory / MANIFEST}: missing or damaged, and the segments are of schema version 1, which does "
                "not tell their order; restore it from a copy"
            )
    at, found = 0, []
    while at in spans:
        at, path = spans[at]
        found.append(_described(path))
    if beyond := sorted(first for first in spans if first > at):
        raise StoreError(
            f"{directory / MANIFEST}: missing or damaged, and no segment holds attempts {at} to "
            f"{beyond[0] - 1}; restore it, or that segment, from a copy"
        )
    return Manifest(tuple(found), at)


# -- reading ------------------------------------------------------------------------------------


def stream(directory: Path, segment: Segment, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a segment, one row group at a time, as they were when it was written.

    Raises StoreError if they are not; OSError.
    """
    path = directory / DIRECTORY / segment.name
    mend = (
        f"restore it from a copy, or, to have its {segment.attempts} attempts measured again, take its entry "
        f"out of {directory / MANIFEST}"
    )
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != segment.sha256:
                raise StoreError(f"{path}: damaged (not what was written); {mend}")
            with pq.ParquetFile(file) as parquet:
                for group in range(parquet.num_row_groups):
                    rows = parquet.read_row_group(group, columns).replace_schema_metadata(None)
                    yield rows if columns else record.conformed(rows)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; {mend}") from error
    except pa.ArrowException as error:
        raise StoreError(f"{path}: cannot be read ({error}); {mend}") from error


def keys(directory: Path, segment: Segment) -> list[record.Key]:
    """What its attempts are known by. Raises as `stream`."""
    return [key for group in stream(directory, segment, ["trial", "attempt"]) for key in _distinct(group)]


def _distinct(rows: pa.Table) -> list[record.Key]:
    columns: Iterator[list[Any]] = (rows.column(name).to_pylist() for name in ("trial", "attempt"))
    return list(dict.fromkeys(zip(*columns, strict=True)))


def _described(path: Path) -> Segment:
    """A file that is believed as it stands. Raises StoreError if it cannot be read; OSError."""
    try:
        data = path.read_bytes()
        rows = pq.ParquetFile(pa.BufferReader(data)).read(["trial", "attempt"])
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; restore it from a copy") from error
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: cannot be read ({error}); restore it from a copy") from error
    level = int((rows.schema.metadata or {}).get(_LEVEL, b"0"))
    return Segment(path.name, level, len(_distinct(rows)), len(data), hashlib.sha256(data).hexdigest())


# -- writing ------------------------------------------------------------------------------------


def write(
    directory: Path, disk: Disk, span: tuple[int, int], attempts: int, level: int, rows: Iterator[pa.Table]
) -> Segment:
    """A new file with these rows; it counts when a manifest names it. Raises OSError."""
    name = f"{span[0]:08d}-{span[1]:08d}.parquet"
    schema = record.SCHEMA.with_metadata({_LEVEL: str(level).encode()})
    with disk.new(directory / DIRECTORY / name) as sink:
        with pq.ParquetWriter(pa.PythonFile(sink), schema, compression="zstd") as writer:
            for group in rows:
                writer.write_table(group.cast(schema))
        return Segment(name, level, attempts, sink.size_bytes, sink.sha256)


def due(manifest: Manifest) -> list[Segment]:
    """The segments to merge next; none if there are few enough."""
    for _, run in groupby(manifest.segments, key=lambda s: s.level):
        if len(same := list(run)) >= FANOUT:
            return same
    return []


def merge(directory: Path, disk: Disk, old: Sequence[Segment], level: int) -> Segment:
    """One file with the rows of neighbours, read one after the other. Raises StoreError, OSError."""
    attempts = sum(s.attempts for s in old)
    try:
        span = _span(old[0])[0], _span(old[-1])[1]
    except ValueError:  # of version 1, which is merged whole
        span = 0, attempts
    groups = (group for segment in old for group in stream(directory, segment))
    return write(directory, disk, span, attempts, level, _regrouped(groups))


def _regrouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in groups of at least ROW_GROUP_ROWS, but for the last."""
    held: list[pa.Table] = []
    for each in tables:
        held.append(each)
        if sum(t.num_rows for t in held) >= ROW_GROUP_ROWS:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def unnamed(directory: Path, manifest: Manifest) -> list[Path]:
    """Files that no reader will ever look at: merged or never finished."""
    named = {s.name for s in manifest.segments}
    segments = (p for p in (directory / DIRECTORY).glob("*.parquet") if p.name not in named)
    return sorted(
        [*segments, *directory.glob(f"*{TEMPORARY}"), *(directory / DIRECTORY).glob(f"*{TEMPORARY}")]
    )

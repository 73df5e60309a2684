"""Merging a study's segments into one, and clearing away what a crash has left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sweep.store import log, segments
from sweep.store.files import FileStore


@dataclass(frozen=True, slots=True)
class Garbage:
    """What a collection did. Bytes that were cut off a damaged log (`*.cut-N`) are never taken away."""

    attempts: int
    segments_before: int
    segments_after: int
    freed_bytes: int  # of the log and the segments; less than 0 where the log's attempts had not been sealed


def collect_garbage(directory: Path) -> Garbage:
    """Seal, merge everything into one segment, delete what no manifest names, here and in the archive.

    Raises StoreError if the study is being run, or the store cannot be read or written.
    """
    before = _size_bytes(directory)
    count = len(list((directory / segments.DIRECTORY).glob("*.parquet")))
    store = FileStore(directory)
    try:
        store.compact()
    finally:
        store.close()
    manifest = segments.find(directory).manifest
    return Garbage(manifest.attempts, count, len(manifest.segments), before - _size_bytes(directory))


def _size_bytes(directory: Path) -> int:
    """Of what `collect_garbage` may change."""
    ours = [directory / log.NAME, *directory.glob("*.tmp"), *(directory / segments.DIRECTORY).glob("*")]
    return sum(path.stat().st_size for path in ours if path.is_file())

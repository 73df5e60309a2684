"""Every change that a store makes to its files, one method per step.

Nothing else in the package writes, so a disk that fails, tears or dies at any one step is a subclass of
a few lines; the tests have several.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final

TEMPORARY: Final = ".tmp"
"""What the name of a file ends in that is not whole yet, or never became so."""


class Disk:
    """The real one. Every method raises OSError as the system does."""

    def open(self, path: Path, mode: str) -> BinaryIO:
        """Without a buffer of its own: what was written is the system's."""
        return open(path, mode, buffering=0)  # type: ignore[return-value]

    def write(self, file: BinaryIO, data: bytes) -> None:
        """All of `data`."""
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]

    def sync(self, file: BinaryIO) -> None:
        """What was written survives a loss of power."""
        os.fsync(file.fileno())

    def truncate(self, file: BinaryIO, size: int) -> None:
        """Cut the file to `size` bytes; what is written next goes there."""
        file.truncate(size)
        file.seek(size)

    def rename(self, source: Path, target: Path) -> None:
        """In one step, in place of what was there."""
        source.rename(target)

    def sync_directory(self, path: Path) -> None:
        """Names that were made or taken away in it survive a loss of power."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """The file, if it is there."""
        path.unlink(missing_ok=True)

    # -- made of these --

    @contextlib.contextmanager
    def new(self, path: Path) -> Iterator[Sink]:
        """A file that stands at `path` whole at the end, or not at all: written beside it, synced, renamed."""
        temporary = path.with_name(path.name + TEMPORARY)
        try:
            with self.open(temporary, "wb") as file:
                yield Sink(self, file)
                self.sync(file)
            self.rename(temporary, path)
            self.sync_directory(path.parent)
        except Exception:
            with contextlib.suppress(OSError):
                self.remove(temporary)
            raise

    def replace(self, path: Path, data: bytes) -> None:
        """`data` stands at `path`, whole or not at all."""
        with self.new(path) as sink:
            sink.write(data)

    def keep_aside(self, path: Path, pieces: Sequence[bytes]) -> list[str]:
        """Each piece in a file of its own beside `path`, none in place of another; their names."""
        names: list[str] = []
        free = (p for n in count(1) if not (p := path.with_name(f"{path.name}.cut-{n}")).exists())
        for piece, target in zip(pieces, free, strict=False):
            self.replace(target, piece)
            names.append(target.name)
        return names


class Sink(io.RawIOBase):
    """A file being written from its start to its end, with the size and SHA-256 of what it got."""

    def __init__(self, disk: Disk, file: BinaryIO) -> None:
        self._disk, self._file = disk, file
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._disk.write(self._file, content)
        self._hash.update(content)
        self.size_bytes += len(content)
        return len(content)

    def tell(self) -> int:
        return self.size_bytes

    def writable(self) -> bool:
        return True

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()

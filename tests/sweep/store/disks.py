"""Disks that stop in the middle."""

import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sweep.store.disk import Disk


class SteppingDisk(Disk):
    """Asks `due` before each step, in which part of the work it is; the step at which it says so is half done
    or done, and then the end comes, by `end`."""

    def __init__(self, due: Callable[[str], bool], end: Callable[[], None], dice: random.Random) -> None:
        self._due, self._end, self._dice = due, end, dice

    def _step(self, path: Path, action: Callable[[], None]) -> None:
        if self._due(part(path)):
            if self._dice.random() < 0.5:
                action()
            self._end()
        action()

    def write(self, file: BinaryIO, data: bytes) -> None:
        if self._due(part(Path(file.name))):
            super().write(file, data[: self._dice.randint(0, len(data))])
            self._end()
        super().write(file, data)

    def sync(self, file: BinaryIO) -> None:
        self._step(Path(file.name), lambda: Disk.sync(self, file))

    def truncate(self, file: BinaryIO, size: int) -> None:
        self._step(Path(file.name), lambda: Disk.truncate(self, file, size))

    def rename(self, source: Path, target: Path) -> None:
        self._step(target, lambda: Disk.rename(self, source, target))

    def sync_directory(self, path: Path) -> None:
        self._step(path / "x", lambda: Disk.sync_directory(self, path))

    def remove(self, path: Path) -> None:
        self._step(path, lambda: Disk.remove(self, path))


def part(path: Path) -> str:
    """Which part of the store's work a step on this file belongs to."""
    if threading.current_thread() is not threading.main_thread():
        return "compaction"
    return "log" if path.name == "attempts.log" else "seal"


def killing_disk(where: str, after: int, seed: int) -> SteppingDisk:
    """Ends its process by SIGKILL at the step number `after` of that part."""
    left = iter(range(after))
    return SteppingDisk(
        lambda part: part == where and next(left, None) is None,
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        random.Random(seed),
    )


class PowerCut(BaseException):
    """Nothing more is written."""


class VolatileDisk(SteppingDisk):
    """Loses power after so many steps, and with it, as it pleases, whatever was not synced: ends of files,
    names made, taken away or changed. `lose` puts the files into such a state."""

    def __init__(self, steps: int, seed: int) -> None:
        self._left = steps
        self._turn = threading.RLock()
        self._synced: dict[str, bytes] = {}  # what is safe of files that were changed since
        self._undo: dict[Path, list[Callable[[], None]]] = {}  # by directory
        super().__init__(self._is_over, self._cut, random.Random(seed))

    def _is_over(self, part: str) -> bool:
        self._left -= 1
        return self._left < 0

    def _cut(self) -> None:
        raise PowerCut

    def open(self, path: Path, mode: str) -> BinaryIO:
        if mode == "wb":
            self._synced[str(path)] = b""
        return super().open(path, mode)

    def write(self, file: BinaryIO, data: bytes) -> None:
        with self._turn:
            self._synced.setdefault(file.name, Path(file.name).read_bytes())
            super().write(file, data)

    def truncate(self, file: BinaryIO, size: int) -> None:
        with self._turn:
            self._synced.setdefault(file.name, Path(file.name).read_bytes())
            super().truncate(file, size)

    def sync(self, file: BinaryIO) -> None:
        with self._turn:
            super().sync(file)
            self._synced.pop(file.name, None)

    def rename(self, source: Path, target: Path) -> None:
        with self._turn:
            before = target.read_bytes() if target.exists() else None

            def undo() -> None:
                content = target.read_bytes()
                source.write_bytes(content)
                target.unlink() if before is None else target.write_bytes(before)

            self._undo.setdefault(target.parent, []).append(undo)
            try:
                super().rename(source, target)
            finally:
                if source.exists():  # it did not come to it
                    self._undo[target.parent].pop()
            unsynced = self._synced.pop(str(source), None)
            if unsynced is not None:
                self._synced[str(target)] = unsynced

    def remove(self, path: Path) -> None:
        with self._turn:
            if path.exists():
                content = path.read_bytes()
                self._undo.setdefault(path.parent, []).append(lambda: path.write_bytes(content) and None)
            super().remove(path)

    def sync_directory(self, path: Path) -> None:
        with self._turn:
            super().sync_directory(path)
            self._undo.pop(path, None)

    def lose(self) -> None:
        for name, safe in self._synced.items():
            with suppress(FileNotFoundError):
                now = Path(name).read_bytes()
                kept = now[: self._dice.randint(len(safe), len(now))] if now.startswith(safe) else safe
                zeros = bytes(self._dice.choice([0, 0, len(now) - len(kept)]) if len(kept) < len(now) else 0)
                Path(name).write_bytes(kept + zeros)
        for undos in self._undo.values():
            for undo in undos[self._dice.randint(0, len(undos)) :][::-1]:
                undo()

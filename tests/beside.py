"""What the processes of one run of the tests share (`pytest -n`): who may run, and what is made only once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SHARED = "SWEEP_TESTS_SHARED"
"""Environment variable: a directory for all of them; unset where there is one process."""


@contextmanager
def locked(name: str, how: int = fcntl.LOCK_EX) -> Iterator[Path | None]:
    """While it is held, no other process has the lock of that name in another way than shared. With the
    directory that they share; without waiting, and without one, where there is one process."""
    if SHARED not in os.environ:
        yield None
        return
    shared = Path(os.environ[SHARED])
    with (shared / f"{name}.lock").open("w") as file:
        fcntl.flock(file, how)
        yield shared


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Of a test: beside others, or alone. Nobody goes in while somebody waits to be alone."""
    with ExitStack() as door, ExitStack() as room:
        door.enter_context(locked("door"))
        room.enter_context(locked("room", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        door.close()
        yield


class Turns:
    """Of the tests of one process, one after another."""

    def __init__(self) -> None:
        self._taken = ExitStack()
        self._kept = False

    @contextmanager
    def turn(self, *, alone: bool, more: bool) -> Iterator[None]:
        """more: the next one is alone too, so that the turn goes on to it."""
        if not self._kept:
            self._taken.enter_context(turn(alone=alone))
        self._kept = alone and more
        try:
            yield
        finally:
            if not self._kept:
                self._taken.close()


def made_once(place: Path, make: Callable[[Path], object]) -> Path:
    """A directory that `make` has filled, by the first process that needs it; to be read only.

    place: an empty directory, by whose name the others know it; what is made where there is one process.
    """
    with locked(place.name) as shared:
        if shared is None:
            make(place)
            return place
        done = shared / place.name
        if not done.exists():
            making = shared / f"{place.name}.part"
            making.mkdir()
            make(making)
            making.rename(done)
        return done

"""What every store promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from sweep.trial import Attempt


class StoreError(RuntimeError):
    """The store cannot be read or written; the message says which file and how to mend it."""


class Store(ABC):
    """Remembers attempts.

    * What `append` has returned from is there after any crash, complete and once.
    * An attempt is known by (trial number, attempt number); appending one that is there is refused.
    * Attempts come back in the order in which they were appended, equal to what was given.
    * One writer at a time; any number of readers.
    """

    @abstractmethod
    def append(self, attempts: Sequence[Attempt]) -> None:
        """Keep these. Raises StoreError if one is there already or the medium fails."""

    @abstractmethod
    def attempts(self) -> list[Attempt]:
        """All that were appended, oldest first."""

    @abstractmethod
    def seal(self) -> None:
        """Move what is in the log into an immutable segment. Changes nothing that a reader sees."""

    @abstractmethod
    def notes(self) -> list[str]:
        """What had to be mended on opening (a torn tail that was cut off), for people."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and of the lock; may be called twice."""

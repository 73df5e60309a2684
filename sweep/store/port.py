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
    * An `append` that raises has kept nothing of what it was given; what was there before stays, and
      appending may go on when the cause is gone.
    * The cost of an append depends on what is appended, not on what is there.
    * One writer at a time; any number of readers.
    """

    @abstractmethod
    def append(self, attempts: Sequence[Attempt]) -> None:
        """Keep these. Raises StoreError if one is there already or the medium fails."""

    @abstractmethod
    def attempts(self) -> list[Attempt]:
        """All that were appended, oldest first. Raises StoreError if the medium fails."""

    @abstractmethod
    def seal(self) -> None:
        """Move what is in the log into an immutable segment. Changes nothing that a reader sees.
        Raises StoreError if the medium fails; nothing is lost then."""

    @abstractmethod
    def notes(self) -> list[str]:
        """For people: what had to be mended on opening (a torn tail that was cut off), and what could not
        be done since and will be tried again (an archive that is away)."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and of the lock; may be called twice."""

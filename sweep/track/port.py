"""What every tracker promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweep.standing import Standing


class Tracker(ABC):
    """Shows a study while it runs and afterwards.

    * No method raises for a tracker that is down, slow or full: a sweep never stops because of it. What
      could not be shown is in `troubles`, and can be shown again from the store: the same calls, with the
      times at which things happened.
    * No method but `finish` waits for the network or a disk, and what is pending has a bound.
    * A study is shown once. What is told again (after a resume, or by a replay) adds nothing twice.
    """

    @abstractmethod
    def start(self, name: str, identity: str, parameters: Mapping[str, object]) -> None:
        """The study begins, or goes on where it was shown before.

        identity: tells studies of one name apart, and is the same at every start of this one.
        """

    @abstractmethod
    def progress(self, trials: int, metrics: Mapping[str, float], at_s: float | None = None) -> None:
        """How it stood after that many trials; at_s: Unix time of it, now by default."""

    @abstractmethod
    def finish(self, standing: Standing, artifacts: Sequence[Path], *, complete: bool) -> None:
        """Labelled points (front, baseline, presets) and files to keep, in place of those of an earlier
        run; waits, for a bounded time, until they are handed over. complete: the budget was used up."""

    @abstractmethod
    def troubles(self) -> list[str]:
        """What could not be shown and why, for people; empty once everything is shown."""

"""What every tracker promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweep.recommend import Point


class Tracker(ABC):
    """Shows a study while it runs and afterwards.

    * No method raises for a tracker that is down, slow or full: a sweep never stops because of it. What
      went wrong is in `troubles`.
    * No method but `finish` waits for the network or a disk.
    """

    @abstractmethod
    def start(self, name: str, place: Path, parameters: Mapping[str, object]) -> None:
        """The study kept at `place` begins, or goes on where it was shown before."""

    @abstractmethod
    def progress(self, trials: int, metrics: Mapping[str, float]) -> None:
        """How it stands after that many trials."""

    @abstractmethod
    def finish(self, points: Sequence[Point], artifacts: Sequence[Path], *, complete: bool) -> None:
        """Labelled points (front, baseline, presets) and files to keep, in place of those of an earlier
        run; waits, for a bounded time, until they are handed over. complete: the budget was used up."""

    @abstractmethod
    def troubles(self) -> list[str]:
        """What could not be shown, for people."""

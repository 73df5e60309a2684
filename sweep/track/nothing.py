"""A tracker that shows nothing: for --no-track, and for a study that nobody watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sweep.recommend import Point
from sweep.track.port import Tracker


class NoTracker(Tracker):
    """Shows nothing."""

    def start(self, name: str, place: Path, parameters: Mapping[str, object]) -> None:
        pass

    def progress(self, trials: int, metrics: Mapping[str, float]) -> None:
        pass

    def finish(self, points: Sequence[Point], artifacts: Sequence[Path], *, complete: bool) -> None:
        pass

    def troubles(self) -> list[str]:
        return []

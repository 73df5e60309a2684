"""A tracker that shows nothing: for --no-track, and for a study that nobody watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sweep.standing import Standing
from sweep.track.port import Tracker


class NoTracker(Tracker):
    """Shows nothing."""

    def start(self, name: str, identity: str, parameters: Mapping[str, object]) -> None:
        pass

    def progress(self, trials: int, metrics: Mapping[str, float], at_s: float | None = None) -> None:
        pass

    def finish(self, standing: Standing, artifacts: Sequence[Path], *, complete: bool) -> None:
        pass

    def troubles(self) -> list[str]:
        return []

"""What every tracker must do; inherit `TrackerContract` and provide `make`, and `broken` where it can be."""

from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from sweep.recommend import Point
from sweep.track import Tracker
from sweep.trial import Configuration, Level, Measurement, Summary, Trial


def points(count: int) -> list[Point]:
    return [
        Point(
            Trial(
                number,
                Configuration.of("fixed_batch", {"max": number}),
                "baseline" if not number else "sampler",
            ),
            (1.0 / (number + 1), 1.0 + number),
            0,
            (("one", Measurement(exit_latency_ns=Summary(p99=9.0), retained_bytes=Level(mean=7.0))),),
        )
        for number in range(count)
    ]


def show(
    tracker: Tracker, place: Path, count: int = 3, steps: range = range(1, 5), complete: bool = True
) -> None:
    """A short study from beginning to end."""
    results = place / "results"
    results.mkdir(parents=True, exist_ok=True)
    (results / "trials.parquet").write_bytes(b"rows" * len(steps))
    (results / "front.html").write_text("<html>front</html>")
    tracker.start("small", place, {"seed": 1, "workloads": ["one"]})
    for step in steps:
        tracker.progress(step, {"hypervolume": step / 4})
    tracker.finish(points(count), [results / "trials.parquet", results / "front.html"], complete=complete)


class TrackerContract(ABC):
    @abstractmethod
    def make(self, place: Path) -> Tracker:
        """A tracker that writes below `place`."""

    def broken(self, place: Path) -> Tracker | None:
        """A tracker whose server is down, or None where there is none that could be."""
        return None

    def test_a_study_is_shown_without_trouble(self, tmp_path: Path) -> None:
        tracker = self.make(tmp_path)
        show(tracker, tmp_path / "study")
        assert tracker.troubles() == []

    def test_one_that_is_down_raises_nothing_and_says_so(self, tmp_path: Path) -> None:
        tracker = self.broken(tmp_path)
        if tracker is None:
            return
        show(tracker, tmp_path / "study")
        assert tracker.troubles()

    @pytest.mark.parametrize("steps", [range(0), range(1, 2)])
    def test_a_study_that_ended_at_once_is_shown_too(self, tmp_path: Path, steps: range) -> None:
        tracker = self.make(tmp_path)
        show(tracker, tmp_path / "study", count=0, steps=steps, complete=False)
        assert tracker.troubles() == []

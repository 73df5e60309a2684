"""What every tracker must do; inherit `TrackerContract` and provide `make`, and `down` and `stuck` where the
tracker has something that could be."""

import math
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from sweep.track import Tracker
from tests.sweep.track.studies import begin, results, show, standing


class TrackerContract(ABC):
    @abstractmethod
    def make(self, place: Path) -> Tracker:
        """A tracker that writes below `place`; a second one continues there."""

    def down(self, place: Path) -> Tracker | None:
        """A tracker whose server is not there, or None where there is none that could be."""
        return None

    def stuck(self, place: Path) -> Tracker | None:
        """A tracker whose server takes everything and answers nothing, or None."""
        return None

    def test_a_study_is_shown_without_trouble(self, tmp_path: Path) -> None:
        tracker = self.make(tmp_path)
        show(tracker, tmp_path / "results")
        assert tracker.troubles() == []

    @pytest.mark.parametrize("trials", [0, 1])
    def test_a_study_that_ended_at_once_is_shown_too(self, tmp_path: Path, trials: int) -> None:
        tracker = self.make(tmp_path)
        show(tracker, tmp_path / "results", trials, complete=False)
        assert tracker.troubles() == []

    def test_what_was_shown_may_be_shown_again(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results", 4, complete=False)
        again = self.make(tmp_path)
        show(again, tmp_path / "results")
        assert again.troubles() == []

    def test_values_that_are_no_numbers_do_no_harm(self, tmp_path: Path) -> None:
        tracker = self.make(tmp_path)
        begin(tracker)
        tracker.progress(1, {"hypervolume": math.nan, "front/configurations": math.inf})
        tracker.finish(standing(1), results(tmp_path / "results", 1), complete=True)
        assert tracker.troubles() == []

    def test_a_file_that_is_missing_stops_nothing(self, tmp_path: Path) -> None:
        tracker = self.make(tmp_path)
        begin(tracker)
        tracker.finish(standing(1), [tmp_path / "nowhere.html"], complete=True)
        assert all("nowhere.html: No such file" in trouble for trouble in tracker.troubles())

    def test_a_study_that_never_began_ends_without_a_word(self, tmp_path: Path) -> None:
        tracker = self.make(tmp_path)
        tracker.finish(standing(0), [], complete=False)
        assert tracker.troubles() == []

    def test_one_that_is_down_raises_nothing_and_says_so_in_a_line(self, tmp_path: Path) -> None:
        tracker = self.down(tmp_path)
        if tracker is None:
            return
        show(tracker, tmp_path / "results")
        (trouble,) = tracker.troubles()
        assert len(trouble) < 300
        assert "\n" not in trouble

    def test_one_that_never_answers_holds_nothing_up(self, tmp_path: Path) -> None:
        """Each call but the last returns though the server never answers; the last after a bounded time."""
        tracker = self.stuck(tmp_path)
        if tracker is None:
            return
        show(tracker, tmp_path / "results")
        assert tracker.troubles()

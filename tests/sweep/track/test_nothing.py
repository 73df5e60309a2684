from pathlib import Path

from sweep.track import Tracker
from sweep.track.nothing import NoTracker
from tests.sweep.track.contract import TrackerContract


class TestNoTracker(TrackerContract):
    def make(self, place: Path) -> Tracker:
        return NoTracker()

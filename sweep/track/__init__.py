"""The tracker port: shows a study to people."""

from sweep.track.port import Tracker

__all__ = ["Tracker"]

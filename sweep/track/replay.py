"""A study shown again from what the store has of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sweep.judge import Judge
from sweep.track.course import metrics
from sweep.track.port import Tracker
from sweep.trial import Attempt


def replay(tracker: Tracker, judge: Judge, batches: Iterable[Sequence[Attempt]]) -> None:
    """Tell a tracker that has been started how the study stood after each batch, with the time of it.

    batches: settled attempts in the order in which they were told, the baseline's first. The judge, new
    when it is given, has seen all of them in the end.
    """
    at_s = 0.0
    for batch in batches:
        judge.add(batch)
        at_s = max([at_s, *(attempt.started_s + attempt.elapsed_s for attempt in batch)])
        tracker.progress(judge.told, metrics(judge.standing(points=False)), at_s)

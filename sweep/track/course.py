"""The course of a study: what is shown of how it stands, how often, and under which names."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

from sweep.standing import Standing

GROWTH: Final = 1.02
"""A moment is shown once the trials have grown by this factor: about 250 moments up to 5,000 trials and
630 up to ten million. The MLflow UI is slow with thousands."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a sweep goes."""

    trials_per_s: float
    ask_ms: float  # mean time that the proposer took to answer
    workers_busy_share: float  # of the time, in which every worker had work: 0 .. 1


def metrics(now: Standing, speed: Speed | None = None) -> dict[str, float]:
    """What a moment of a study shows. The part before the slash is a section of the MLflow UI."""
    shown = {
        "front/hypervolume": now.hypervolume,
        "front/size": float(len(now.front)),
        "trials/feasible": float(now.feasible),
        "trials/infeasible": float(now.measured - now.feasible),
        "trials/failed": float(len(now.failed)),
    }
    if now.recommended:
        for name, ratio in zip(now.objectives, now.recommended.ratios, strict=True):
            shown[f"recommended/{name}.ratio"] = ratio
        if now.combine != "mean":
            for name, value in zip(now.objectives, now.recommended.values, strict=True):
                shown[f"recommended/{name}.{now.combine}"] = value
    if speed:
        shown["speed/trials_per_s"] = speed.trials_per_s
        shown["speed/ask_ms"] = speed.ask_ms
        shown["speed/workers_busy_percent"] = 100 * speed.workers_busy_share
    return shown


@dataclass(frozen=True, slots=True)
class Moment:
    """How a study stood after that many trials; at_s: Unix time."""

    trials: int
    at_s: float
    metrics: Mapping[str, float]


def stage(trials: int) -> int:
    """Numbers of trials within a factor of GROWTH are one stage, of which one moment is shown."""
    return int(math.log(trials) / math.log(GROWTH)) if trials > 0 else -1


class Course:
    """The moments of a study that are worth showing: one per stage, so that their number has a bound, and
    the last of all. One thread may add while another reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[int, Moment] = {}
        self._last: Moment | None = None

    def add(self, moment: Moment) -> None:
        """Kept for its stage, unless that has one."""
        with self._lock:
            self._last = moment
            self._stages.setdefault(stage(moment.trials), moment)

    @property
    def first(self) -> Moment | None:
        """The oldest moment."""
        with self._lock:
            return next(iter(self._stages.values()), None)

    @property
    def last(self) -> Moment | None:
        """The newest moment."""
        return self._last

    def missing(self, shown: Mapping[str, Set[int]], *, ending: bool = False) -> list[Moment]:
        """What is still to be shown where `shown` (numbers of trials by metric) is there already: metrics
        of stages that it has nothing of and, at the end, the last moment as it is."""
        with self._lock:
            moments, last = list(self._stages.values()), self._last
        if ending and last and last not in moments:
            moments.append(last)
        stages = {name: {stage(trials) for trials in steps} for name, steps in shown.items()}

        def is_missing(name: str, moment: Moment) -> bool:
            if ending and moment is last:
                return moment.trials not in shown.get(name, ())
            return stage(moment.trials) not in stages.get(name, ())

        found = (
            Moment(
                m.trials, m.at_s, {name: value for name, value in m.metrics.items() if is_missing(name, m)}
            )
            for m in moments
        )
        return [moment for moment in found if moment.metrics]

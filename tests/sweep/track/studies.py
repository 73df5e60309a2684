"""Small studies for trackers to show: measured by a made-up landscape, judged as real ones are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.judge import Judge
from sweep.standing import Standing
from sweep.study import Combine
from sweep.track import Tracker
from sweep.track.course import metrics
from sweep.trial import Attempt, Configuration, Level, Measurement, Summary, Trial

OBJECTIVES = ("exit_latency_ns.p99", "retained_bytes.mean")
BEGUN_S = 1_700_000_000.0
IDENTITY = "/somewhere's/study"


class Everything:
    """A space that holds all configurations."""

    def __contains__(self, configuration: object) -> bool:
        return True


def attempt(number: int, scenarios: Sequence[str] = ("one @ m", "two @ m")) -> Attempt:
    """Trial 0 is the baseline, 1 what a kernel does; the others lie on a front with a knee, every fifth behind."""
    latency, retained = 1000.0 / (1 + number / 3), 50.0 + 5 * number + 40 * (number % 5 == 4)
    if number:
        configuration = Configuration.of("fixed_batch", {"max": number, "lazy": number % 2 == 0})
    else:
        configuration = Configuration("per_object")
    origin = {0: "baseline", 1: "preset:linux-0.1"}.get(number, "sampler")
    measured = tuple(
        (
            scenario,
            Measurement(
                exit_latency_ns=Summary(p99=latency * scale), retained_bytes=Level(mean=retained * scale)
            ),
        )
        for scale, scenario in enumerate(scenarios, 1)
    )
    return Attempt(Trial(number, configuration, origin), 0, measured, None, "here", BEGUN_S + number, 0.5)


def judge(combine: Combine = "mean") -> Judge:
    return Judge(OBJECTIVES, combine, (), Everything())


def standing(
    trials: int, scenarios: Sequence[str] = ("one @ m", "two @ m"), combine: Combine = "mean"
) -> Standing:
    judged = judge(combine)
    if trials:
        judged.add([attempt(number, scenarios) for number in range(trials)])
    return judged.standing()


def results(place: Path, trials: int) -> list[Path]:
    """Files such as a study leaves."""
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"trial": list(range(trials))}), place / "trials.parquet")
    (place / "front.html").write_text(f"<html>the front of {trials}</html>")
    return [place / "trials.parquet", place / "front.html"]


def begin(tracker: Tracker, identity: str = IDENTITY) -> None:
    tracker.start("small", identity, {"seed": 1, "workloads": ["one", "two"], "budget": {"trials": 12}})


def show(
    tracker: Tracker, place: Path, trials: int = 12, *, complete: bool = True, identity: str = IDENTITY
) -> None:
    """A study from its beginning to its end, in batches of four."""
    begin(tracker, identity)
    judged = judge()
    for i in range(0, trials, 4):
        batch = [attempt(number) for number in range(i, min(i + 4, trials))]
        judged.add(batch)
        at_s = batch[-1].started_s + batch[-1].elapsed_s
        tracker.progress(judged.told, metrics(judged.standing(points=False)), at_s)
    tracker.finish(standing(trials), results(place, trials), complete=complete)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens on another thread or in another process, for two minutes at most."""
    ends = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < ends, "it does not come"
        time.sleep(0.3)

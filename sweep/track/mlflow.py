"""MLflow: one run per study, child runs for the labelled points.

One thread does all the writing; MLflow is imported there, and not before the sweep is under way. What MLflow
does not take is kept and tried again: being down costs nothing but the view, everything is in the store.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sweep.standing import Standing
from sweep.track.course import Course, Moment
from sweep.track.mlflow_run import Beginning, StudyRun
from sweep.track.place import artifacts_beside, without_password
from sweep.track.port import Tracker

FLUSH_S: Final = 3.0
MAX_WAIT_S: Final = 30.0
"""Between two tries at an MLflow that does not answer."""

START_AFTER_S: Final = 10.0
"""MLflow takes seconds of CPU time to import, which the first trials need more; a study that has shown no
progress for so long is shown nevertheless."""

FINISH_TIMEOUT_S: Final = 60.0
FINISH_TRIES: Final = 3
_TRY_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Ending:
    standing: Standing
    artifacts: tuple[Path, ...]
    complete: bool
    at_s: float


class MlflowTracker(Tracker):
    """Writes to `uri` (sqlite:///..., http://...); artifacts of a new experiment go to `artifacts`, by
    default beside the database, or where the server keeps them."""

    def __init__(
        self,
        uri: str,
        experiment: str,
        artifacts: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        finish_timeout_s: float = FINISH_TIMEOUT_S,
    ) -> None:
        self._finish_timeout_s = finish_timeout_s
        self._uri, self._experiment, self._clock = uri, experiment, clock
        self._artifacts = artifacts or artifacts_beside(uri)
        self._course = Course()
        self._beginning: Beginning | None = None
        self._begun_s = 0.0
        self._ending: _Ending | None = None
        self._run: StudyRun | None = None
        self._trouble: str | None = None
        self._under_way, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow-writer", daemon=True)

    def start(self, name: str, identity: str, parameters: Mapping[str, object]) -> None:
        self._beginning = Beginning(name, identity, dict(_flat(parameters)))
        self._begun_s = self._clock()
        self._thread.start()

    def progress(self, trials: int, metrics: Mapping[str, float], at_s: float | None = None) -> None:
        numbers = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        self._course.add(Moment(trials, self._clock() if at_s is None else at_s, numbers))
        self._under_way.set()

    def finish(self, standing: Standing, artifacts: Sequence[Path], *, complete: bool) -> None:
        if self._beginning is None:
            return
        last = self._course.last
        self._ending = _Ending(standing, tuple(artifacts), complete, last.at_s if last else self._clock())
        self._over.set()
        self._under_way.set()
        self._thread.join(self._finish_timeout_s)
        if self._thread.is_alive():
            self._trouble = f"it did not take everything within {self._finish_timeout_s:g} s"

    def troubles(self) -> list[str]:
        return [f"MLflow at {without_password(self._uri)}: {self._trouble}"] if self._trouble else []

    # -- the writer thread --

    def _work(self) -> None:
        self._under_way.wait(START_AFTER_S)
        wait = FLUSH_S
        while not self._over.is_set():
            wait = FLUSH_S if self._try(self._show) else min(2 * wait, MAX_WAIT_S)
            self._over.wait(wait)
        for left in reversed(range(FINISH_TRIES)):
            if self._try(self._end):
                return
            if left:
                time.sleep(_TRY_AGAIN_S)

    def _try(self, step: Callable[[StudyRun], None]) -> bool:
        try:
            self._run = self._run or self._open()
            step(self._run)
        except Exception as error:  # whatever MLflow raises, the sweep goes on
            self._run = None  # it may come back as another one, without this run
            self._trouble = _reason(error)
            return False
        self._trouble = None
        return True

    def _open(self) -> StudyRun:
        assert self._beginning
        first = self._course.first
        begun_s = min(self._begun_s, first.at_s) if first else self._begun_s
        return StudyRun.open(self._uri, self._experiment, self._artifacts, self._beginning, begun_s)

    def _show(self, run: StudyRun) -> None:
        run.show(self._course)

    def _end(self, run: StudyRun) -> None:
        assert self._ending
        run.show(self._course, ending=True)
        end = self._ending
        run.end(end.standing, end.artifacts, end.at_s, complete=end.complete)


def _flat(parameters: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """`{"budget": {"trials": 600}, "workloads": ["a", "b"]}` as `budget.trials` 600, `workloads` a, b."""
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and all(isinstance(each, str | int | float) for each in value):
            yield prefix + name, ", ".join(map(str, value))
        elif value is not None:
            yield prefix + name, str(value)


def _reason(error: BaseException) -> str:
    """The innermost cause, in a line."""
    seen = {id(error)}
    while (inner := getattr(error, "orig", None) or error.__cause__ or error.__context__) is not None:
        if not isinstance(inner, BaseException) or id(inner) in seen:
            break
        error = inner
        seen.add(id(error))
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join((text or type(error).__name__).split())[:200]

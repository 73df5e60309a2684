"""MLflow: one parent run per study, child runs for the labelled points. MLflow is imported here only.

One thread does all the writing, from a queue; metrics that come faster than FLUSH_S are merged into one
batch. MLflow being down costs its entries, never the sweep: everything is in the store.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sweep.recommend import Point
from sweep.track.port import Tracker

FLUSH_S: Final = 3.0
MAX_CHILD_RUNS: Final = 60
FINISH_TIMEOUT_S: Final = 60.0
_MAX_PARAMETER: Final = 500
_PARENT: Final = "mlflow.parentRunId"
_PLACE: Final = "store"


class MlflowTracker(Tracker):
    """Writes to `uri` (sqlite:///..., http://...); artifacts of a new experiment go to `artifacts`."""

    def __init__(self, uri: str, experiment: str, artifacts: Path | None = None) -> None:
        self._uri, self._experiment, self._artifacts = uri, experiment, artifacts
        self._troubles: list[str] = []
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._pending: list[tuple[int, float, Mapping[str, float]]] = []
        self._lock = threading.Lock()
        self._client: Any = None
        self._run: Any = None
        self._experiment_id = ""
        self._thread = threading.Thread(target=self._work, name="mlflow-writer", daemon=True)
        self._thread.start()

    @property
    def run_id(self) -> str | None:
        """The parent run, once it has been made."""
        return self._run.info.run_id if self._run else None

    def start(self, name: str, place: Path, parameters: Mapping[str, object]) -> None:
        self._queue.put(lambda: self._start(name, place, parameters))

    def progress(self, trials: int, metrics: Mapping[str, float]) -> None:
        with self._lock:
            self._pending.append((trials, time.time(), dict(metrics)))

    def finish(self, points: Sequence[Point], artifacts: Sequence[Path], *, complete: bool) -> None:
        self._queue.put(self._flush)
        self._queue.put(lambda: self._finish(list(points)[:MAX_CHILD_RUNS], list(artifacts), complete))
        self._queue.put(None)
        self._thread.join(FINISH_TIMEOUT_S)
        if self._thread.is_alive():
            self._troubles.append(
                f"MLflow at {self._uri} did not take everything within {FINISH_TIMEOUT_S:g} s"
            )

    def troubles(self) -> list[str]:
        return list(dict.fromkeys(self._troubles))

    # -- the writer thread --

    def _work(self) -> None:
        while True:
            try:
                job = self._queue.get(timeout=FLUSH_S)
            except queue.Empty:
                job = self._flush
            if job is None:
                return
            try:
                job()
            except Exception as error:  # whatever MLflow raises, the sweep goes on
                self._troubles.append(f"MLflow at {self._uri}: {' '.join(str(error).split())[:200]}")

    def _start(self, name: str, place: Path, parameters: Mapping[str, object]) -> None:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        from mlflow import MlflowClient
        from mlflow.entities import Param

        for noisy in ("mlflow", "alembic"):  # after the import, which sets levels of its own
            logging.getLogger(noisy).setLevel(logging.ERROR)

        client = MlflowClient(tracking_uri=self._uri)
        found = client.get_experiment_by_name(self._experiment)
        location = self._artifacts.resolve().as_uri() if self._artifacts else None
        self._experiment_id = (
            found.experiment_id
            if found
            else client.create_experiment(self._experiment, artifact_location=location)
        )
        shown = client.search_runs([self._experiment_id], f"tags.`{_PLACE}` = '{place}'", max_results=1)
        if shown:
            self._run = shown[0]
            client.update_run(self._run.info.run_id, status="RUNNING")
        else:
            self._run = client.create_run(
                self._experiment_id,
                run_name=name,
                tags={"study": name, "figures": "simulated", _PLACE: str(place)},
            )
            client.log_batch(
                self._run.info.run_id,
                params=[Param(key, str(value)[:_MAX_PARAMETER]) for key, value in parameters.items()],
            )
        self._client = client

    def _flush(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, []
        if not pending or self._client is None:
            return
        from mlflow.entities import Metric

        entries = [
            Metric(key, float(value), int(at * 1000), step)
            for step, at, metrics in pending
            for key, value in metrics.items()
        ]
        for i in range(0, len(entries), 1000):
            self._client.log_batch(self._run.info.run_id, metrics=entries[i : i + 1000])

    def _finish(self, points: list[Point], artifacts: list[Path], complete: bool) -> None:
        if self._client is None:
            return
        parent = self._run.info.run_id
        for path in artifacts:
            self._client.log_artifact(parent, str(path))
        self._log_dataset(parent, artifacts)
        for run in self._client.search_runs([self._experiment_id], f"tags.`{_PARENT}` = '{parent}'"):
            self._client.delete_run(run.info.run_id)
        for point in points:
            self._child(parent, point)
        self._client.set_terminated(parent, "FINISHED" if complete else "KILLED")

    def _log_dataset(self, run_id: str, artifacts: list[Path]) -> None:
        from mlflow.entities import Dataset, DatasetInput

        for path in artifacts:
            if path.name == "trials.parquet":
                digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
                source = json.dumps({"uri": path.resolve().as_uri()})
                dataset = Dataset(name="trials", digest=digest, source_type="local", source=source)
                self._client.log_inputs(run_id, [DatasetInput(dataset)])

    def _child(self, parent: str, point: Point) -> None:
        from mlflow.entities import Metric, Param, RunTag

        configuration = point.trial.configuration
        run = self._client.create_run(
            self._experiment_id,
            run_name=f"{configuration.policy} (trial {point.trial.number})",
            tags={_PARENT: parent, "figures": "simulated"},
        )
        at = int(time.time() * 1000)
        metrics = [Metric(f"ratio.{i}", r, at, 0) for i, r in enumerate(point.ratios)]
        metrics += [
            Metric(f"{name}.{scenario}", float(value), at, 0)
            for scenario, m in point.measurements
            for name, value in m.flat().items()
        ]
        self._client.log_batch(
            run.info.run_id,
            metrics=metrics,
            params=[
                Param("policy", configuration.policy),
                *(Param(k, str(v)) for k, v in configuration.params),
            ],
            tags=[RunTag("origin", point.trial.origin), RunTag("feasible", str(point.feasible).lower())],
        )
        self._client.set_terminated(run.info.run_id)

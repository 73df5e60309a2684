"""What stands in MLflow for a study, written step by step. A step may be repeated: it adds nothing twice.

Each function waits for MLflow and raises whatever MLflow raises.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sweep.standing import Standing
from sweep.track import view
from sweep.track.course import Course
from sweep.track.labelled import Labelled, labelled
from sweep.track.note import note, while_running
from sweep.track.place import ENVIRONMENT, Place

_BATCH: Final = 1000  # metrics in one call, MLflow's limit
_PARAMETERS: Final = 100  # parameters or tags in one call, MLflow's limit
_MAX_PARAMETER: Final = 6000  # characters, MLflow's limit
_MAX_NAME: Final = 250  # characters, MLflow's limit

_IDENTITY: Final = "study.identity"
_CONFIGURATION: Final = "configuration"
_PARENT: Final = "mlflow.parentRunId"
_NOTE: Final = "mlflow.note.content"
_MODEL_TRAINING: Final = {"mlflow.experimentKind": "custom_model_development"}
"""An experiment's tag: its page opens with runs and charts, not with traces of language models."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a study began: what its run is found by, and what it says from the start."""

    name: str
    identity: str
    parameters: Mapping[str, str]


class StudyRun:
    """The one run of a study, and those of its labelled points."""

    def __init__(self, client: Any, place: Place, shown: dict[str, set[int]]) -> None:
        self._client, self.place, self._shown = client, place, shown

    @classmethod
    def open(
        cls, uri: str, experiment: str, artifacts: Path | None, beginning: Beginning, begun_s: float
    ) -> StudyRun:
        """The study's run, made where there is none; artifacts: where a new experiment keeps them; begun_s:
        Unix time from which a new run counts."""
        client = _client(uri)
        experiment_id = _experiment(client, experiment, artifacts)
        identity = hashlib.sha256(beginning.identity.encode()).hexdigest()[:32]
        found = client.search_runs(
            [experiment_id], f"tags.`{_IDENTITY}` = '{identity}'", max_results=1, order_by=["start_time ASC"]
        )
        if found:
            run = client.get_run(found[0].info.run_id)
            client.update_run(run.info.run_id, status="RUNNING")
        else:
            figures = str(beginning.parameters.get("figures", "simulated"))
            tags = {
                _IDENTITY: identity,
                _NOTE: while_running(beginning.name, figures),
                "study": beginning.name,
                "figures": figures,
                "emulated": str(figures.startswith("emulated")).lower(),
                "mlflow.source.name": "python -m sweep",
            }
            run = client.create_run(experiment_id, int(1000 * begun_s), tags, beginning.name)
        place = Place(experiment_id, run.info.run_id)
        _log_parameters(client, place.run_id, run.data.params, beginning.parameters)
        shown = {
            name: {metric.step for metric in client.get_metric_history(place.run_id, name)}
            for name in run.data.metrics
        }
        return cls(client, place, shown)

    def show(self, course: Course, *, ending: bool = False) -> None:
        """What is missing of the course."""
        from mlflow.entities import Metric

        entries = [
            Metric(name, value, int(1000 * moment.at_s), moment.trials)
            for moment in course.missing(self._shown, ending=ending)
            for name, value in moment.metrics.items()
        ]
        for i in range(0, len(entries), _BATCH):
            batch = entries[i : i + _BATCH]
            self._client.log_batch(self.place.run_id, metrics=batch)
            for entry in batch:
                self._shown.setdefault(entry.key, set()).add(entry.step)

    def end(self, now: Standing, artifacts: Sequence[Path], at_s: float, *, complete: bool) -> None:
        """The labelled points, the files, and the note that leads to them."""
        from mlflow.entities import RunTag

        self._show_labelled(labelled(now), at_s)
        self._client.set_experiment_tag(
            self.place.experiment_id,
            view.TAG + self.place.run_id,
            view.view(self.place.run_id, now.objectives),
        )
        tags = [RunTag(_NOTE, note(now, self.place, [path.name for path in artifacts]))]
        if now.recommended:
            tags.append(RunTag("recommended", str(now.recommended.trial.configuration)))
        self._client.log_batch(self.place.run_id, tags=tags)
        self._client.set_terminated(self.place.run_id, "FINISHED" if complete else "KILLED", int(1000 * at_s))
        for path in artifacts:
            self._client.log_artifact(self.place.run_id, str(path))
            if path.name == "trials.parquet":
                _log_dataset(self._client, self.place.run_id, path)

    def _show_labelled(self, points: Sequence[Labelled], at_s: float) -> None:
        """A child run for each point, those of an earlier ending taken up again."""
        children = self._client.search_runs(
            [self.place.experiment_id], f"tags.`{_PARENT}` = '{self.place.run_id}'"
        )
        known = {child.data.tags.get(_CONFIGURATION): child for child in children}
        kept = {point.key for point in points}
        for child in children:
            key = child.data.tags.get(_CONFIGURATION)
            if key not in kept or known[key] is not child:
                self._client.delete_run(child.info.run_id)
        # The UI lists the newest first: each is a little older than the one before it.
        for place, point in enumerate(points):
            self._show_point(point, known.get(point.key), int(1000 * at_s) - place)

    def _show_point(self, point: Labelled, known: Any, at_ms: int) -> None:
        from mlflow.entities import Metric, Param, RunTag

        name = point.name[:_MAX_NAME]
        own = {_PARENT: self.place.run_id, _CONFIGURATION: point.key}
        run = known or self._client.create_run(self.place.experiment_id, at_ms, own, name)
        data, run_id = run.data, str(run.info.run_id)
        if run.info.run_name != name:
            self._client.update_run(run_id, name=name)
        metrics = [
            Metric(key, value, at_ms, 0)
            for key, value in point.metrics.items()
            if data.metrics.get(key) != value
        ]
        params = [Param(key, value) for key, value in point.params.items() if key not in data.params]
        tags = [RunTag(key, value) for key, value in point.tags.items() if data.tags.get(key) != value]
        if metrics or params or tags:
            self._client.log_batch(run_id, metrics=metrics, params=params, tags=tags)
        if run.info.status != "FINISHED":
            self._client.set_terminated(run_id, end_time=at_ms)


def _client(uri: str) -> Any:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for noisy in ("mlflow", "alembic", "urllib3"):  # after the import, which sets levels of its own
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri)


def _experiment(client: Any, name: str, artifacts: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        location = artifacts.resolve().as_uri() if artifacts else None
        return str(client.create_experiment(name, location, _MODEL_TRAINING))
    if found.lifecycle_stage == "deleted":  # nothing can be written to it, and its name is taken
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _log_parameters(client: Any, run_id: str, known: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """MLflow never changes a parameter: of one that has changed since (a larger budget) a tag tells."""
    from mlflow.entities import Param, RunTag

    values = {name: value[:_MAX_PARAMETER] for name, value in wanted.items()}
    params = [Param(name, value) for name, value in values.items() if name not in known]
    tags = [RunTag(name, value) for name, value in values.items() if known.get(name, value) != value]
    for i in range(0, max(len(params), len(tags)), _PARAMETERS // 2):
        own = slice(i, i + _PARAMETERS // 2)
        client.log_batch(run_id, params=params[own], tags=tags[own])


def _log_dataset(client: Any, run_id: str, path: Path) -> None:
    """The table of all trials, by its digest, with its columns and its length."""
    import pyarrow.parquet as pq
    from mlflow.entities import Dataset, DatasetInput

    with pq.ParquetFile(path) as file:
        columns = [
            {"name": field.name, "type": str(field.type), "required": True} for field in file.schema_arrow
        ]
        rows = file.metadata.num_rows
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    dataset = Dataset(
        name=path.stem,
        digest=digest,
        source_type="local",
        source=json.dumps({"uri": path.resolve().as_uri()}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": rows, "num_elements": rows * len(columns)}),
    )
    client.log_inputs(run_id, [DatasetInput(dataset)])

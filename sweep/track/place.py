"""Where MLflow keeps what it shows, and what its processes may do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MLFLOW_DISABLE_TELEMETRY": "true",  # it would report what it is used for, to its makers
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the tracker tries again by itself
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # no processes for jobs that nobody asks for
    }
)
"""Defaults for every process that has MLflow in it; who sets one of these means it."""


def local_uri(store: Path) -> str:
    """The tracking database beside the studies of a store."""
    return f"sqlite:///{local_database(store)}"


def local_database(store: Path) -> Path:
    """The file of `local_uri`."""
    return store.resolve() / "mlflow.db"


def local_artifacts(store: Path) -> Path:
    """The artifacts beside the studies of a store."""
    return store.resolve() / "mlflow-artifacts"


def artifacts_beside(uri: str) -> Path | None:
    """Where artifacts go if nobody says so: beside the database if that is a file, where MLflow would take
    the working directory; a server (None) knows by itself."""
    file = uri.removeprefix("sqlite:///")
    return local_artifacts(Path(file).parent) if file not in (uri, "") else None


def without_password(uri: str) -> str:
    """The same for people to see."""
    return re.sub(r"//([^/@:]*):[^/@]*@", r"//\1:***@", uri)


EXPERIMENT_PREFIX: Final = "sweep/"


def experiment(study: str) -> str:
    """The name of a study's experiment."""
    return EXPERIMENT_PREFIX + study


_MODEL_TRAINING: Final = {"workflowType": "machine_learning"}
"""Without it the UI shows what it has for language models."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study stands in MLflow, as its UI addresses it (from `#` on)."""

    experiment_id: str
    run_id: str

    def page(self, *tail: str) -> str:
        """Of the study's run: the overview, or the tab and file of `tail`."""
        path = "/".join(("experiments", self.experiment_id, "runs", self.run_id, *tail))
        return f"#/{path}?{urlencode(_MODEL_TRAINING)}"

    def view(self) -> str:
        """Of its labelled points side by side."""
        query = {"viewStateShareKey": self.run_id, "compareRunsMode": "CHART"} | _MODEL_TRAINING
        return f"#/experiments/{self.experiment_id}/runs?{urlencode(query)}"

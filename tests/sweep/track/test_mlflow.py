"""MLflow on sqlite: what a person finds there afterwards."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from sweep.track import Tracker
from sweep.track.mlflow import MAX_CHILD_RUNS, MlflowTracker
from tests.sweep.track.contract import TrackerContract, show


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables: making them takes seconds, copying them nothing."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


def uri(place: Path) -> str:
    return f"sqlite:///{place / 'mlflow.db'}"


def client(place: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri(place))


def runs(place: Path) -> list[Any]:
    experiment = client(place).get_experiment_by_name("sweep/small")
    found: list[Any] = client(place).search_runs([experiment.experiment_id])
    return found


def parents(place: Path) -> list[Any]:
    return [run for run in runs(place) if "mlflow.parentRunId" not in run.data.tags]


@pytest.mark.slow
class TestMlflow(TrackerContract):
    @pytest.fixture(autouse=True)
    def _database(self, tmp_path: Path, empty_database: Path) -> None:
        shutil.copy(empty_database, tmp_path / "mlflow.db")

    def make(self, place: Path) -> Tracker:
        return MlflowTracker(uri(place), "sweep/small", place / "artifacts")

    def broken(self, place: Path) -> Tracker | None:
        return MlflowTracker("http://127.0.0.1:9", "sweep/small")

    def test_there_is_one_parent_with_its_parameters_course_and_files(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "study")
        (parent,) = parents(tmp_path)
        assert parent.data.params == {"seed": "1", "workloads": "['one']"}
        assert parent.data.tags["figures"] == "simulated"
        assert parent.info.status == "FINISHED"
        course = client(tmp_path).get_metric_history(parent.info.run_id, "hypervolume")
        assert [(m.step, m.value) for m in course] == [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)]
        names = {file.path for file in client(tmp_path).list_artifacts(parent.info.run_id)}
        assert names == {"trials.parquet", "front.html"}
        (dataset,) = [each.dataset for each in parent.inputs.dataset_inputs]
        assert dataset.name == "trials"

    def test_each_labelled_point_is_a_child_and_there_are_not_too_many(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "study", count=MAX_CHILD_RUNS + 5)
        (parent,) = parents(tmp_path)
        children = [
            run for run in runs(tmp_path) if run is not parent and run.info.run_id != parent.info.run_id
        ]
        assert len(children) == MAX_CHILD_RUNS
        first = next(run for run in children if run.data.params["max"] == "0")
        assert first.data.tags["origin"] == "baseline"
        assert first.data.params["policy"] == "fixed_batch"
        assert first.data.metrics["exit_latency_ns.p99.one"] == 9.0

    def test_a_study_that_goes_on_keeps_its_run_and_its_points_are_replaced(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "study", count=3, complete=False)
        assert parents(tmp_path)[0].info.status == "KILLED"
        show(self.make(tmp_path), tmp_path / "study", count=2, steps=range(5, 7))
        (parent,) = parents(tmp_path)
        assert parent.info.status == "FINISHED"
        assert len(runs(tmp_path)) == 1 + 2
        course = client(tmp_path).get_metric_history(parent.info.run_id, "hypervolume")
        assert [m.step for m in course] == [1, 2, 3, 4, 5, 6]

    def test_another_place_is_another_run(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "study")
        show(self.make(tmp_path), tmp_path / "other")
        assert len(parents(tmp_path)) == 2


def test_mlflow_is_version_3() -> None:
    """An unpinned pip takes 1.27 where pyarrow is too new."""
    from importlib.metadata import version

    assert version("mlflow").split(".")[0] == "3"

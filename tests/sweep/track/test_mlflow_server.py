"""A real MLflow server that goes away and comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.track.mlflow import MlflowTracker
from tests.sweep.track.server import Server
from tests.sweep.track.studies import BEGUN_S, begin, results, show, standing, until

pytestmark = pytest.mark.slow(25)


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Iterator[Server]:
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    made = Server(tmp_path)
    yield made
    made.stop()


def client(server: Server) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(server.uri)


def runs(server: Server) -> tuple[Any, list[Any]]:
    """The parent and its children."""
    everything = client(server)
    experiment = everything.get_experiment_by_name("sweep/small")
    found = everything.search_runs([experiment.experiment_id]) if experiment else []
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) <= 1
    return (parents or [None])[0], [run for run in found if run not in parents]


def steps(server: Server) -> list[int]:
    parent, _ = runs(server)
    if parent is None:
        return []
    return [m.step for m in client(server).get_metric_history(parent.info.run_id, "front/hypervolume")]


def test_a_server_that_goes_away_and_comes_back_during_a_sweep_shows_it_all(
    server: Server, tmp_path: Path
) -> None:
    server.start()
    tracker = MlflowTracker(server.uri, "sweep/small")
    begin(tracker)
    tracker.progress(4, {"front/hypervolume": 0.1})
    until(lambda: steps(server) == [4])
    server.stop()
    tracker.progress(8, {"front/hypervolume": 0.2})
    until(lambda: bool(tracker.troubles()))
    tracker.progress(10, {"front/hypervolume": 0.3})
    server.start()
    until(lambda: steps(server) == [4, 8, 10])
    assert tracker.troubles() == []
    tracker.progress(12, {"front/hypervolume": 0.4})
    tracker.finish(standing(12), results(tmp_path / "results", 12), complete=True)
    assert tracker.troubles() == []
    assert steps(server) == [4, 8, 10, 12]
    parent, children = runs(server)
    assert parent.info.status == "FINISHED"
    assert len(children) == 10
    files = client(server).list_artifacts(parent.info.run_id)
    assert {file.path for file in files} == {"trials.parquet", "front.html"}


def test_what_was_not_shown_is_caught_up_with(server: Server, tmp_path: Path) -> None:
    """The server never started during the sweep; later the study is shown, and once more."""
    tracker = MlflowTracker(server.uri, "sweep/small")
    show(tracker, tmp_path / "results")
    assert tracker.troubles()
    server.start()
    for _ in range(2):
        again = MlflowTracker(server.uri, "sweep/small")
        show(again, tmp_path / "results")
        assert again.troubles() == []
        parent, children = runs(server)
        assert steps(server) == [4, 8, 12]
        assert len(children) == 10
        assert parent.info.start_time == 1000 * (BEGUN_S + 3.5)

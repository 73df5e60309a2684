"""MLflow on sqlite: what a person finds there afterwards."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.report import words
from sweep.track import Tracker
from sweep.track.mlflow import MlflowTracker
from tests.sweep.test_judge import noisy
from tests.sweep.test_judge import standing as noisy_standing
from tests.sweep.track.contract import TrackerContract
from tests.sweep.track.studies import BEGUN_S, attempt, begin, results, show, standing, until


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


FULL = """
import resource, sys
from pathlib import Path
from sweep.track.mlflow import MlflowTracker
from tests.sweep.track.studies import show
place = Path(sys.argv[1])
size = (place / "mlflow.db").stat().st_size
tracker = MlflowTracker(f"sqlite:///{place}/mlflow.db", "sweep/small", place / "artifacts")
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
show(tracker, place / "results")
print(*tracker.troubles())
"""


def uri(place: Path) -> str:
    return f"sqlite:///{place / 'mlflow.db'}"


def client(place: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri(place))


def runs(place: Path) -> list[Any]:
    experiment = client(place).get_experiment_by_name("sweep/small")
    return list(client(place).search_runs([experiment.experiment_id])) if experiment else []


def parents(place: Path) -> list[Any]:
    return [run for run in runs(place) if "mlflow.parentRunId" not in run.data.tags]


def children(place: Path) -> dict[str, Any]:
    return {run.info.run_name: run for run in runs(place) if "mlflow.parentRunId" in run.data.tags}


def course(place: Path, metric: str = "front/hypervolume") -> list[int]:
    """The numbers of trials at which a metric is shown."""
    (parent,) = parents(place) or [None]
    if parent is None:
        return []
    return [metric.step for metric in client(place).get_metric_history(parent.info.run_id, metric)]


def content(place: Path) -> object:
    """All that is there, but for ids."""
    everything = client(place)
    shown = []
    for run in sorted(runs(place), key=lambda run: str(run.info.run_name)):
        courses = {
            name: [
                (m.step, m.timestamp, m.value) for m in everything.get_metric_history(run.info.run_id, name)
            ]
            for name in run.data.metrics
        }
        info = (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time)
        files = sorted(file.path for file in everything.list_artifacts(run.info.run_id))
        datasets = [each.dataset.digest for each in run.inputs.dataset_inputs]
        shown.append((info, courses, run.data.params, run.data.tags, files, datasets))
    return shown


@pytest.mark.slow(3)
class TestMlflow(TrackerContract):
    @pytest.fixture(autouse=True)
    def _database(self, tmp_path: Path, empty_database: Path, silent_port: int) -> None:
        shutil.copy(empty_database, tmp_path / "mlflow.db")
        self.silent_port = silent_port

    def make(self, place: Path) -> Tracker:
        return MlflowTracker(uri(place), "sweep/small", place / "artifacts")

    def down(self, place: Path) -> Tracker | None:
        return MlflowTracker("http://me:secret@127.0.0.1:9", "sweep/small")

    def stuck(self, place: Path) -> Tracker | None:
        return MlflowTracker(f"http://127.0.0.1:{self.silent_port}", "sweep/small", finish_timeout_s=2)

    # -- one study --

    def test_there_is_one_parent_with_its_parameters_course_and_files(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        (parent,) = parents(tmp_path)
        assert parent.data.params == {"seed": "1", "workloads": "one, two", "budget.trials": "12"}
        assert (parent.data.tags["figures"], parent.data.tags["emulated"]) == ("simulated", "false")
        assert parent.info.status == "FINISHED"
        assert course(tmp_path) == course(tmp_path, "recommended/retained_bytes.mean.ratio") == [4, 8, 12]
        assert parent.data.metrics["front/hypervolume"] == standing(12).hypervolume
        names = {file.path for file in client(tmp_path).list_artifacts(parent.info.run_id)}
        assert names == {"trials.parquet", "front.html"}

    def test_emulated_figures_say_so_in_the_tags_of_every_run_and_in_the_note(self, tmp_path: Path) -> None:
        now = noisy_standing([noisy(n, (1.0 - n / 4, 1.0), machine="emulated-0") for n in range(2)])
        tracker = self.make(tmp_path)
        tracker.start("small", "/a/study", {"figures": words.figures(now)})
        tracker.finish(now, [], complete=True)
        assert tracker.troubles() == []
        (parent,) = parents(tmp_path)
        assert parent.data.tags["emulated"] == "true"
        assert "emulated, in a kernel (emulated-0; " in parent.data.tags["mlflow.note.content"]
        said = {run.data.tags["figures"] for run in runs(tmp_path)}
        assert said == {"emulated, in a kernel (emulated-0; its times are no real CPU's)"}
        assert children(tmp_path)

    def test_artifacts_are_beside_the_database_if_nobody_says_where(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        show(MlflowTracker(uri(tmp_path), "sweep/small"), tmp_path / "results")
        assert list((tmp_path / "mlflow-artifacts").rglob("trials.parquet"))
        assert not list((tmp_path / "here").iterdir())

    def test_the_table_of_trials_is_its_dataset(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        (parent,) = parents(tmp_path)
        (dataset,) = [each.dataset for each in parent.inputs.dataset_inputs]
        assert dataset.name == "trials"
        assert '"num_rows": 12' in dataset.profile
        assert '"trial"' in dataset.schema

    def test_the_note_opens_with_the_recommendation_and_leads_to_the_rest(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        (parent,) = parents(tmp_path)
        note = parent.data.tags["mlflow.note.content"]
        assert note.startswith(f"**Use {standing(12).recommended.trial.configuration}** (simulated).")  # type: ignore[union-attr]
        assert f"runs/{parent.info.run_id}/artifacts/front.html" in note
        assert "report.html" not in note  # there is none

    def test_each_labelled_point_is_a_child_with_its_figures(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        shown = children(tmp_path)
        baseline = shown["baseline: per_object"]
        assert baseline.data.params == {"policy": "per_object"}
        assert baseline.data.metrics["exit_latency_ns.p99.ratio"] == 1
        assert baseline.data.metrics["two on m/exit_latency_ns.p99"] == 2000
        kernel = shown["linux-0.1: fixed_batch lazy=false max=1"]
        assert kernel.data.params == {"policy": "fixed_batch", "lazy": "false", "max": "1"}
        assert kernel.data.tags["label"] == "linux-0.1"
        assert [name for name in shown if name.startswith("recommended")]

    # -- again --

    def test_a_study_that_goes_on_keeps_its_run_and_its_points(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results", 8, complete=False)
        assert parents(tmp_path)[0].info.status == "KILLED"
        before = {
            child.data.tags["configuration"]: child.info.run_id for child in children(tmp_path).values()
        }
        show(self.make(tmp_path), tmp_path / "results", 12)
        assert parents(tmp_path)[0].info.status == "FINISHED"
        assert course(tmp_path) == [4, 8, 12]
        after = {child.data.tags["configuration"]: child.info.run_id for child in children(tmp_path).values()}
        assert after.items() > before.items()

    def test_points_that_are_labelled_no_more_go(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results", 12)
        show(self.make(tmp_path), tmp_path / "results", 8)
        assert len(children(tmp_path)) == 8 - 1  # one is behind the front

    def test_shown_twice_it_is_the_same(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        once = content(tmp_path)
        show(self.make(tmp_path), tmp_path / "results")
        assert content(tmp_path) == once

    def test_a_replay_in_other_batches_fills_gaps_and_doubles_nothing(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results", 8, complete=False)
        tracker = self.make(tmp_path)
        begin(tracker)
        for trials in (4, 6, 8, 10):
            tracker.progress(trials, {"front/hypervolume": trials / 10}, BEGUN_S + trials)
        tracker.finish(standing(10), [], complete=True)
        assert course(tmp_path) == [4, 6, 8, 10]

    def test_times_are_those_at_which_things_happened(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        (parent,) = parents(tmp_path)
        first, last = (1000 * (attempt(number).started_s + 0.5) for number in (3, 11))
        assert (parent.info.start_time, parent.info.end_time) == (first, last)

    def test_a_parameter_that_changed_is_told_by_a_tag(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        tracker = self.make(tmp_path)
        tracker.start("small", "/somewhere's/study", {"seed": 1, "budget": {"trials": 20}})
        tracker.finish(standing(12), [], complete=True)
        assert tracker.troubles() == []
        assert parents(tmp_path)[0].data.tags["budget.trials"] == "20"

    def test_another_identity_is_another_run(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        show(self.make(tmp_path), tmp_path / "results", identity="another")
        assert len(parents(tmp_path)) == 2

    # -- what people do in the UI --

    def test_an_experiment_that_was_deleted_comes_back(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        client(tmp_path).delete_experiment(parents(tmp_path)[0].info.experiment_id)
        again = self.make(tmp_path)
        show(again, tmp_path / "results")
        assert again.troubles() == []
        assert len(parents(tmp_path)) == 1

    def test_a_run_that_was_deleted_is_shown_anew(self, tmp_path: Path) -> None:
        show(self.make(tmp_path), tmp_path / "results")
        client(tmp_path).delete_run(parents(tmp_path)[0].info.run_id)
        show(self.make(tmp_path), tmp_path / "results")
        assert course(tmp_path) == [4, 8, 12]

    def test_a_run_that_is_deleted_during_a_sweep_is_shown_anew_from_its_beginning(
        self, tmp_path: Path
    ) -> None:
        tracker = self.make(tmp_path)
        begin(tracker)
        tracker.progress(4, {"front/hypervolume": 0.1})
        until(lambda: course(tmp_path) == [4])
        client(tmp_path).delete_run(parents(tmp_path)[0].info.run_id)
        tracker.progress(8, {"front/hypervolume": 0.2})
        until(lambda: course(tmp_path) == [4, 8])
        tracker.finish(standing(12), [], complete=True)
        assert tracker.troubles() == []

    # -- a place without room --

    def test_artifacts_that_cannot_be_kept_leave_the_rest_shown(self, tmp_path: Path) -> None:
        (tmp_path / "artifacts").write_text("a file where the directory should be")
        tracker = self.make(tmp_path)
        show(tracker, tmp_path / "results")
        (trouble,) = tracker.troubles()
        assert "Not a directory" in trouble or "File exists" in trouble
        assert parents(tmp_path)[0].info.status == "FINISHED"
        assert course(tmp_path) == [4, 8, 12]
        assert children(tmp_path)

    def test_a_full_disk_stops_nothing_and_is_caught_up_with(self, tmp_path: Path) -> None:
        """No file may grow: what a full disk is to a database."""
        results(tmp_path / "results", 12)
        done = subprocess.run(
            [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r"^MLflow at sqlite:///.*(disk|full|large)", done.stdout)
        show(self.make(tmp_path), tmp_path / "results")
        assert course(tmp_path) == [4, 8, 12]

    # -- limits --

    def test_a_long_front_and_many_scenarios_stay_within_what_the_ui_can_take(self, tmp_path: Path) -> None:
        scenarios = [f"workload-{i} @ machine" for i in range(40)]
        tracker = self.make(tmp_path)
        begin(tracker)
        tracker.finish(standing(100, scenarios), results(tmp_path / "results", 100), complete=True)
        assert tracker.troubles() == []
        shown = children(tmp_path)
        assert len(shown) == 60
        assert "baseline: per_object" in shown
        assert len({name for child in shown.values() for name in child.data.metrics}) == 2 + 2 * 40

    def test_long_words_are_cut_and_not_refused(self, tmp_path: Path) -> None:
        tracker = self.make(tmp_path)
        many = {f"parameter {i}": "x" for i in range(120)}
        tracker.start("small", "one", {"policies": ["name" * 100] * 100, **many})
        tracker.finish(standing(1), [], complete=True)
        assert tracker.troubles() == []
        assert len(parents(tmp_path)[0].data.params) == 121


def test_what_went_wrong_is_said_briefly_and_without_passwords() -> None:
    tracker = MlflowTracker("http://me:secret@127.0.0.1:9", "sweep/small")
    begin(tracker)
    tracker.finish(standing(1), [], complete=True)
    assert tracker.troubles() == ["MLflow at http://me:***@127.0.0.1:9: Connection refused"]


def test_mlflow_is_version_3() -> None:
    """An unpinned pip takes 1.27 where pyarrow is too new."""
    from importlib.metadata import version

    assert version("mlflow").split(".")[0] == "3"

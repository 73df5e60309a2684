"""The MLflow UI on a store: what it says, and that nothing of it is left behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from sweep.track.mlflow import MlflowTracker
from sweep.track.place import experiment, local_artifacts, local_database, local_uri
from sweep.track.ui import UiError, serve
from tests.sweep.track.studies import show, until

SERVE = """
import sys
from pathlib import Path
from sweep.track.ui import UiError, serve
try:
    serve(Path(sys.argv[1]), study=sys.argv[2] or None, host=sys.argv[3], port=0, say=lambda t: print(t, flush=True))
except UiError as error:
    print(error, flush=True)
    sys.exit(2)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """One study was shown from it."""
    place = tmp_path_factory.mktemp("store")
    shutil.copy(empty_database, local_database(place))
    tracker = MlflowTracker(local_uri(place), experiment("small"), local_artifacts(place))
    show(tracker, place / "results")
    assert tracker.troubles() == []
    return place


class Ui:
    """`serve` in a process of its own."""

    def __init__(self, store: Path, study: str = "", host: str = "127.0.0.1") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(store), study, host], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break

    def address(self) -> str:
        return next(found[0] for line in self.said if (found := re.search(r"http://[^/]+/", line)))

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def of(store: Path) -> list[int]:
    """Processes that were started on that store's database."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(store) in command and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def get(address: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


# -- what cannot be shown --


def test_a_store_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(UiError, match=r"nowhere: no such directory; expected a store"):
        serve(tmp_path / "nowhere")


def test_a_store_of_which_nothing_was_shown_is_said(tmp_path: Path) -> None:
    with pytest.raises(UiError, match=r"nothing has been shown .* `python -m sweep track STUDY`"):
        serve(tmp_path)


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    local_database(tmp_path).touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UiError, match=rf"127\.0\.0\.1:{port}: address already in use; choose another"):
            serve(tmp_path, port=port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0), ("no such host", 0)])
def test_an_address_that_is_none_of_ours_is_said(tmp_path: Path, host: str, port: int) -> None:
    local_database(tmp_path).touch()
    with pytest.raises(UiError, match=rf"{host}:{port}: .*; choose another with --port .* or --host"):
        serve(tmp_path, host=host, port=port)


@pytest.mark.slow(15)
def test_a_database_that_is_none_is_said(tmp_path: Path) -> None:
    local_database(tmp_path).write_text("not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(UiError, match="(?s)MLflow's server does not start.*file is not a database"):
        serve(tmp_path, port=0)
    assert of(tmp_path) == []


@pytest.mark.slow(15)
def test_a_database_without_a_study_is_said(tmp_path: Path, empty_database: Path) -> None:
    shutil.copy(empty_database, local_database(tmp_path))
    with pytest.raises(UiError, match="nothing has been shown"):
        serve(tmp_path, port=0)
    assert of(tmp_path) == []


@pytest.mark.slow(15)
def test_a_study_that_was_not_shown_is_said_with_those_that_were(store: Path) -> None:
    with pytest.raises(UiError, match="study 'large' has not been shown in MLflow; shown are: small"):
        serve(store, study="large", port=0)
    assert of(store) == []


# -- what is shown --


@pytest.mark.slow(15)
def test_the_address_of_each_study_leads_to_its_run_and_for_this_machine_only(store: Path) -> None:
    ui = Ui(store)
    try:
        (line,) = [line for line in ui.said if line.startswith("small: ")]
        found = re.search(r"#/experiments/(\d+)/runs/(\w+)\?workflowType=machine_learning$", line)
        assert found
        with urllib.request.urlopen(f"{ui.address()}api/2.0/mlflow/runs/get?run_id={found[2]}") as answer:
            run = json.load(answer)["run"]
        assert run["info"]["experiment_id"] == found[1]
        assert {"key": "study", "value": "small"} in run["data"]["tags"]
        assert get(ui.address()) == 200
        assert get(ui.address(), Host="elsewhere.example") == 403
        assert "Warning" not in "".join(ui.said)
        assert of(store)
    finally:
        assert ui.end(signal.SIGINT) == 0
    until(lambda: of(store) == [])


@pytest.mark.slow(15)
def test_shown_to_others_it_warns_and_answers_to_its_names(store: Path) -> None:
    ui = Ui(store, "small", "0.0.0.0")
    try:
        assert "without a password" in ui.said[0]
        assert get(ui.address()) == 200
        port = ui.address().rsplit(":", 1)[1].strip("/")
        assert get(ui.address(), Host=f"{socket.gethostname()}:{port}") == 200
        assert get(ui.address(), Host="elsewhere.example") == 403
    finally:
        assert ui.end(signal.SIGTERM) == 0
    until(lambda: of(store) == [])

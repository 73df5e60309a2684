"""The commands as a user has them: real studies with the real simulator, small."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner, Result

from sweep.cli import app
from sweep.store.files import FileStore
from tests.sweep.landscape import Row, trial_table

STUDY = {
    "name": "small",
    "workloads": ["giant-exit", "burst-silence"],
    "machine": "vm-2cpu",
    "policies": ["per_object", "fixed_batch", "whole_list", "direct_exit"],
    "budget": {"trials": 48},
    "population": 12,
}
QUIET = ("--in-process", "--no-track")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(STUDY))
    return path


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "sweep", *map(str, words)]


def table(store: Path, name: str = "small") -> list[Row]:
    return trial_table(FileStore(store / name, read_only=True).attempts())


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the small study after one undisturbed run."""
    place = tmp_path_factory.mktemp("launched")
    (place / "small.yaml").write_text(yaml.safe_dump(STUDY))
    result = invoke("launch", place / "small.yaml", "--store", place / "store", *QUIET)
    assert result.exit_code == 0, result.output
    return place / "store"


def test_a_launch_leaves_what_it_says(launched: Path) -> None:
    results = launched / "small" / "results"
    assert {path.name for path in results.iterdir()} == {
        "trials.parquet",
        "front.parquet",
        "front.html",
        "front.png",
        "recommended.yaml",
    }
    trials = pq.read_table(results / "trials.parquet")
    assert trials.num_rows == 48 * 2
    assert set(trials["scenario"].to_pylist()) == {"giant-exit", "burst-silence"}
    assert pq.read_table(results / "front.parquet").num_rows > 0
    assert (results / "front.png").read_bytes().startswith(b"\x89PNG")
    page = (results / "front.html").read_text()
    assert "simulated" in page
    assert 'src="http' not in page  # it works offline
    recommended = yaml.safe_load((results / "recommended.yaml").read_text())
    assert recommended["figures"] == "simulated"
    assert recommended["policy"] in STUDY["policies"]


def test_launching_a_finished_study_again_runs_nothing_and_shows_it(launched: Path, study: Path) -> None:
    before = table(launched)
    result = invoke("launch", study, "--store", launched, *QUIET)
    assert result.exit_code == 0
    assert "48 trials" in result.output
    assert table(launched) == before


def test_another_study_of_the_same_name_is_refused(launched: Path, study: Path) -> None:
    result = invoke("launch", study, "--store", launched, "--set", "seed=2", *QUIET)
    assert result.exit_code == 2
    assert "another study of this name" in result.output


def test_the_front_is_shown_as_table_and_as_json(launched: Path) -> None:
    shown = invoke("front", "small", "--store", launched)
    assert shown.exit_code == 0
    assert "baseline" in shown.output
    assert "simulated" in shown.output
    document = json.loads(invoke("front", "small", "--store", launched, "--format", "json").stdout)
    assert document["figures"] == "simulated"
    labels = [point["label"] for point in document["points"]]
    assert sum("recommended" in label for label in labels) == 1
    assert "baseline" in " ".join(labels)
    measured = document["points"][0]["scenarios"]["giant-exit"]
    assert measured["exit_latency_ns"]["p99"] > 0


def test_the_recommendation_is_what_simulate_measures(launched: Path) -> None:
    recommended = yaml.safe_load((launched / "small" / "results" / "recommended.yaml").read_text())
    settings = [word for k, v in recommended["params"].items() for word in ("--set", f"{k}={json.dumps(v)}")]
    words = [
        "--workload",
        "giant-exit",
        "--machine",
        "vm-2cpu",
        "--policy",
        recommended["policy"],
        "--seed",
        1,
    ]
    result = invoke("simulate", *words, *settings, "--format", "json")
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)
    said = recommended["workloads"]["giant-exit"]
    assert measured["exit_latency_ns"]["p99"] == said["exit_latency_ns.p99"]
    assert measured["retained_bytes"]["mean"] == said["retained_bytes.mean"]


def test_a_finished_study_goes_on_with_a_larger_budget_only(
    tmp_path: Path, study: Path, launched: Path
) -> None:
    store = tmp_path / "store"
    assert invoke("launch", study, "--store", store, "--set", "budget.trials=20", *QUIET).exit_code == 0
    refused = invoke("resume", "small", "--store", store, "--set", "seed=4", *QUIET)
    assert refused.exit_code == 2
    assert "only the budget" in refused.output
    assert len(table(store)) == 20
    assert invoke("resume", "small", "--store", store, "--set", "budget.trials=48", *QUIET).exit_code == 0
    assert table(store) == table(launched)


def test_a_dry_run_prints_the_resolved_study_and_runs_nothing(tmp_path: Path, study: Path) -> None:
    result = invoke("launch", study, "--store", tmp_path / "store", "--set", "budget.trials=7", "--dry-run")
    assert result.exit_code == 0
    resolved = yaml.safe_load(result.stdout)
    assert resolved["budget"]["trials"] == 7
    assert resolved["objectives"] == ["exit_latency_ns.p99", "retained_bytes.mean"]
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["launch", "quik"], "did you mean 'quick'"),
        (["launch", "none.yaml"], "no such file"),
        (["launch", "quick", "--set", "machine=vm-3cpu"], "did you mean"),
        (["launch", "quick", "--set", "workloads=[pgbench-conect]"], "did you mean 'pgbench-connect'"),
        (["launch", "quick", "--set", "policies=[fixed_bach]"], "did you mean 'fixed_batch'"),
        (["launch", "quick", "--set", "fixed.fixed_batch.mx=3"], "did you mean max"),
        (["launch", "quick", "--set", "budget.trial=3"], "did you mean 'trials'"),
        (["launch", "quick", "--set", "budget"], "expected KEY=VALUE"),
        (["launch", "quick", "--set", "workloads=[/nowhere/trace.parquet]", *QUIET], "trace.parquet"),
        (["launch", "quick", "--store", "/proc/nowhere", *QUIET], "--store"),
        (["launch", "quick", "--workers", "0"], "workers"),
        (["resume", "small"], "no study 'small'"),
        (["front", "small"], "no study 'small'"),
        (["front", "small", "--format", "xml"], "table or json"),
        (["simulate", "--workload", "pgbench-conect"], "pgbench-connect"),
        (["lunch"], "lunch"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from sweep.cli import app\n"
        "assert CliRunner().invoke(app, ['launch', '--help']).exit_code == 0\n"
        "heavy = {'ray', 'optuna', 'mlflow', 'pyarrow', 'numpy', 'plotly', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_two_launches_of_one_study_at_once_are_one(tmp_path: Path, study: Path) -> None:
    owner = FileStore(tmp_path / "store" / "small")
    result = invoke("launch", study, "--store", tmp_path / "store", *QUIET)
    owner.close()
    assert result.exit_code == 2
    assert f"being run by pid {os.getpid()}" in result.output


@pytest.mark.slow
def test_a_killed_driver_is_resumed_to_the_same_table(tmp_path: Path, study: Path, launched: Path) -> None:
    store = tmp_path / "store"
    words = ["launch", study, "--store", store, *QUIET]
    wait = random.Random(0)
    for _ in range(3):
        driver = subprocess.Popen(command(*words), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        log = store / "small" / "attempts.log"
        kept = log.stat().st_size if log.exists() else 0
        while driver.poll() is None and (not log.exists() or log.stat().st_size <= kept):
            time.sleep(0.005)
        time.sleep(wait.uniform(0, 0.3))
        driver.kill()
        driver.wait()
        words = ["resume", "small", "--store", store, *QUIET]
    assert subprocess.run(command(*words), capture_output=True, check=False).returncode == 0
    assert table(store) == table(launched)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_ray_gives_the_same_table_with_any_number_of_workers(
    tmp_path: Path, study: Path, launched: Path, workers: int
) -> None:
    store = tmp_path / "store"
    words = ["launch", study, "--store", store, "--no-track", "--workers", workers]
    done = subprocess.run(command(*words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert table(store) == table(launched)
    where = {a.worker for a in FileStore(store / "small", read_only=True).attempts()} - {"store"}
    assert len(where) == workers


@pytest.mark.slow
def test_ctrl_c_keeps_what_has_finished_and_says_how_to_go_on(tmp_path: Path, launched: Path) -> None:
    """The whole process group gets the signal, as from a terminal; Ray and MLflow are there."""
    store = tmp_path / "store"
    study = tmp_path / "small.yaml"
    study.write_text(yaml.safe_dump(STUDY | {"workloads": ["many-mappings"], "budget": {"trials": 5000}}))
    driver: Any = subprocess.Popen(
        command("launch", study, "--store", store, "--workers", 2),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    log = store / "small" / "attempts.log"
    while driver.poll() is None and (not log.exists() or log.stat().st_size < 20_000):
        time.sleep(0.02)
    os.killpg(driver.pid, signal.SIGINT)
    out, err = driver.communicate()
    assert driver.returncode == 130, err
    assert "python -m sweep resume small" in out
    assert "Traceback" not in err
    assert "not shown in MLflow" not in out
    kept = table(store)
    assert 0 < len(kept) < 5000
    words = ["resume", "small", "--store", store, "--set", f"budget.trials={len(kept) + 12}", *QUIET]
    assert invoke(*words).exit_code == 0
    assert table(store)[: len(kept)] == kept

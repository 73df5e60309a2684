"""Launch and resume as a user has them, from the first trial to what a study leaves behind."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from sweep.store.files import FileStore
from sweep.track.place import local_database
from tests.sweep.small import QUIET, STUDY, command, invoke, run, table, written


def test_a_launch_leaves_what_it_says(launched: Path) -> None:
    results = launched / "small" / "results"
    assert {path.name for path in results.iterdir()} == {
        "trials.parquet",
        "front.parquet",
        "front.html",
        "front.png",
        "recommended.yaml",
        "report.html",
        "report.md",
    }
    trials = pq.read_table(results / "trials.parquet")
    assert set(trials["trial"].to_pylist()) == set(range(48))
    assert set(trials["scenario"].to_pylist()) == {"giant-exit@vm-2cpu", "burst-silence@vm-2cpu"}
    assert pq.read_table(results / "front.parquet").num_rows > 0
    assert (results / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "simulated" in (results / "report.md").read_text()
    recommended = yaml.safe_load((results / "recommended.yaml").read_text())
    assert recommended["policy"] in STUDY["policies"]  # type: ignore[operator]


def test_launching_a_finished_study_again_runs_nothing_and_shows_it(store: Path, tmp_path: Path) -> None:
    before = table(store)
    result = invoke("launch", written(tmp_path), "--store", store, *QUIET)
    assert result.exit_code == 0, result.output
    assert "48 trials" in result.stdout
    assert table(store) == before


def test_the_recommendation_is_what_simulate_measures(launched: Path) -> None:
    config = launched / "small" / "results" / "recommended.yaml"
    result = invoke("simulate", "--config", config, "--format", "json")
    assert result.exit_code == 0, result.output
    json.loads(result.stdout)


def test_a_finished_study_goes_on_with_a_larger_budget_only(launched: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert (
        invoke("launch", written(tmp_path), "--store", store, "--set", "budget.trials=20", *QUIET).exit_code
        == 0
    )
    refused = invoke("resume", "small", "--store", store, "--set", "seed=4", *QUIET)
    assert refused.exit_code == 2
    assert "only the budget" in refused.stderr
    assert len(table(store)) == 20
    assert invoke("resume", "small", "--store", store, "--set", "budget.trials=48", *QUIET).exit_code == 0
    assert table(store) == table(launched)


def test_a_warm_start_measures_nothing_that_is_known(store: Path, tmp_path: Path) -> None:
    changes = ("--set", "name=warm", "--set", "budget.trials=8", "--set", "population=6")
    result = invoke("launch", written(tmp_path), "--store", store, "--from", "small", *changes, *QUIET)
    assert result.exit_code == 0, result.output
    rows = table(store, "warm")
    known = {trial.configuration: measured for trial, measured, _ in table(store)}
    taken = [row for row in rows if row[0].origin == "from:small"]
    assert len(taken) > 30
    assert all(known[trial.configuration] == measured for trial, measured, _ in taken)
    attempts = FileStore(store / "warm", read_only=True).attempts()
    ran = {a.trial.configuration for a in attempts if not a.worker.startswith("from ")}
    assert not ran & set(known)
    assert [trial.number for trial, _, _ in rows] == list(range(len(rows)))
    # What it took is kept with it: the study that it came from may go.
    (store / "small").rename(tmp_path / "gone")
    assert invoke("resume", "warm", "--store", store, *QUIET).exit_code == 0
    assert table(store, "warm") == rows


def test_a_dry_run_prints_the_resolved_study_and_its_size_and_runs_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    result = invoke("launch", written(tmp_path), "--store", store, "--set", "budget.trials=7", "--dry-run")
    assert result.exit_code == 0, result.output
    resolved = yaml.safe_load(result.stdout)
    assert resolved["budget"]["trials"] == 7
    assert resolved["objectives"] == ["exit_latency_ns.p99", "retained_bytes.mean"]
    assert "# scenarios: 2 (" in result.stdout
    assert "# search space: " in result.stdout
    assert "# run time: about " in result.stdout
    assert not store.exists()


@pytest.mark.slow(20)
def test_a_killed_driver_is_resumed_to_the_same_table(tmp_path: Path, launched: Path) -> None:
    store = tmp_path / "store"
    words: list[object] = ["launch", written(tmp_path), "--store", store, *QUIET]
    wait = random.Random(0)
    for _ in range(2):
        driver = subprocess.Popen(command(*words), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        log = store / "small" / "attempts.log"
        kept = log.stat().st_size if log.exists() else 0
        while driver.poll() is None and (not log.exists() or log.stat().st_size <= kept):
            time.sleep(0.005)
        time.sleep(wait.uniform(0, 0.3))
        driver.kill()
        driver.wait()
        words = ["resume", "small", "--store", store, *QUIET]
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert table(store) == table(launched)


@pytest.mark.slow(20)
@pytest.mark.parametrize("workers", [1, 2])
def test_ray_gives_the_same_table_with_any_number_of_workers(
    tmp_path: Path, launched: Path, workers: int
) -> None:
    store = tmp_path / "store"
    done = run("launch", written(tmp_path), "--store", store, "--no-track", "--workers", workers)
    assert done.returncode == 0, done.stderr
    assert table(store) == table(launched)
    results = "small/results/trials.parquet"
    assert (store / results).read_bytes() == (launched / results).read_bytes()


@pytest.mark.slow(20)
def test_ctrl_c_keeps_what_has_finished_and_says_how_to_go_on(tmp_path: Path, empty_database: Path) -> None:
    """The whole process group gets the signal, as from a terminal; Ray and MLflow are there."""
    store = tmp_path / "store"
    store.mkdir()
    shutil.copy(
        empty_database, local_database(store)
    )  # to make it takes longer than a sweep waits, under load
    study = written(tmp_path, workloads=["many-mappings"], budget={"trials": 5000})
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
    assert "not shown" not in out
    kept = table(store)
    assert 0 < len(kept) < 5000
    assert json.loads(run("list", "--store", store, "--format", "json").stdout)[0]["state"] == "interrupted"
    words = ["resume", "small", "--store", store, "--set", f"budget.trials={len(kept) + 12}", *QUIET]
    assert invoke(*words).exit_code == 0
    after = {row[0].number: row for row in table(store)}
    assert all(after[row[0].number] == row for row in kept)


def test_a_sweep_that_is_stopped_at_once_is_interrupted_and_not_an_error(tmp_path: Path) -> None:
    store = tmp_path / "store"
    study = written(tmp_path, workloads=["stress-ng"], machines=["vm-2cpu", "phone-8core"])
    driver = subprocess.Popen(
        command("launch", study, "--store", store, *QUIET),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while driver.poll() is None and not (store / "small" / "status.json").exists():
        time.sleep(0.005)
    driver.send_signal(signal.SIGTERM)
    out, err = driver.communicate()
    assert driver.returncode == 130, err
    assert "Traceback" not in err
    assert "python -m sweep resume small" in out

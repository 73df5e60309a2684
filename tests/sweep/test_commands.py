"""The small commands: tables for people, one JSON document for programs."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
from typer.testing import CliRunner

from sweep import commands, machine, study_file
from sweep.cli import app
from sweep.store.files import FileStore
from tests.sweep.small import QUIET, invoke, run, table, written

COMMANDS = sorted(command.name or "" for command in typer.main.get_group(app).commands.values())
TABLES = {
    "list": [],
    "status": ["small"],
    "front": ["small"],
    "report": ["small"],
    "compare": ["small", "small"],
    "gc": ["small"],
    "simulate": None,
}


def document(*line: object) -> Any:
    result = invoke(*line, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_all_commands_are_there() -> None:
    assert {
        *("launch", "resume", "submit", "status", "list", "front", "report", "compare", "track"),
        *("ui", "schema", "simulate", "gc", "logs", "stop"),
    } <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_the_command_line_takes(name: str) -> None:
    result = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, [name, "--help"])
    assert result.exit_code == 0
    found = re.search(rf"Example: python -m sweep ({name}\b[^│\n]*)", result.stdout)
    assert found, result.stdout
    # Each option of the example is one of the command's.
    for option in re.findall(r"(?<!\w)--?[a-z][a-z-]*", found[1]):
        assert option in result.stdout.replace(found[0], "")


@pytest.mark.parametrize("name", [name for name, words in TABLES.items() if words is not None])
def test_every_table_is_one_json_document_too(store: Path, name: str) -> None:
    words = TABLES[name]
    assert words is not None
    document(name, *words, "--store", store)
    shown = invoke(name, *words, "--store", store)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout
    assert not shown.stdout.lstrip().startswith(("{", "["))


def test_a_simulation_is_one_json_document_too() -> None:
    found = document("simulate", "--workload", "giant-exit", "--policy", "fixed_batch", "--set", "max=64")
    assert "exit_latency_ns" in json.dumps(found)


def test_nothing_but_the_document_is_on_standard_output_of_a_process(store: Path) -> None:
    done = run("front", "small", "--store", store, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["study"] == "small"
    reader = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f"{Path(subprocess.sys.executable)} -m sweep front small --store {store} | head -n 1",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in reader.stderr


def test_the_front_is_shown_with_what_it_is_compared_to(launched: Path) -> None:
    shown = invoke("front", "small", "--store", launched)
    assert "baseline" in shown.stdout
    assert "simulated" in shown.stdout
    found = document("front", "small", "--store", launched)
    assert found["figures"] == "simulated"
    points = {point["trial"]: point for point in found["points"]}
    assert points[0]["label"].startswith("baseline")
    assert points[0]["ratios"] == [1.0, 1.0]
    recommended = points[found["recommended"]]
    assert recommended["feasible"]
    measured = recommended["scenarios"]["giant-exit@vm-2cpu"]
    assert measured["exit_latency_ns"]["p99"] > 0
    of = {trial.number: dict(scenarios) for trial, scenarios, _ in table(launched)}
    assert measured == of[found["recommended"]]["giant-exit@vm-2cpu"].nested()


def test_a_list_tells_how_each_study_stands(store: Path, tmp_path: Path) -> None:
    (found,) = document("list", "--store", store)
    assert (found["study"], found["state"], found["trials"], found["budget"]) == ("small", "complete", 48, 48)
    assert found["hypervolume"] > 0
    assert time.time() - found["updated_s"] < 3600
    assert document("list", "--store", tmp_path / "nowhere") == []
    assert "no studies in" in invoke("list", "--store", tmp_path / "nowhere").stdout


def test_a_run_that_died_is_broken_off_and_one_that_runs_is_running(store: Path) -> None:
    path = store / "small" / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "running"}))
    assert document("status", "small", "--store", store)["state"] == "broken off"
    assert "python -m sweep resume small" in invoke("status", "small", "--store", store).stdout
    owner = FileStore(store / "small")
    assert document("status", "small", "--store", store)["state"] == "running"
    assert document("list", "--store", store)[0]["state"] == "running"
    owner.close()
    path.unlink()
    assert commands.status(store / "small")["state"] == "broken off"


def test_a_status_counts_what_the_store_has(launched: Path) -> None:
    found = document("status", "small", "--store", launched)
    attempts = FileStore(launched / "small", read_only=True).attempts()
    assert found["attempts"] == len(attempts) == 48
    assert found["measured"] == sum(a.failure is None for a in attempts)
    assert found["feasible"] <= found["measured"]
    assert found["scenarios"] == ["giant-exit@vm-2cpu", "burst-silence@vm-2cpu"]


def test_gc_changes_nothing_that_can_be_seen(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for budget in (16, 24, 32):
        changes = ("--set", f"budget.trials={budget}")
        assert invoke("launch", written(tmp_path), "--store", store, *changes, *QUIET).exit_code == 0
    before = table(store)
    found = document("gc", "small", "--store", store)
    assert (found["study"], found["attempts"]) == ("small", 32)
    assert found["segments_after"] == 1
    assert table(store) == before
    again = document("gc", "small", "--store", store)
    assert again["freed_bytes"] == 0


@pytest.mark.parametrize(
    ("words", "made"),
    [([], study_file.schema), (["study"], study_file.schema), (["machine"], machine.schema)],
)
def test_schemas_are_printed(words: list[str], made: Any) -> None:
    printed = json.loads(invoke("schema", *words).stdout)
    jsonschema.Draft202012Validator.check_schema(printed)
    assert printed == json.loads(json.dumps(made()))

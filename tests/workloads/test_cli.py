"""`python -m workloads`: every command, its JSON, narrow windows, bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workloads import load, names
from workloads.cli import app
from workloads.render import BAR

runner = CliRunner()


def run(*arguments: str, columns: int = 100) -> str:
    result = runner.invoke(app, arguments, env={"COLUMNS": str(columns)})
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("columns", [50, 72, 200])
def test_list_names_and_describes_all_in_any_window(columns: int) -> None:
    text = run("list", columns=columns)
    assert all(name in text for name in names())
    assert "Apps of" in text
    assert ("558,416" in text) == (columns >= 72)


def test_list_json() -> None:
    listed = json.loads(run("list", "--format", "json"))
    assert [entry["name"] for entry in listed] == names()
    assert {entry["origin"] for entry in listed} == {"recorded", "synthetic"}


@pytest.mark.parametrize("name", ["many-mappings", "phone-app-cycle", "giant-exit"])
@pytest.mark.parametrize("columns", [30, 200])
def test_show_fits_the_window(name: str, columns: int) -> None:
    text = run("show", name, columns=columns)
    assert all(len(line) <= columns for line in text.splitlines() if BAR in line)
    for word in ("objects per exit", "per second", "readers", "memory pressure", BAR):
        assert word in text


def test_show_json_holds_the_numbers() -> None:
    document = json.loads(run("show", "stress-ng", "--format", "json"))
    assert document["rows"] == 199_132
    assert document["objects"] == 558_416
    assert {kind["kind"]: kind["rows"] for kind in document["kinds"]}["munmap"] == 196_101
    assert sum(bin["rows"] for bin in document["exit_sizes"]) == 2_170
    assert document["readers"]["kind"] == "mm_ref"
    assert document["exits_per_s"] == pytest.approx(2_170 / (document["duration_ns"] / 1e9))


def test_synth_validate_show(tmp_path: Path) -> None:
    path = str(tmp_path / "t.parquet")
    arguments = ("synth", "reader-heavy", "-o", path, "--seed", "4")
    assert "rows" in run(*arguments, "--set", "rcu_only=true", "--set", "duration_ms=100")
    assert "valid" in run("validate", path, columns=300)
    document = json.loads(run("show", path, "--format", "json"))
    assert document["readers"]["kind"] == "rcu_only"
    assert document["duration_ns"] == 100_000_000
    assert document["provenance"]["seed"] == "4"
    assert "rcu_only=true" in document["provenance"]["parameters"]
    assert load(path).name == "reader-heavy"
    assert "\n" in run("show", path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "exit-strom"], "Did you mean exit-storm?"),
        (["show", "no/such.parquet"], "no such file"),
        (["validate", "/dev/null"], "not a file"),
        (["validate", __file__], "not a readable Parquet file"),
        (["synth", "stress-ng", "-o", "x.parquet"], "no generator 'stress-ng'"),
        (["synth", "exit-storm", "-o", "x.parquet", "--set", "nr_cpus"], "expected KEY=VALUE"),
        (["synth", "exit-storm", "-o", "x.parquet", "--set", "cpus=1"], "no parameter 'cpus'"),
        (["synth", "exit-storm", "-o", "no/such/x.parquet"], "there is no folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_as_a_module_into_a_pipe(encoding: str) -> None:
    command = [sys.executable, "-m", "workloads", "show", "phone-app-cycle"]
    done = subprocess.run(command, capture_output=True, check=True, env={"PYTHONIOENCODING": encoding})
    assert b"objects per exit" in done.stdout
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""

"""`agree` and `calibrate` as a user types them, with programs that answer by numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweep import machine
from sweep.agreement import model
from sweep.backends.native import calibration, cpus
from tests.sweep.backends.native import fakes
from tests.sweep.backends.native.test_calibration import answer
from tests.sweep.small import invoke, words

CONF = """
development: [{name: exit-storm, window: [0.4 s, 0.05 s]}]
held_out: [{name: chromium, window: [0 s, 0.05 s]}]
longest_s: 2 s
objectives: [exit_latency_ns.p99, retained_bytes.mean]
targets: [{metric: exit_latency_ns.mean, spearman: 0.95, median_error: 15}]
shown: [exit_latency_ns.mean, dead_age_ns.p50]
"""


@pytest.fixture(autouse=True)
def _two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the profile of these commands has, whatever is here."""
    monkeypatch.setattr(cpus, "online", lambda: (0, 1))
    monkeypatch.setattr(cpus, "permitted", lambda: (0, 1))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """Small, with a machine on which everything always measures the same."""
    fakes.answering(tmp_path, monkeypatch)
    (tmp_path / "conf.yaml").write_text(CONF)
    out = tmp_path / "out"
    conf = tmp_path / "conf.yaml"
    return ("agree", "--conf", conf, "--configurations", 14, "--repeats", 1, "-o", out)


def test_files_and_json_say_the_same(command: tuple[object, ...], tmp_path: Path) -> None:
    result = invoke(*command, "--format", "json")
    assert result.exit_code == 0, result.output
    out = tmp_path / "out"
    agreement = model.load(out / "agreement.json")
    assert json.loads(result.stdout) == json.loads((out / "agreement.json").read_text())
    assert [part.part for part in agreement.parts] == ["all", "development", "held_out"]
    pairs = pq.read_table(out / "pairs.parquet").to_pylist()
    latency = [pair for pair in pairs if pair["metric"] == "exit_latency_ns.mean"]
    assert len(latency) == 28 - result.stderr.count("not compared")
    assert {pair["measured"] for pair in latency} == {fakes.metrics()["exit_latency_ns.mean"]}
    assert (out / "agreement.png").read_bytes().startswith(b"\x89PNG")
    assert "exit-storm" in (out / "agreement.html").read_text()


def test_the_tables_fit_a_terminal_and_name_the_targets(command: tuple[object, ...]) -> None:
    result = invoke(*command)
    assert result.exit_code == 0, result.output
    assert "…" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    text = words(result.stdout)
    assert "exit_latency_ns.mean: rho >= 0.95 NOT reached" in text
    assert "docs/agreement.md" in text


def test_it_goes_on_where_it_was(
    command: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke(*command).exit_code == 0
    before = (tmp_path / "out" / "measured.jsonl").read_bytes()
    assert invoke(*command).exit_code == 0
    assert (tmp_path / "out" / "measured.jsonl").read_bytes() == before


def test_a_benchmark_that_fails_keeps_what_was_measured_and_says_so(
    command: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.program(tmp_path, monkeypatch, "os.kill(os.getpid(), signal.SIGSEGV)")
    result = invoke(*command)
    assert result.exit_code == 2
    assert "run the same command again to go on" in words(result.stderr)
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--machine", "vm2cpu"), "vm-2cpu"),
        (("--machine", "server-128cpu"), "128 CPUs"),
        (("--workloads", "exit-strom"), "exit-storm"),
        (("--configurations", 3), "expected 14"),
        (("--conf", "nowhere.yaml"), "nowhere.yaml"),
        (("--cpus", "a"), "expected CPU numbers"),
        (("--cpus", "7"), "CPU 7"),
        (("--backend", "kernel", "--cpus", "0"), "any CPUs of the host"),
        (("--backend", "kernel", "--machine", "guest-3cpu"), "guest-2cpu"),
        (("--backend", "guest"), "kernel"),
        (("--icount", "11"), "--icount"),
        (("--calibrate", "mine.txt"), "--calibrate mine.txt: expected a name that ends in .yaml"),
        (("--calibrate", "nowhere/mine.yaml"), "no folder"),
        (("--calibrate", "mine.yaml", "--backend", "kernel"), "native backend only"),
    ],
)
def test_bad_input_ends_with_one_message(
    command: tuple[object, ...], options: tuple[object, ...], told: str
) -> None:
    result = invoke(*command, *options)
    assert result.exit_code == 2, result.output
    assert told in words(result.stderr)
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("name: chromium", "name: exit-storm"), "one role"),
        (("name: chromium", "name: chrome"), "chromium"),
        (("exit_latency_ns.p99, ret", "exit_latency.p99, ret"), "exit_latency_ns.p99"),
        (("spearman: 0.95", "spearman: 95"), "targets"),
        ((", spearman: 0.95, median_error: 15", ""), "a target needs"),
        (("longest_s: 2 s", "longest: 2 s"), "longest"),
        (("shown: [", "shown: ["[:-1]), "conf.yaml"),
    ],
)
def test_a_bad_conf_file_is_explained(
    command: tuple[object, ...], tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    (tmp_path / "conf.yaml").write_text(CONF.replace(*change))
    result = invoke(*command)
    assert result.exit_code == 2, result.output
    assert told in words(result.stderr)


# -- calibrate --


@pytest.fixture
def _calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calibrate.py"
    path.write_text(f"#!{sys.executable} -IS\nimport sys\nsys.stdin.buffer.read()\nprint({answer(3)!r})\n")
    path.chmod(0o755)
    monkeypatch.setattr(calibration, "path", lambda: path)


@pytest.mark.usefixtures("_calibration")
def test_calibrate_writes_a_profile_that_loads(tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    result = invoke("calibrate", "--rounds", 3, "-o", out, "--format", "json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    profile = dict(machine.load(out).entries())
    for entry, cost in document["costs"].items():
        assert profile[entry].value == pytest.approx(cost["value"], abs=0.5)
    assert document["fingerprint"]["key"] in profile["costs.unlink_ns"].source
    table = invoke("calibrate", "--rounds", 3)
    assert table.exit_code == 0
    assert "costs.unlink_ns" in table.stdout


@pytest.mark.usefixtures("_calibration")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("-o", "mine.txt"), ".yaml"),
        (("-o", "nowhere/mine.yaml"), "no folder"),
        (("--machine", "vm2cpu"), "vm-2cpu"),
        (("--rounds", 1), "--rounds"),
        (("--backend", "kernel", "--cpus", "0"), "any CPUs of the host"),
    ],
)
def test_bad_input_to_calibrate_ends_with_one_message(options: tuple[object, ...], told: str) -> None:
    result = invoke("calibrate", *options)
    assert result.exit_code == 2, result.output
    assert told in words(result.stderr)
    assert "Traceback" not in result.output


def test_a_calibration_program_that_crashes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calibrate.py"
    path.write_text(f"#!{sys.executable} -IS\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    path.chmod(0o755)
    monkeypatch.setattr(calibration, "path", lambda: path)
    result = invoke("calibrate", "--rounds", 3)
    assert result.exit_code == 2
    assert "killed by SIGSEGV" in words(result.stderr)


# -- calibrating between the passes --


def test_a_profile_that_was_calibrated_between_the_passes_is_what_is_compared(
    command: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calibrate.py"
    path.write_text(f"#!{sys.executable} -IS\nimport sys\nsys.stdin.buffer.read()\nprint({answer(1)!r})\n")
    path.chmod(0o755)
    monkeypatch.setattr(calibration, "path", lambda: path)
    mine = tmp_path / "mine.yaml"
    result = invoke(*command, "--calibrate", mine)
    assert result.exit_code == 0, result.output
    profile = dict(machine.load(mine).entries())
    assert profile["costs.object_remote_ns"].value == pytest.approx(70)
    assert model.load(tmp_path / "out" / "agreement.json").machine == "mine"
    rounds = (tmp_path / "out" / "calibration.jsonl").read_text()
    assert len(rounds.splitlines()) >= 3
    path.write_text("#!/bin/false\n")
    path.chmod(0o755)
    assert invoke(*command).exit_code == 0  # with the profile of before, nothing is calibrated

"""`lab curve`: its tables and files, and as a user types it wrongly."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep import curve_command, curve_files
from sweep.backends.kernel.beside import PolicyRow, configurations
from sweep.backends.kernel.curve import Curve, CurveTrial, Look
from sweep.backends.kernel.curve_points import points
from sweep.curve_files import Found
from sweep.errors import InputError
from sweep.trial import Interval
from tests.sweep.small import invoke, words

RELEASE = "6.12.3-test"


def found() -> Found:
    """Made up: half of each whole is removal; what the kernel does costs 100 ns per object, the rest 300."""
    looks = (Look(0, 40, 40), Look(10_000_000, 0, 0))
    trials = tuple(
        CurveTrial(
            block, n, how, touched, 120 * n, 100 * n if probed else None, 50 * n if probed else None, looks
        )
        for block in range(2)
        for n in (40, 80)
        for how in ("exit", "munmap")
        for touched in (False, True)
        for probed in (True, False)
    )
    probes = MappingProxyType({"exit_mmap": True, "remove_vma": False})
    rows = [
        PolicyRow(each, *[Interval(ns, ns, ns)] * 3)
        for each, ns in zip(configurations(RELEASE), [100.0] + [300.0] * 99, strict=False)
    ]
    made = Curve(RELEASE, True, probes, (192, 40), trials)
    return Found(made, points(trials, np.random.default_rng(0)), 40, rows)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a guest; tests/sweep/backends/kernel has one."""
    monkeypatch.setattr(curve_command, "_measure", lambda *_: found())


def test_files_and_table_say_that_they_are_emulated(measured: None, tmp_path: Path) -> None:
    result = invoke("lab", "curve", "-o", tmp_path)
    assert result.exit_code == 0
    assert words(result.stdout).count("emulated: its times are no machine's") == 1
    assert "functions that cannot be probed here: remove_vma" in words(result.stdout)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("trials.parquet", "points.csv", "policies.csv", "curve.png")
    }
    trials = pq.read_table(tmp_path / "trials.parquet")
    assert trials.num_rows == len(found().curve.trials)
    assert set(trials["emulated"].to_pylist()) == {True}
    for name in ("points.csv", "policies.csv"):
        with (tmp_path / name).open() as file:
            assert {row["emulated"] for row in csv.DictReader(file)} == {"True"}
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_kernels_row_stands_before_those_of_the_policies(measured: None, tmp_path: Path) -> None:
    document = json.loads(invoke("lab", "curve", "-o", tmp_path, "--format", "json").stdout)
    kernel, preset, other, *_ = document["policies"]
    assert kernel["name"] == "the kernel itself (linux-6.12)"
    assert kernel["exit_ns"]["value"] == 50
    assert preset["name"] == "direct_exit (linux-6.12)"
    assert preset["whole_exit"] == 0
    # 200 ns more per object of a whole exit that takes 100 ns per area.
    assert other["whole_exit"] == pytest.approx(2.0)
    assert all(each["emulated"] for each in document["policies"])


def test_what_was_written_is_read_and_more_can_be_added(tmp_path: Path) -> None:
    made = found().curve
    assert curve_files.read(tmp_path) is None
    curve_files.write(tmp_path, found())
    assert curve_files.read(tmp_path) == made
    both = curve_files.added(made, made)
    assert len(both.trials) == 2 * len(made.trials)
    assert {trial.block for trial in both.trials} == {0, 1, 2, 3}
    with pytest.raises(InputError, match="the trials there are of Linux 6.12.3-test, these of 6.13"):
        curve_files.added(made, replace(made, release="6.13"))


def test_trials_of_something_else_are_refused_before_a_guest_boots(tmp_path: Path) -> None:
    for make in (
        lambda path: path.write_text("no trials"),
        lambda path: pq.write_table(pa.table({"n": [40]}), path),
    ):
        make(tmp_path / "trials.parquet")
        result = invoke("lab", "curve", "-o", tmp_path, "--add")
        assert result.exit_code == 2
        assert "trials.parquet: not written by this version of lab curve" in words(result.stderr)


def test_a_missing_kernel_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_KERNEL_ROOT", str(tmp_path))
    result = invoke("lab", "curve", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "apt-get install linux-image-6.12" in words(result.stderr)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--blocks", 1), "--blocks"),
        (("--areas", "many"), "--areas"),
        (("--areas", 70_000), "areas 70000: expected 1 to 60 numbers from 1 to 65,000"),
        (("--areas", 40, "--areas", 40), "areas 40 40: one of them is there twice"),
    ],
)
def test_bad_numbers_end_with_exit_code_2(tmp_path: Path, wrong: tuple[object, ...], said: str) -> None:
    result = invoke("lab", "curve", "-o", tmp_path / "out", *wrong)
    assert result.exit_code == 2
    assert said in words(result.stderr)
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = invoke("lab", "curve", "-o", tmp_path / "file")
    assert result.exit_code == 2
    assert "file" in words(result.stderr)
    assert "Traceback" not in result.stderr

"""python -m sweep simulate: names in, one trial out."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from policies import PolicyError
from sweep import simulate_command, trial_options
from sweep.errors import USER_ERRORS, InputError
from sweep.trial import METRICS
from workloads import Scale

TRIAL: dict[str, Any] = {"workload": "giant-exit", "machine": "vm-2cpu", "policy": "fixed_batch"}


def test_json_is_the_measurement_as_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    simulate_command.run(**TRIAL, format="json")
    document = json.loads(capsys.readouterr().out)
    for name in METRICS:
        group, _, leaf = name.partition(".")
        value = document[group][leaf] if leaf else document[group]
        assert isinstance(value, int | float)


def test_the_table_has_every_metric_with_its_unit(capsys: pytest.CaptureFixture[str]) -> None:
    simulate_command.run(**TRIAL)
    rows = [[cell.strip() for cell in line.split("│")] for line in capsys.readouterr().out.splitlines()]
    units = {cells[1]: cells[3] for cells in rows if len(cells) > 4}
    assert {name: metric.unit for name, metric in METRICS.items()}.items() <= units.items()


def test_settings_reach_the_policy_and_the_machine() -> None:
    request = trial_options.resolve(
        **TRIAL,
        params=["max=64"],
        machine_overrides=["rcu.blimit=20"],
        scale=Scale(),
        readers="rcu_only",
        seed=3,
    )
    assert request.configuration.mapping()["max"] == 64
    assert request.machine.resolved()["blimit"] == 20
    assert request.workload.readers.kind == "rcu_only"


def test_a_preset_is_its_policy(capsys: pytest.CaptureFixture[str]) -> None:
    simulate_command.run(**TRIAL | {"policy": "linux-6.12"}, format="json")
    preset = capsys.readouterr().out
    simulate_command.run(**TRIAL | {"policy": "direct_exit"}, params=["bulk_size=1"], format="json")
    assert capsys.readouterr().out == preset


def test_series_and_plot_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series, plot = tmp_path / "s.parquet", tmp_path / "p.png"
    simulate_command.run(**TRIAL, series=series, plot=plot)
    table = pq.read_table(series)
    parts = [table[f"{state}_bytes"].to_numpy() for state in ("postponed", "waiting", "ready")]
    assert (table["retained_bytes"].to_numpy() == sum(parts)).all()
    assert table.schema.metadata[b"workload"] == b"giant-exit"
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"workload": "giant-exitt"}, "giant-exit"),
        ({"machine": "vm2cpu"}, "vm-2cpu"),
        ({"policy": "fixed_bacth"}, "fixed_batch"),
        ({"params": ["maxx=3"]}, "max"),
        ({"params": ["max"]}, "expected name=value"),
        ({"params": ["max=many"]}, "max"),
        ({"machine_overrides": ["rcu.blmit=3"]}, "rcu.blimit"),
        ({"readers": "none"}, "expected mm_ref or rcu_only"),
        ({"format": "xml"}, "expected table or json"),
        ({"dilation": -1.0}, "dilation"),
        ({"window": "1s"}, "--window 1s: expected START,LENGTH"),
        ({"window": "1s,2 MiB"}, "--window 1s,2 MiB: expected START,LENGTH"),
        ({"window": "99s,1s"}, "the window of .* starts at 99000000000 ns; it ends at"),
        ({"series": Path("/nowhere/s.parquet")}, "cannot write /nowhere/s.parquet"),
        ({"plot": Path("/nowhere/p.png")}, "cannot write /nowhere/p.png"),
        ({"series": Path("/dev/null")}, "cannot write /dev/null: not a regular file"),
        ({"plot": Path("/tmp")}, "cannot write /tmp: not a regular file"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(USER_ERRORS, match=words):
        simulate_command.run(**TRIAL | change)


@pytest.mark.parametrize("option", ["series", "plot"])
def test_a_pipe_stays_a_pipe_and_nothing_is_simulated(option: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="not a regular file"):
        simulate_command.run(**TRIAL, **{option: pipe}, params=["max=no number, but this is not looked at"])
    assert pipe.is_fifo()


def test_a_file_is_replaced_whole_or_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "s.parquet"
    place.write_bytes(b"before")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(pq, "write_table", full)
        with pytest.raises(InputError, match="cannot write .*s.parquet: No space left"):
            simulate_command.run(**TRIAL, series=place)
    assert place.read_bytes() == b"before"
    simulate_command.run(**TRIAL, series=place)
    assert pq.read_table(place).num_rows > 100
    assert list(tmp_path.iterdir()) == [place]


def test_a_release_without_rcu_is_refused() -> None:
    with pytest.raises(PolicyError, match="per-VMA locks came with 6.4"):
        simulate_command.run(**TRIAL | {"policy": "linux-5.15"})

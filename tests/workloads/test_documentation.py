"""docs/adding-a-workload.md is true: its Python and its commands run, in its order."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workloads import load
from workloads.cli import app
from workloads.reader import KINDS, SCHEMA

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-workload.md"


def test_the_page_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for language, text in re.findall(r"```(python|sh)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        if language == "python":
            subprocess.run([sys.executable, "-c", text], check=True, cwd=tmp_path)
            ran += 1
        for command in text.splitlines() if language == "sh" else []:
            words = shlex.split(command)
            assert words[:2] == ["python", "-m"]
            if words[2] == "workloads":
                result = CliRunner().invoke(app, words[3:])
                assert result.exit_code == 0, result.output
                ran += 1
    assert ran >= 7
    pressed = load("my-server-pressed.parquet")
    assert (pressed.readers.kind, pressed.readers.preempted_ppm) == ("rcu_only", 500)
    assert pressed.pressure is not None
    assert pressed.name == "my-server"


def test_the_page_names_every_kind_and_column() -> None:
    text = PAGE.read_text()
    assert all(f"`{kind}`" in text for kind in KINDS)
    assert all(f"`{column}`" in text for column in SCHEMA.names)

"""A small study with the real simulator, and the commands as a user types them."""

import subprocess
import sys
from pathlib import Path

import yaml
from typer.testing import CliRunner, Result

from sweep.cli import app
from sweep.store.files import FileStore
from tests.sweep.landscape import Row, trial_table

STUDY: dict[str, object] = {
    "name": "small",
    "workloads": ["giant-exit", "burst-silence"],
    "machines": ["vm-2cpu"],
    "policies": ["per_object", "fixed_batch", "whole_list", "direct_exit"],
    "budget": {"trials": 48},
    "population": 12,
}
QUIET = ("--in-process", "--no-track")


def written(place: Path, **changes: object) -> Path:
    """The study's file."""
    path = place / "small.yaml"
    path.write_text(yaml.safe_dump(STUDY | changes))
    return path


def invoke(*words: object) -> Result:
    """In this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "sweep", *map(str, words)]


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    return subprocess.run(command(*words), capture_output=True, text=True, check=False, cwd=cwd)


def table(store: Path, name: str = "small") -> list[Row]:
    return trial_table(FileStore(store / name, read_only=True).attempts())


def words(text: str) -> str:
    """Without line breaks and the frames around messages."""
    return " ".join(text.replace("│", " ").split())

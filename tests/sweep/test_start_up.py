"""What answers at once loads nothing heavy; completion works in the shells."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sweep.small import command

HEAVY = {
    *("duckdb", "jinja2", "matplotlib", "mlflow", "numpy", "optuna", "pandas", "plotly", "pyarrow"),
    *("ray", "scipy", "yaml"),
}
"""Without pydantic, which typer itself loads."""
SCRIPT = Path(sys.executable).with_name("sweep")


def imported(*words: object) -> set[str]:
    """The top packages that a command loads."""
    words = (sys.executable, "-X", "importtime", "-m", "sweep", *words)
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=True)
    lines = re.findall(r"^import time:.*\| +([\w.]+)$", done.stderr, re.MULTILINE)
    assert "sweep.cli" in lines
    return {name.partition(".")[0] for name in lines}


@pytest.mark.parametrize(
    "words", [["--help"], ["launch", "--help"], ["simulate", "--help"], ["submit", "--help"]]
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    assert imported(*words) & HEAVY == set()


@pytest.mark.parametrize("form", ["table", "json"])
def test_list_loads_nothing_heavy(launched: Path, form: str) -> None:
    assert imported("list", "--store", launched, "--format", form) & HEAVY == set()


def test_a_command_loads_only_what_it_needs(launched: Path) -> None:
    assert imported("schema") & (HEAVY - {"numpy", "pyarrow", "yaml"}) == set()


# -- completion -----------------------------------------------------------------------------------


def completed(line: str, shell: str = "bash") -> str:
    """What the shell is offered at the end of this line."""
    words = line.split(" ")
    environment = {
        "_SWEEP_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
    }
    if shell == "fish":
        environment["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    done = subprocess.run([SCRIPT], capture_output=True, text=True, check=False, env=os.environ | environment)
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_and_options_are_completed(shell: str) -> None:
    assert {"launch", "list", "logs"} <= set(re.findall(r"\w+", completed("sweep l", shell)))
    assert "--in-process" in completed("sweep launch --in", shell)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_shown(shell: str) -> None:
    done = subprocess.run(
        [SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"_SWEEP_COMPLETE": f"source_{shell}"},
    )
    assert f"_SWEEP_COMPLETE=complete_{shell}" in done.stdout


def test_the_commands_are_there_under_both_names() -> None:
    def helped(words: list[str]) -> str:
        shown = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True).stdout
        return re.sub(r"Usage: (python -m )?sweep", "Usage:", shown).replace(" ", "")

    assert helped([str(SCRIPT)]) == helped(command())

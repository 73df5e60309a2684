"""The program: as installed, and built with sanitizers together with policies that have one fault each."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

import sweep.backends.native as package
from tests.sweep.backends.native.requests import ROOT

WRONG: Final = ROOT / "tests" / "policies" / "harness" / "wrong.c"
_NO_LIBURCU: Final = "liburcu is not installed, so the program was not built (Debian: liburcu-dev)"


def wrong_policies() -> list[str]:
    """Names of the policies in wrong.c."""
    text = WRONG.read_text()
    return re.findall(r"^WRONG\((\w+),", text, re.MULTILINE) + re.findall(
        r"^const struct policy policy_(\w+) =", text, re.MULTILINE
    )


@pytest.fixture(scope="session")
def program() -> Path:
    """As installed."""
    for directory in package.__path__:
        path = Path(directory) / "_bench"
        if path.exists():
            return path
    if not any(Path("/usr/include").glob("**/urcu/urcu-memb.h")):
        pytest.skip(_NO_LIBURCU)
    raise FileNotFoundError("liburcu is here, but the program is not: run `make build`")


def _sanitized(directory: Path, sanitizer: str) -> Path:
    configure = [
        "cmake",
        "-S",
        ROOT,
        "-B",
        directory,
        "-G",
        "Ninja" if shutil.which("ninja") else "Unix Makefiles",
        "-DCMAKE_BUILD_TYPE=None",
        "-DCMAKE_C_FLAGS=-O1",
        f"-DSWEEP_SANITIZE={sanitizer}",
        f"-DSWEEP_BENCH_POLICIES={WRONG}",
        f"-DSWEEP_BENCH_POLICY_NAMES={';'.join(wrong_policies())}",
    ]
    for command in (configure, ["cmake", "--build", directory, "--target", "_bench"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return directory / "_bench"


@pytest.fixture(scope="session")
def address_sanitized(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With address and undefined-behaviour checks."""
    return _sanitized(tmp_path_factory.mktemp("address"), "address,undefined")


@pytest.fixture(scope="session")
def thread_sanitized(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With checks for data races."""
    return _sanitized(tmp_path_factory.mktemp("thread"), "thread")

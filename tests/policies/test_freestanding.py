"""Policies need nothing but policy.h and the platform: no libc, so that they compile into a kernel module."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "policies"
SOURCES = sorted(ROOT.glob("*.c"))
FLAGS = [
    "-std=gnu11",
    "-O2",
    "-ffreestanding",
    "-nostdlib",
    "-fno-builtin",
    "-fno-stack-protector",
    "-Wall",
    "-Wextra",
    "-Werror",
]


def compiler() -> str:
    found = shutil.which(os.environ.get("CC", "cc"))
    assert found, "a C compiler is needed"
    return found


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [compiler(), *FLAGS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_policy_compiles_and_links_with_nothing_but_the_platform(source: Path, tmp_path: Path) -> None:
    # One big object: memcpy() and the like, which a compiler may call by itself, must not come in either.
    result = run(
        "-shared", "-fPIC", "-Wl,-z,defs", source, ROOT / "stub" / "platform.c", "-o", tmp_path / "p.so"
    )
    assert result.returncode == 0, result.stderr


def test_the_check_notices_libc(tmp_path: Path) -> None:
    bad = tmp_path / "bad.c"
    bad.write_text(
        'int puts(const char *);\nint policy_bad(void);\nint policy_bad(void)\n{\n\treturn puts("x");\n}\n'
    )
    result = run("-shared", "-fPIC", "-Wl,-z,defs", bad, "-o", tmp_path / "bad.so")
    assert result.returncode != 0
    assert "puts" in result.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_policy_includes_policy_h_and_nothing_else(source: Path) -> None:
    includes = [line.strip() for line in source.read_text().splitlines() if line.startswith("#include")]
    assert includes == ['#include "policy.h"']


def changing_bytes(source: Path, out: Path) -> int:
    """Bytes of variables that may change, in the object file that `source` becomes."""
    result = run("-c", source, "-o", out, "-fPIC", "-Wframe-larger-than=1100")
    assert result.returncode == 0, result.stderr
    listing = subprocess.run(["size", "-A", str(out)], capture_output=True, text=True, check=True).stdout
    sections = [line.split() for line in listing.splitlines() if line.startswith((".data", ".bss"))]
    return sum(int(size) for name, size, _ in sections if not name.startswith(".data.rel.ro"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_policy_has_no_variable_of_its_own_and_a_small_stack(source: Path, tmp_path: Path) -> None:
    assert changing_bytes(source, tmp_path / "p.o") == 0


def test_the_check_notices_a_variable(tmp_path: Path) -> None:
    bad = tmp_path / "bad.c"
    bad.write_text("int counter(void);\nint counter(void)\n{\n\tstatic int n;\n\treturn n++;\n}\n")
    assert changing_bytes(bad, tmp_path / "bad.o") == 4

"""The module, compiled against the headers of a kernel, with every policy in it.

Kbuild wants its sources in one directory: the module's own, policies/*.c as policy_*.c, policy.h, and
the list of all policies. Equal sources and headers give the same directory, which is built once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import policies
from sweep.backends.kernel.errors import LabError
from sweep.packages import apt

MODULE: Final = "rcu_sweep.ko"
_SOURCES: Final = Path(__file__).parent / "module"
FLAGS: Final = ("W=1", "KCFLAGS=-Werror")
"""Of make: a warning is an error."""


def policy_sources() -> dict[str, Path]:
    """By policy, its C file."""
    found = {path.stem: path for place in policies.__path__ for path in Path(place).glob("*.c")}
    return dict(sorted(found.items()))


def sources(policy_files: Mapping[str, Path]) -> dict[str, str]:
    """By file name, everything that the module is built from. policy_files: by policy, its C file (one file may
    hold several)."""
    own = {path.name: path.read_text() for path in _SOURCES.iterdir() if path.suffix in (".c", ".h")}
    header = next(path for place in policies.__path__ for path in [Path(place) / "policy.h"] if path.exists())
    return {
        **own,
        "Kbuild": (_SOURCES / "Kbuild").read_text(),
        "policy.h": header.read_text(),
        **{f"policy_{path.stem}.c": path.read_text() for path in policy_files.values()},
        "all_policies.h": _declarations(policy_files),
        "all_policies.c": _table(policy_files),
    }


def _declarations(names: Mapping[str, object]) -> str:
    lines = "".join(f"extern const struct policy policy_{name};\n" for name in names)
    return f"/* Generated from the file names in policies/. */\n#include <policy.h>\n\n{lines}"


def _table(names: Mapping[str, object]) -> str:
    entries = "".join(f"\t&policy_{name},\n" for name in names)
    return (
        "// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only\n/* Generated from the file names in policies/. */\n"
        '#include "lab.h"\n\n'
        f"const struct policy *const all_policies[] = {{\n{entries}}};\n"
        "const unsigned int nr_all_policies = POLICY_NR(all_policies);\n"
    )


def build(headers: Path, cache: Path, policy_files: Mapping[str, Path] | None = None) -> Path:
    """The module for the kernel whose build directory is `headers` (/lib/modules/RELEASE/build), in a
    directory below `cache`. policy_files: as of sources(); None, every policy of the catalogue. Raises LabError
    with the compiler's words if it does not build."""
    files = sources(policy_sources() if policy_files is None else policy_files)
    text = repr((str(headers.resolve()), sorted(files.items())))
    directory = cache / hashlib.sha256(text.encode()).hexdigest()[:16]
    if not (headers / "Makefile").exists():
        raise LabError(f"{headers}: no kernel headers there; install those of the kernel (linux-headers-...)")
    if not (directory / MODULE).exists():
        _compile(headers, directory, files)
    return directory / MODULE


def _compile(headers: Path, directory: Path, files: Mapping[str, str]) -> None:
    make = shutil.which("make")
    if make is None:
        raise LabError(f"make is missing: {apt('C compiler')}")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name, content in files.items():
        (directory / name).write_text(content)
    command = [make, f"-j{os.cpu_count() or 1}", "-C", str(headers), f"M={directory}", *FLAGS, "modules"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        (directory / MODULE).unlink(missing_ok=True)
        raise LabError(f"the module does not build against {headers}:\n{result.stderr.strip()}")

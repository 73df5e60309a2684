"""The engine and every policy under address, undefined-behaviour and leak checks, without Python."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[4]
POLICIES = sorted((ROOT / "policies").glob("*.c"))

ALL_POLICIES = """
#include "policy.h"
{declarations}
const struct policy *const all_policies[] = {{ {entries} }};
const unsigned nr_all_policies = POLICY_NR(all_policies);
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
    return done.stdout


def test_every_policy_is_clean(tmp_path: Path) -> None:
    names = [path.stem for path in POLICIES]
    table = tmp_path / "all_policies.c"
    table.write_text(
        ALL_POLICIES.format(
            declarations="\n".join(f"extern const struct policy policy_{name};" for name in names),
            entries=", ".join(f"&policy_{name}" for name in names),
        )
    )
    source = ROOT / "sweep" / "backends" / "simulator" / "src"
    flags = "-std=gnu11 -O1 -g -fno-omit-frame-pointer -ffp-contract=off -fsanitize=address,undefined"
    run(
        os.environ.get("CC", "cc"),
        *flags.split(),
        "-fno-sanitize-recover=all",
        f"-I{ROOT / 'policies'}",
        f"-I{source}",
        *POLICIES,
        *sorted(source.glob("*.c")),
        Path(__file__).with_name("sanitized_main.c"),
        table,
        "-o",
        tmp_path / "sanitized",
    )
    runs = len(names) * 4 * 3  # machines, choices of parameters
    assert run(tmp_path / "sanitized").splitlines()[-1] == f"{runs} runs, 0 failed"

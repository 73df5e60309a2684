"""Every policy from several threads at once, in user space, under sanitizers (harness/harness.c)."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import policies

_HARNESS = Path(__file__).parent / "harness"
_POLICIES = Path(__file__).parents[2] / "policies"
_DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-a-policy.md"
_EXAMPLE = "cpu_batch"  # the policy that the document walks through
_SEEDS = range(4)  # 0: the defaults; the others: random parameters
_RUN_MS = 150
_SANITIZERS = ("address,undefined", "thread")
# a fault that needs two threads at the same time shows as a data race, the others without one
_WRONG = {
    "forgets": "never freed",
    "keeps_lock": "lock held",
    "late_timer": "AddressSanitizer",
    "looks_back": "AddressSanitizer",
    "miscounts": "more objects left than were there",
    "no_grace_period": "before its grace period",
    "no_lock": "data race",
    "posts_twice": "more objects left than were there",
    "scribbles": "wrote behind",
    "stale_cookie": "before its grace period",
}


def _table(names: list[str]) -> str:
    return "\n".join(
        [
            '#include "policy.h"',
            *(f"extern const struct policy policy_{name};" for name in names),
            "extern const struct policy *const all_policies[];",
            "extern const unsigned nr_all_policies;",
            f"const struct policy *const all_policies[] = {{ {', '.join(f'&policy_{n}' for n in names)} }};",
            "const unsigned nr_all_policies = POLICY_NR(all_policies);",
        ]
    )


def _build(directory: Path, sanitizer: str) -> Path:
    example = directory / f"{_EXAMPLE}.c"
    example.write_text(re.findall(r"```c\n(.*?)```", _DOCUMENT.read_text(), re.DOTALL)[0])
    files = [*sorted(_POLICIES.glob("*.c")), example]
    table = directory / "table.c"
    table.write_text(_table([*(file.stem for file in files), *_WRONG]))
    program = directory / "harness"
    options = (
        f"-std=gnu11 -O1 -g -Wall -Wextra -Werror -pthread -fno-sanitize-recover=all -fsanitize={sanitizer}"
    )
    sources = [*files, *sorted(_HARNESS.glob("*.c")), table]
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, *options.split(), f"-I{_POLICIES}", *sources, "-o", program], check=True)
    return program


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {sanitizer: _build(tmp_path_factory.mktemp("harness"), sanitizer) for sanitizer in _SANITIZERS}


def _run(program: Path, name: str, seed: int) -> subprocess.CompletedProcess[str]:
    command = [program, name, str(seed), str(_RUN_MS)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("sanitizer", _SANITIZERS)
@pytest.mark.parametrize("name", [*policies.catalogue(), _EXAMPLE])
def test_a_policy_frees_every_object_once_and_in_time(
    programs: dict[str, Path], name: str, sanitizer: str
) -> None:
    for seed in _SEEDS:
        done = _run(programs[sanitizer], name, seed)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        freed = re.search(r"^(\d+) objects", done.stdout, re.MULTILINE)
        assert freed, done.stdout
        assert int(freed[1]) > 0


@pytest.mark.parametrize("name", sorted(_WRONG))
def test_the_harness_catches_a_fault(programs: dict[str, Path], name: str) -> None:
    program = programs["thread" if name == "no_lock" else "address,undefined"]
    done = _run(program, name, 0)
    assert done.returncode != 0
    assert _WRONG[name] in done.stderr

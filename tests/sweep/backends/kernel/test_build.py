"""The module compiles without a warning against the headers of every kernel that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import policies
from sweep.backends.kernel.build import build, policy_sources, sources
from sweep.backends.kernel.errors import LabError

HEADERS = sorted(
    path
    for path in Path("/usr/src").glob("linux-headers-*")
    if re.search(r"-(6\.1|6\.12)\..*-amd64$", path.name)
)


def test_every_policy_is_in_it() -> None:
    assert sorted(policy_sources()) == sorted(policies.catalogue())
    table = sources(policy_sources())["all_policies.c"]
    assert all(f"&policy_{name}," in table for name in policies.catalogue())


def test_policies_are_compiled_as_they_are() -> None:
    files = sources(policy_sources())
    for name, path in policy_sources().items():
        assert files[f"policy_{name}.c"] == path.read_text()


@pytest.mark.slow
@pytest.mark.skipif(
    not HEADERS, reason="apt-get install linux-headers-6.12-cloud-amd64 (and those of a 6.1 kernel)"
)
@pytest.mark.parametrize("headers", HEADERS, ids=lambda path: path.name)
def test_it_builds_without_a_warning_and_once(headers: Path, cache: Path) -> None:
    module = build(headers, cache)  # W=1 and -Werror
    built = module.stat().st_mtime_ns
    assert build(headers, cache) == module
    assert module.stat().st_mtime_ns == built
    modinfo = shutil.which("modinfo") or "/sbin/modinfo"
    if Path(modinfo).exists():
        said = subprocess.run([modinfo, str(module)], capture_output=True, text=True, check=True).stdout
        assert headers.name.removeprefix("linux-headers-") in said


def test_missing_headers_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="linux-headers"):
        build(tmp_path / "nowhere", tmp_path)

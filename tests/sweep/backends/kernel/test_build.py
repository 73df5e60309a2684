"""The module compiles without a warning against the headers of every kernel that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import policies
from sweep.backends.kernel.build import FLAGS, build, policy_sources, sources
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.image import find_image
from sweep.backends.kernel.lab import alone_in
from sweep.packages import apt

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
    with alone_in(cache):
        module = build(headers, cache)  # W=1 and -Werror
    built = module.stat().st_mtime_ns
    assert build(headers, cache) == module
    assert module.stat().st_mtime_ns == built
    modinfo = shutil.which("modinfo") or "/sbin/modinfo"
    if Path(modinfo).exists():
        said = subprocess.run([modinfo, str(module)], capture_output=True, text=True, check=True).stdout
        assert headers.name.removeprefix("linux-headers-") in said


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("sparse"), reason=apt("sparse"))
def test_sparse_has_no_complaint(cache: Path) -> None:
    """Address spaces, byte orders, locks: what a compiler does not look at. Headers of the kernel are its own affair."""
    headers = find_image().headers
    with alone_in(cache):
        directory = build(headers, cache).parent
        command = ["make", "-C", str(headers), f"M={directory}", *FLAGS, "C=2", "CHECK=sparse", "modules"]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.count("  CHECK ") == len(list(directory.glob("*.c"))) - 1  # but for modpost's own
    assert [line for line in ended.stderr.splitlines() if str(directory) in line] == []


def test_missing_headers_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="linux-headers"):
        build(tmp_path / "nowhere", tmp_path)

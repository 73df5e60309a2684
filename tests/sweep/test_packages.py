"""What is to be installed is said in one place, and what is said there is what tools/packages installs."""

from __future__ import annotations

import re
from pathlib import Path

from sweep import packages
from sweep.packages import LARGE, PACKAGES, apt

ROOT = Path(__file__).parents[2]
NAMES = {name for names in PACKAGES.values() for name in names}
INSTALLS = re.compile(r"\bapt(?:-get)? install ((?:[a-z0-9][a-z0-9.+-]*[ ]?)+)")


def test_one_command_names_each_package_once() -> None:
    assert apt("kernel image", "headers 6.12", "C compiler") == (
        "apt-get install linux-image-6.12-cloud-amd64 linux-headers-6.12-cloud-amd64 gcc make"
    )


def test_tools_packages_installs_the_same() -> None:
    script = (ROOT / "tools/packages").read_text()
    command = re.sub(r'"\$\(.*?\)"', "libmimalloc2.0", script.partition("--no-install-recommends")[2])
    assert set(command.replace("\\", " ").split()) == NAMES - set(PACKAGES[LARGE])


def test_no_other_place_in_the_code_names_packages() -> None:
    for path in (ROOT / "sweep").rglob("*.py"):
        if path != Path(packages.__file__):
            assert not INSTALLS.search(path.read_text()), path


def test_pages_name_known_packages_only() -> None:
    pages = [ROOT / "README.md", ROOT / "CMakeLists.txt", *(ROOT / "docs").glob("*.md")]
    found = {name for page in pages for line in INSTALLS.findall(page.read_text()) for name in line.split()}
    assert found
    assert found <= NAMES

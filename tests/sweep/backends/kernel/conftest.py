"""One lab for all tests: the module is built once, with the probes of the calibration.

Skipped, with the apt line, where packages are missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.backends.kernel import calibration
from sweep.backends.kernel.build import policy_sources
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.image import find_image, find_program
from sweep.backends.kernel.lab import Lab


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernel-lab")


@pytest.fixture(scope="session")
def packages() -> None:
    """Skips, with the line that installs them, where a guest cannot be had."""
    try:
        find_image()
        for program in ("qemu-system-x86_64", "gcc", "make"):
            find_program(program)
    except LabError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lab(packages: None, cache: Path) -> Iterator[Lab]:
    files = policy_sources() | calibration.PROBES
    with Lab(cache, accelerator="tcg", policy_files=files) as made:
        yield made
    shutil.rmtree(cache, ignore_errors=True)

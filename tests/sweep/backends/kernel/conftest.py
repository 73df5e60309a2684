"""One lab for all tests: the module is built once in a run, with the probes of the calibration.

Skipped, with the apt line, where packages are missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.backends.kernel import calibration
from sweep.backends.kernel.build import build, policy_sources
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.image import find_image, find_program
from sweep.backends.kernel.lab import Lab
from tests.beside import made_once

FILES = policy_sources() | calibration.PROBES
"""By policy, the C file: of all policies, and of the probes of the calibration."""


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
def cache(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the module of FILES in it."""
    place = tmp_path_factory.mktemp("kernel-lab", numbered=False)
    return made_once(place, lambda directory: build(find_image().headers, directory, FILES))


@pytest.fixture(scope="session")
def lab(cache: Path) -> Iterator[Lab]:
    with Lab(cache, accelerator="tcg", policy_files=FILES) as made:
        yield made

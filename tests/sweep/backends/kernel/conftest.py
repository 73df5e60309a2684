"""One lab for all tests: the module is built once. Skipped, with the apt line, where packages are missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.image import find_image, find_program
from sweep.backends.kernel.lab import Lab, shared


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where commands, too, find what is built."""
    place = tmp_path_factory.mktemp("kernel-lab")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SWEEP_KERNEL_CACHE", str(place))
        yield place


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
    """The one that evaluators of this process open, so that they share its guest."""
    with shared(cache, "tcg") as made:
        yield made
    shutil.rmtree(cache, ignore_errors=True)

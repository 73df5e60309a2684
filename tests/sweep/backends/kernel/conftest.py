"""One lab for all tests: the module is built once in a run.

Skipped, with the apt line, where packages are missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.backends.kernel.build import build
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.image import find_image, find_program
from sweep.backends.kernel.lab import Lab, shared
from tests.beside import made_once


@pytest.fixture(scope="session")
def packages() -> None:
    """Skips, with the line that installs them, where a guest cannot be had."""
    try:
        find_image()
        for program in ("qemu-system-x86_64", "gcc", "make"):
            find_program(program)
    except LabError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="package")
def cache(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With the module in it; commands find it, too. Guests end with the tests of this directory."""
    place = tmp_path_factory.getbasetemp() / "kernel-lab"
    place.mkdir(exist_ok=True)  # a process may come back to this directory
    built = made_once(place, lambda directory: build(find_image().headers, directory))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SWEEP_KERNEL_CACHE", str(built))
        yield built
    if shared.cache_info().currsize:
        shared(built, "tcg").close()


@pytest.fixture(scope="package")
def lab(cache: Path) -> Lab:
    """The one that evaluators of this process open, so that they share its guest."""
    return shared(cache, "tcg")

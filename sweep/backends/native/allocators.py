"""Where malloc comes from: the C library's own, or a library that is loaded before it."""

from __future__ import annotations

import ctypes.util
import functools
import glob
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sweep.backends.native.errors import NativeError
from sweep.backends.native.settings import Allocator
from sweep.packages import NATIVE, apt
from sweep.trial import Cause

_DIRECTORIES: Final = (
    "/usr/local/lib",
    "/usr/lib/*-linux-gnu*",
    "/usr/lib64",
    "/usr/lib",
    "/lib/*-linux-gnu*",
)

TUNABLES: Final = ("GLIBC_TUNABLES", "MALLOC_", "MIMALLOC_", "JE_MALLOC_", "TCMALLOC_")
"""Beginnings of environment variables that would change an allocator unseen; the benchmark is started
without them."""


@dataclass(frozen=True, slots=True)
class Library:
    """A shared library: its names, newest first, and what brings it on Debian and Ubuntu."""

    sonames: tuple[str, ...]
    install: str


LIBRARIES: Final[dict[str, Library]] = {
    "jemalloc": Library(("libjemalloc.so.2",), apt("jemalloc")),
    "mimalloc": Library(
        ("libmimalloc.so.3", "libmimalloc.so.2"),
        apt("mimalloc") + " (libmimalloc3 on newer releases)",
    ),
}
"""Every malloc that is preloaded, by allocator."""

LIBURCU: Final = Library(("liburcu-memb.so.8",), NATIVE)


def preload(allocator: Allocator) -> Path | None:
    """The library to load before the C library's malloc; None for what needs none.

    Raises NativeError where it is not installed.
    """
    if allocator not in LIBRARIES:
        return None
    library = LIBRARIES[allocator]
    path = find(library)
    if path is None:
        raise NativeError(
            Cause.ENVIRONMENT,
            f"allocator {allocator}: {library.sonames[-1]} is not installed; run: {library.install}",
        )
    return path


def find(library: Library) -> Path | None:
    """Where it is: in the usual directories, or where the linker looks."""
    return next((path for soname in library.sonames if (path := _find(soname))), None)


def _find(soname: str) -> Path | None:
    for pattern in _DIRECTORIES:
        for directory in sorted(glob.glob(pattern)):
            path = Path(directory) / soname
            if path.is_file():
                return path
    found = ctypes.util.find_library(soname.removeprefix("lib").partition(".so")[0])
    return Path(found) if found and Path(found).is_file() else None


@functools.cache
def version(library: Library) -> str | None:
    """The distribution's version of the package that an installed library is from, else the file that its name
    leads to; None where it is not installed."""
    path = find(library)
    if path is None:
        return None
    real = Path(os.path.realpath(path))
    if dpkg := shutil.which("dpkg-query"):
        # Debian's list may know a file by its place before /usr was merged.
        for place in (str(real), str(real).removeprefix("/usr")):
            owner = _output(dpkg, "--search", place).partition(":")[0]
            if owner and (found := _output(dpkg, "--show", "--showformat=${Version}", owner)):
                return found
    return real.name


def libc_version() -> str | None:
    """As "glibc 2.36"."""
    return " ".join(platform.libc_ver()).strip() or None


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip() if done.returncode == 0 else ""

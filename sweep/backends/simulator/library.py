"""The compiled engine, opened with cffi in ABI mode; engine.h says what is in it."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

import sweep.backends.simulator as package
from sweep.backends import structs

_NAME = "_engine.so"


def library_path() -> Path:
    """The shared library: `SWEEP_ENGINE` if set (a sanitized build, say), else the installed one.

    Raises FileNotFoundError where it has not been built.
    """
    override = os.environ.get("SWEEP_ENGINE")
    if override:
        return Path(override)
    for directory in package.__path__:
        path = Path(directory) / _NAME
        if path.exists():
            return path
    raise FileNotFoundError(f"{_NAME} is not built: run `make build` or `pip install .`")


def declarations() -> str:
    """engine.h, which says what goes in and what comes out, as cffi reads it. Raises FileNotFoundError."""
    return structs.declarations(package.__path__, "engine.h")


@functools.cache
def load() -> tuple[Any, Any]:
    """(ffi, library); their names and types are those of engine.h."""
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(declarations())
    return ffi, ffi.dlopen(str(library_path()))


@functools.cache
def build_id() -> str:
    """16 hexadecimal digits that name this build of the engine: equal builds, equal results."""
    return hashlib.sha256(library_path().read_bytes()).hexdigest()[:16]


@functools.cache
def policy_numbers() -> dict[str, int]:
    """Policies that the engine was built with, and their places in its list."""
    ffi, library = load()
    names = (ffi.string(library.sim_policy_name(i)).decode() for i in range(library.sim_nr_policies()))
    return {name: number for number, name in enumerate(names)}

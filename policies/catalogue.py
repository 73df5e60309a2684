"""The catalogue of policies, read from the tables in their C files.

The compiled library holds every policy on a platform of stubs: it can tell what the policies are, not run
them. The structures are declared to cffi from policy.h itself, so there is no second copy to drift.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from cffi import FFI

from policies.model import Param, Policy, unknown

_PACKAGE = "policies"
_LIBRARY = "_policies.so"
_TYPESAFE = 1 << 0  # POLICY_TYPESAFE
_TYPES: tuple[Literal["int", "bool", "choice"], ...] = ("int", "bool", "choice")  # enum policy_param_type
_TYPEDEFS = "typedef uint32_t u32; typedef uint64_t u64; typedef int64_t s64;"
_TABLE = "extern const struct policy *const all_policies[]; extern unsigned nr_all_policies;"


def _package_file(name: str) -> Path:
    # an editable install keeps what was compiled apart from the sources: the package's path has both
    for directory in importlib.import_module(_PACKAGE).__path__:
        if (path := Path(directory) / name).exists():
            return path
    raise RuntimeError(
        f"{_PACKAGE}/{name} is missing: build the project first (make build, or pip install .)"
    )


def _declarations() -> str:
    header = _package_file("policy.h").read_text(encoding="utf-8")
    contract = re.search(
        r"^enum policy_param_type \{.*(?=^#define POLICY_NR)", header, re.DOTALL | re.MULTILINE
    )
    assert contract, "policy.h has no parameter table"
    return _TYPEDEFS + re.sub(r"^#.*$", "", contract[0], flags=re.MULTILINE) + _TABLE


def _param(ffi: Any, row: Any) -> Param:
    def text(pointer: Any) -> str:
        return str(ffi.string(pointer).decode())

    kind = _TYPES[row.type]
    choices = tuple(text(row.choices).split("|")) if kind == "choice" else ()
    number: int = getattr(row, "def")  # a word that Python keeps for itself
    return Param(
        name=text(row.name),
        type=kind,
        min=row.min if kind == "int" else 0,
        max=row.max if kind == "int" else max(len(choices) - 1, 1),
        log_scale=bool(row.log_scale),
        default=choices[number] if kind == "choice" else bool(number) if kind == "bool" else number,
        unit=text(row.unit),
        help=text(row.help),
        choices=choices,
        only_with=text(row.only_with) if row.only_with else None,
    )


def _policy(ffi: Any, row: Any) -> Policy:
    return Policy(
        name=ffi.string(row.name).decode(),
        origin=ffi.string(row.origin).decode(),
        summary=ffi.string(row.summary).decode(),
        params=tuple(_param(ffi, row.params[index]) for index in range(row.nr_params)),
        typesafe=bool(row.flags & _TYPESAFE),
    )


@cache
def catalogue() -> Mapping[str, Policy]:
    """Every policy by name, in alphabetical order.

    Raises:
        RuntimeError: the compiled library is missing.
    """
    ffi = FFI()
    ffi.cdef(_declarations())
    library: Any = ffi.dlopen(str(_package_file(_LIBRARY)))
    policies = [_policy(ffi, library.all_policies[index]) for index in range(library.nr_all_policies)]
    return MappingProxyType(
        {policy.name: policy for policy in sorted(policies, key=lambda policy: policy.name)}
    )


def policy(name: str) -> Policy:
    """The policy of that name.

    Raises:
        PolicyError: there is none.
    """
    try:
        return catalogue()[name]
    except KeyError:
        raise unknown("policy", name, catalogue()) from None

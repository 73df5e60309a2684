"""What a calibration found, and the machine profile that is made of it."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sweep import machine as machines
from sweep import paths
from sweep.backends.costs import Cost, Series
from sweep.backends.native import calibration
from sweep.backends.native.fingerprint import Fingerprint
from sweep.errors import InputError

TIMEOUT_ROUNDS: Final = 30.0
"""Times what the rounds take on a quiet machine, until the program is given up: it may wait most of the time for
virtual CPUs to be near each other."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """figures: what they are figures of, in words; where: the same after "unit costs". key: of the fingerprint of what
    was measured; summary, document: that fingerprint, for people and as JSON. command: what measured it. given: entries
    that were not measured, with why. remarks: for people."""

    figures: str
    where: str
    key: str
    summary: str
    document: Mapping[str, object]
    command: str
    costs: tuple[Cost, ...]
    given: Mapping[str, tuple[float, str]]
    series: Series
    remarks: tuple[str, ...] = ()


def timeout_s(rounds: int) -> float:
    """For so many rounds of the native benchmark."""
    return 60 + TIMEOUT_ROUNDS * rounds * calibration.ROUND_S


def of_this_machine(
    costs: tuple[Cost, ...], series: Series, fingerprint: Fingerprint, command: str
) -> Calibrated:
    """Costs of the native benchmark. command: what measured them."""
    return Calibrated(
        figures="measured on this machine, user space",
        where="in user space",
        key=fingerprint.key(),
        summary=fingerprint.summary(),
        document=fingerprint.document(),
        command=command,
        costs=costs,
        given=calibration.GIVEN,
        series=series,
    )


def profile(base: str, found: Calibrated, date: datetime.date, rounds: int) -> str:
    """A YAML file that extends the profile `base`: every cost with its interval and where it is from."""
    return "\n".join(_lines(base, found, date, rounds)) + "\n"


def _lines(base: str, found: Calibrated, date: datetime.date, rounds: int) -> Iterator[str]:
    where = f"{found.where}, machine {found.key}, {date.isoformat()}"
    yield "# yaml-language-server: $schema=../schema/machine.json"
    yield f"# Measured {found.where} on {found.summary},"
    yield f"# by `python -m sweep {found.command}` in {rounds} rounds; low and high are the 95 % interval."
    yield f"extends: {json.dumps(base)}"
    yield "description: " + json.dumps(
        f"{base} with the unit costs of machine {found.key} {found.where}, {date.isoformat()}"
    )
    entries = {cost.entry: _measured(cost, where) for cost in found.costs}
    for entry, (value, why) in found.given.items():
        # not 1e+07, which YAML 1.1 reads as text
        entries[entry] = f"{{value: {json.dumps(value)}, source: {json.dumps(why)}}}"
    for section in dict.fromkeys(entry.partition(".")[0] for entry in entries):
        yield ""
        yield f"{section}:"
        for entry, text in entries.items():
            if entry.startswith(f"{section}."):
                yield f"  {entry.partition('.')[2]}: {text}"


def _measured(cost: Cost, where: str) -> str:
    value, low, high = cost.interval.value, cost.interval.low, cost.interval.high
    digits = 0 if not cost.entry.startswith("costs.") else 2
    value, low, high = round(value, digits), round(low, digits), round(high, digits)
    source = json.dumps(f"{cost.text}; {where}", ensure_ascii=False)
    return f"{{value: {value:.{digits}f}, low: {low:.{digits}f}, high: {high:.{digits}f}, source: {source}}}"


def check_place(option: str, path: Path) -> None:
    """Before anything is measured: whether the profile can be put there and be found again. Raises InputError, which
    names the option."""
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"{option} {path}: expected a name that ends in .yaml")
    if not path.parent.is_dir():
        raise InputError(
            f"{option} {path}: there is no folder {path.parent}; make it, or choose another place"
        )
    if path.exists() and not paths.is_file(path):
        raise InputError(f"{option} {path}: not a regular file; choose another place")


def save(path: Path, base: str, found: Calibrated, rounds: int) -> machines.Machine:
    """Today's profile in that file, whole or not at all; as others will read it. Raises InputError."""
    text = profile(base, found, datetime.datetime.now(datetime.UTC).date(), rounds)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
    return machines.load(path)

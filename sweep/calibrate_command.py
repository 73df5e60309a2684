"""What `python -m sweep calibrate` does: this machine's unit costs as a machine profile for the simulator."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.console import Console

from sweep import machine as machines
from sweep import paths
from sweep.backends.native import calibration
from sweep.backends.native.calibration import Cost
from sweep.backends.native.fingerprint import Fingerprint
from sweep.errors import InputError
from sweep.native_trial import NativeOptions

if TYPE_CHECKING:
    from rich.table import Table

TIMEOUT_ROUNDS: Final = 6.0
"""Times what the rounds take on a quiet machine, until the program is given up."""


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """machine: the profile that is extended; its constants hold, its costs are measured. output: a YAML file;
    None: none is written. rounds: of all probes. cpus: as text. seed: of the bootstrap."""

    machine: str
    output: Path | None
    rounds: int
    cpus: str | None
    seed: int


def calibrate(options: CalibrateOptions, form: str) -> int:
    """Measure, print every cost with its interval, and write the profile; the exit code.

    Raises sweep.errors.USER_ERRORS.
    """
    if options.output is not None:
        _check_place(options.output)
    messages = Console(stderr=True)
    machine = machines.load(options.machine)
    declared = NativeOptions(cpus=options.cpus).settings().cpus
    seconds = options.rounds * calibration.ROUND_S
    with messages.status(f"{options.rounds} rounds, about {seconds:.0f} s on a quiet machine"):
        series = calibration.measure(machine, declared, options.rounds, 60 + TIMEOUT_ROUNDS * seconds)
    found = tuple(calibration.costs(series, machine, np.random.default_rng(options.seed)))
    fingerprint = Fingerprint.take()
    today = datetime.datetime.now(datetime.UTC).date()
    if options.output is not None:
        text = profile(options.machine, found, fingerprint, today, options.rounds)
        _write(options.output, text)
        machines.load(options.output)  # what was written is what others will read
        messages.print(f"written: {options.output}", style="dim", markup=False, soft_wrap=True)
    if form == "json":
        print(json.dumps(_document(found, series, fingerprint), indent=2))
        return 0
    console = Console()
    console.print(_table(found, machine, fingerprint))
    return 0


def profile(
    base: str, found: Sequence[Cost], fingerprint: Fingerprint, date: datetime.date, rounds: int
) -> str:
    """A YAML file that extends the profile `base`: every cost with its interval and where it is from."""
    return "\n".join(_lines(base, found, fingerprint, date, rounds)) + "\n"


def _lines(
    base: str, found: Sequence[Cost], fingerprint: Fingerprint, date: datetime.date, rounds: int
) -> Iterator[str]:
    where = f"native benchmark, machine {fingerprint.key()}, {date.isoformat()}"
    yield "# yaml-language-server: $schema=../schema/machine.json"
    yield f"# Measured in user space on {fingerprint.summary()},"
    yield f"# by `python -m sweep calibrate --machine {base}` in {rounds} rounds; low and high are the 95 % interval."
    yield f"extends: {json.dumps(base)}"
    yield "description: " + json.dumps(
        f"{base} with the unit costs of machine {fingerprint.key()} in user space, {date.isoformat()}"
    )
    entries = {cost.entry: _measured(cost, where) for cost in found}
    for entry, (value, why) in calibration.GIVEN.items():
        entries[entry] = f"{{value: {value:g}, source: {json.dumps(why)}}}"
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


def _document(
    found: Sequence[Cost], series: calibration.Series, fingerprint: Fingerprint
) -> dict[str, object]:
    return {
        "figures": "measured on this machine, user space",
        "costs": {
            cost.entry: {
                "value": cost.interval.value,
                "low": cost.interval.low,
                "high": cost.interval.high,
                "unit": "ns",
                "how": cost.text,
            }
            for cost in found
        },
        "given": {entry: {"value": value, "why": why} for entry, (value, why) in calibration.GIVEN.items()},
        "series": [
            {"series": name, "objects": objects, "rounds_ns": [None if np.isnan(v) else v for v in centres]}
            for (name, objects), centres in series.items()
        ],
        "fingerprint": {"key": fingerprint.key(), **fingerprint.document()},
    }


def _table(found: Sequence[Cost], machine: machines.Machine, fingerprint: Fingerprint) -> Table:
    from rich.table import Table

    before = {name: entry.value for name, entry in machine.entries()}
    title = f"unit costs in ns, user space, machine {fingerprint.key()}"
    table = Table(title=title, title_justify="left")
    table.add_column("entry", no_wrap=True)
    for column in ("measured", "95 % interval", machine.name):
        table.add_column(column, justify="right", no_wrap=True)
    for cost in found:
        interval = cost.interval
        table.add_row(
            cost.entry,
            f"{interval.value:,.1f}",
            f"{interval.low:,.1f} .. {interval.high:,.1f}",
            f"{before[cost.entry]:,}",
        )
    return table


def _check_place(path: Path) -> None:
    """Before anything is measured: whether the profile can be put there and be found again."""
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"-o {path}: expected a name that ends in .yaml")
    if not path.parent.is_dir():
        raise InputError(f"-o {path}: there is no folder {path.parent}; make it, or choose another place")
    if path.exists() and not paths.is_file(path):
        raise InputError(f"-o {path}: not a regular file; choose another place")


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)

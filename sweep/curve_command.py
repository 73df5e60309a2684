"""What `python -m sweep lab curve` does: how much of an exit and of a munmap is the removal of VMAs, in a guest."""

from __future__ import annotations

import csv
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

import policies
from sweep import curve_plot
from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel import beside, curve, curve_points
from sweep.backends.kernel.beside import PolicyRow
from sweep.backends.kernel.curve import Curve
from sweep.backends.kernel.curve_points import CurvePoint
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.guest_machine import GuestError
from sweep.backends.kernel.lab import Lab
from sweep.commands import print_json
from sweep.errors import InputError
from sweep.trial import Configuration, Interval

SEED: Final = 0
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class Found:
    """The curve, and the policies beside it: rows is empty where they were not asked for. n: of the rows."""

    curve: Curve
    points: Sequence[CurvePoint]
    n: int
    rows: Sequence[PolicyRow]

    @property
    def label(self) -> str:
        """Which kernel, and that its times are emulated."""
        kind = "emulated: its times are no machine's" if self.curve.emulated else "KVM"
        return f"Linux {self.curve.release}, {kind}"

    def point(self, how: str) -> CurvePoint:
        """Of n areas, each with a page."""
        return next(p for p in self.points if (p.how, p.touched, p.n) == (how, True, self.n))

    @property
    def retained_ns(self) -> float | None:
        """For how long the kernel retains a VMA, mean of its exit and its munmap(), as in a PolicyRow; None where
        slabinfo is too coarse for it."""
        ages = [self.point(how).mean_dead_age_ns for how in ("exit", "munmap")]
        return None if None in ages else sum(age for age in ages if age is not None) / 2

    def whole_exit(self, row: PolicyRow) -> float:
        """By what part of the kernel's whole exit this policy's is longer than that of what the kernel does."""
        more = row.exit_ns_per_object.value - self.rows[0].exit_ns_per_object.value
        return more * self.n / self.point("exit").total_ns.value


def lab_curve(output: Path, areas: Sequence[int], blocks: int, *, beside_policies: bool, form: str) -> int:
    """Measure; write trials.parquet, points.csv, policies.csv and curve.png to `output` (files that exist are
    replaced); print tables or JSON. Raises sweep.errors.USER_ERRORS."""
    messages = Console(stderr=True)
    try:
        curve.check(areas, blocks)
        output.mkdir(parents=True, exist_ok=True)
        found = _measure(areas, blocks, beside_policies, messages)
    except (LabError, GuestError, EvaluationError) as error:
        raise InputError(str(error)) from error
    _write(output, found)
    messages.print(f"written: {output}/", style="dim", markup=False, soft_wrap=True)
    if form == "json":
        print_json(_document(found))
    else:
        _print(found)
    return 0


def _measure(areas: Sequence[int], blocks: int, beside_policies: bool, messages: Console) -> Found:
    rng = np.random.default_rng(SEED)
    n = sorted(areas)[(len(areas) - 1) // 2]
    with (
        messages.status("the guest is built and booted") as status,
        tempfile.TemporaryDirectory(prefix="rcu-sweep-curve-") as cache,
        Lab(Path(cache), accelerator="tcg") as lab,
    ):
        chosen = beside.configurations(lab.image.release) if beside_policies else []
        measured = curve.measure(
            lab,
            areas,
            blocks,
            lambda t: status.update(f"block {t.block + 1} of {blocks}: {t.how} of {t.n:,} areas"),
        )
        rows = beside.rows(
            lab,
            chosen,
            n,
            measured.object_bytes[0],
            blocks,
            rng,
            lambda each: status.update(f"{n:,} objects: {each}"),
        )
    return Found(measured, curve_points.points(measured.trials, rng), n, rows)


# -- for people ---------------------------------------------------------------------------------


def _print(found: Found) -> None:
    console = Console()
    console.print(found.label, markup=False, highlight=False)
    console.print(_curve_table(found.points))
    refused = [name for name, there in found.curve.probes.items() if not there]
    console.print(
        f"functions that cannot be probed here: {', '.join(refused) or 'none'}", markup=False, highlight=False
    )
    if found.rows:
        console.print(_policy_table(found))


def _curve_table(points: Sequence[CurvePoint]) -> Table:
    """80 columns wide."""
    made = Table(title="Removal of VMAs, with 95 % intervals of its share", title_justify="left")
    made.add_column("how, pages", no_wrap=True)
    for name in ("areas", "whole us", "removal us", "ns / area", "share %", "probes"):
        made.add_column(name, justify="right", no_wrap=True)
    for p in points:
        share = [100 * part for part in (p.share.value, p.share.low, p.share.high)]
        made.add_row(
            f"{p.how}, {'yes' if p.touched else 'no'}",
            f"{p.n:,}",
            f"{p.total_ns.value / 1e3:,.0f}",
            f"{p.removal_ns.value / 1e3:,.0f}",
            f"{p.removal_ns_per_area.value:,.0f}",
            f"{share[0]:.1f} ({share[1]:.1f}-{share[2]:.1f})",
            f"{100 * (p.overhead.value - 1):+.1f} %",
        )
    return made


def _policy_table(found: Found) -> Table:
    made = Table(title=f"{found.n:,} objects by one exit or munmap(), per object", title_justify="left")
    made.add_column("what")
    for name in ("exit ns", "munmap ns", "retained ms", "whole exit"):
        made.add_column(name, justify="right", no_wrap=True)
    for row in _rows(found):
        made.add_row(
            row.name,
            f"{row.exit_ns.value:,.0f}",
            f"{row.munmap_ns.value:,.0f}",
            "-" if row.retained_ns is None else f"{row.retained_ns / 1e6:,.1f}",
            "" if row.whole_exit is None else f"{100 * row.whole_exit:+.1f} %",
        )
    return made


@dataclass(frozen=True, slots=True)
class _Row:
    """Per object. whole_exit: by what part the kernel's whole exit would be longer."""

    name: str
    exit_ns: Interval
    munmap_ns: Interval
    retained_ns: float | None
    whole_exit: float | None


def _rows(found: Found) -> Iterator[_Row]:
    """The kernel's own, then the policies'."""
    preset = beside.preset_of(found.curve.release)
    yield _Row(
        f"the kernel itself ({preset.name})",
        found.point("exit").removal_ns_per_area,
        found.point("munmap").removal_ns_per_area,
        found.retained_ns,
        None,
    )
    for row in found.rows:
        yield _Row(
            _name(row.configuration),
            row.exit_ns_per_object,
            row.munmap_ns_per_object,
            row.retained_ns_per_object.value,
            found.whole_exit(row),
        )


def _name(configuration: Configuration) -> str:
    """Policy, parameters that are not their defaults, and the presets that are this."""
    described = policies.policy(configuration.policy)
    defaults = described.defaults()
    changed = {name: value for name, value in configuration.params if defaults[name] != value}
    presets = [
        each.name for each in policies.presets().values() if beside.configuration_of(each) == configuration
    ]
    return f"{Configuration.of(configuration.policy, changed)}" + (
        f" ({', '.join(presets)})" if presets else ""
    )


# -- for programs -------------------------------------------------------------------------------


def _document(found: Found) -> dict[str, Any]:
    return {
        "release": found.curve.release,
        "emulated": found.curve.emulated,
        "probes": dict(found.curve.probes),
        "object_bytes": dict(zip(("vm_area_struct", "vma_lock"), found.curve.object_bytes, strict=True)),
        "points": [dataclasses.asdict(p) | {"mean_dead_age_ns": p.mean_dead_age_ns} for p in found.points],
        "policies": list(_policy_documents(found)) if found.rows else [],
    }


def _policy_documents(found: Found) -> Iterator[dict[str, Any]]:
    for row in _rows(found):
        yield {
            "name": row.name,
            "objects": found.n,
            "emulated": found.curve.emulated,
            "exit_ns_per_object": dataclasses.asdict(row.exit_ns),
            "munmap_ns_per_object": dataclasses.asdict(row.munmap_ns),
            "retained_ns_per_object": row.retained_ns,
            "whole_exit": row.whole_exit,
        }


def _write(output: Path, found: Found) -> None:
    rows = [dataclasses.asdict(trial) for trial in found.curve.trials]
    table = pa.Table.from_pylist(rows).append_column("emulated", pa.array([found.curve.emulated] * len(rows)))
    pq.write_table(table, output / "trials.parquet")
    _write_csv(output / "points.csv", [_flat(p) for p in _document(found)["points"]], found.curve.emulated)
    if found.rows:
        documents = [_flat(each) for each in _policy_documents(found)]
        _write_csv(output / "policies.csv", documents, found.curve.emulated)
    curve_plot.write(output / "curve.png", found.label, found.points)


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """{"share": {"low": 1}} -> {"share.low": 1}; what is retained over time is in trials.parquet."""
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{leaf}": number for leaf, number in value.items()})
        elif name != "looks":
            flat[name] = value
    return flat


def _write_csv(path: Path, documents: Sequence[dict[str, Any]], emulated: bool) -> None:
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, [*documents[0], *([] if "emulated" in documents[0] else ["emulated"])])
        rows.writeheader()
        rows.writerows(document | {"emulated": emulated} for document in documents)

"""What `python -m sweep lab curve` does: how much of an exit and of a munmap is the removal of VMAs, in a guest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from sweep import curve_files, curve_plot
from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel import beside, curve, curve_points
from sweep.backends.kernel.curve_points import CurvePoint
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.guest_machine import GuestError
from sweep.backends.kernel.lab import Lab, cache_directory
from sweep.commands import print_json
from sweep.curve_files import Found
from sweep.errors import InputError

SEED: Final = 0
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class CurveOptions:
    """output: a directory; files that exist there are replaced. add: the trials that are there stay, and count.
    policies: they are measured beside the curve."""

    output: Path
    areas: Sequence[int]
    blocks: int
    add: bool
    policies: bool


def lab_curve(options: CurveOptions, form: str) -> int:
    """Measure; write trials.parquet, points.csv, policies.csv and curve.png; print tables or JSON. Raises
    sweep.errors.USER_ERRORS."""
    messages = Console(stderr=True)
    try:
        curve.check(options.areas, options.blocks)
        before = curve_files.read(options.output) if options.add else None
        options.output.mkdir(parents=True, exist_ok=True)
        found = _measure(options, before, messages)
    except (LabError, GuestError, EvaluationError) as error:
        raise InputError(str(error)) from error
    curve_files.write(options.output, found)
    curve_plot.write(options.output / "curve.png", found.label, found.points)
    messages.print(f"written: {options.output}/", style="dim", markup=False, soft_wrap=True)
    if form == "json":
        print_json(curve_files.document(found))
    else:
        _print(found)
    return 0


def _measure(options: CurveOptions, before: curve.Curve | None, messages: Console) -> Found:
    rng = np.random.default_rng(SEED)
    with (
        messages.status("the guest is built and booted") as status,
        Lab(cache_directory(), accelerator="tcg") as lab,
    ):
        chosen = beside.configurations(lab.image.release) if options.policies else []
        now = curve.measure(
            lab,
            options.areas,
            options.blocks,
            lambda t: status.update(f"block {t.block + 1} of {options.blocks}: {t.how} of {t.n:,} areas"),
        )
        measured = curve_files.added(before, now)
        n = middle({trial.n for trial in measured.trials})
        rows = beside.rows(
            lab,
            chosen,
            n,
            measured.object_bytes[0],
            options.blocks,
            rng,
            lambda each: status.update(f"{n:,} objects: {each}"),
        )
    return Found(measured, curve_points.points(measured.trials, rng), n, rows)


def middle(numbers: Iterable[int]) -> int:
    """The upper of two."""
    ordered = sorted(numbers)
    return ordered[len(ordered) // 2]


# -- for people ---------------------------------------------------------------------------------


def _print(found: Found) -> None:
    console = Console()
    console.print(found.label, markup=False, highlight=False)
    console.print(_curve_table(found.points))
    refused = [name for name, there in found.curve.probes.items() if not there]
    console.print(
        f"functions that cannot be probed here: {', '.join(refused) or 'none'}", markup=False, highlight=False
    )
    if found.policies:
        console.print(_policy_table(found))


def _table(title: str, *columns: str) -> Table:
    """Of at most 80 columns."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column()
    for name in columns:
        made.add_column(name, justify="right", no_wrap=True)
    return made


def _curve_table(points: Sequence[CurvePoint]) -> Table:
    columns = ("areas", "whole", "removal", "each", "share (95 %)", "probes")
    made = _table("Removal of VMAs: whole and removal in us, each area in ns, the rest in %", *columns)
    for p in points:
        share = [100 * part for part in (p.share.value, p.share.low, p.share.high)]
        made.add_row(
            f"{p.how}, pages" if p.touched else p.how,
            f"{p.n:,}",
            f"{p.total_ns.value / 1e3:,.0f}",
            f"{p.removal_ns.value / 1e3:,.0f}",
            f"{p.removal_ns_per_area.value:,.0f}",
            f"{share[0]:.1f} ({share[1]:.1f}-{share[2]:.1f})",
            f"{100 * (p.overhead.value - 1):+.1f}",
        )
    return made


def _policy_table(found: Found) -> Table:
    title = f"{found.n:,} objects, each: exit and munmap in ns, retained in ms; of the whole exit in %"
    made = _table(title, "exit", "munmap", "retained", "whole exit")
    for row in found.rows():
        made.add_row(
            row.name,
            f"{row.exit_ns.value:,.0f}",
            f"{row.munmap_ns.value:,.0f}",
            "-" if row.retained_ns is None else f"{row.retained_ns / 1e6:,.1f}",
            "" if row.whole_exit is None else f"{100 * row.whole_exit:+.1f}",
        )
    return made

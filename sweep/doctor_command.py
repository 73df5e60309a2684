"""What the command doctor shows."""

from __future__ import annotations

import dataclasses

from rich.console import Console
from rich.table import Table

from sweep.commands import print_json
from sweep.doctor import Part, examine


def show(*, boot: bool, form: str) -> int:
    """Every part, with the command that installs what is missing; 1 where a required one does not work."""
    parts = list(examine(boot=boot))
    if form == "json":
        print_json({"parts": [dataclasses.asdict(part) for part in parts]})
    else:
        _print(parts)
    return int(any(part.required and not part.usable for part in parts))


def _print(parts: list[Part]) -> None:
    table = Table(title="what is here", title_justify="left")
    for column in ("part", "for", "present", "version", "usable"):
        table.add_column(column)
    for part in parts:
        usable = {True: "yes", False: "no", None: "not tried"}[part.usable]
        table.add_row(part.name, part.purpose, "yes" if part.present else "no", part.version or "-", usable)
    console = Console()
    console.print(table)
    for part in parts:
        if not part.usable:
            told = f"{part.name}: {part.why}" + (f"; run: {part.install}" if part.install else "")
            console.print(told, markup=False, highlight=False, soft_wrap=True)

"""The kernel lab, without a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.app import app, run
from sweep.cli.options import Form, Format

lab = typer.Typer(no_args_is_help=True)
app.add_typer(lab, name="lab")


@lab.callback()
def _lab() -> None:
    """Ask a real kernel, in a guest. Example: python -m sweep lab curve -o out/"""


@lab.command()
def curve(
    output: Annotated[Path, typer.Option("-o", help="Directory for the files.")],
    areas: Annotated[
        list[int] | None, typer.Option(help="Areas of a trial, once or more; default: 40 to 65,000.")
    ] = None,
    blocks: Annotated[int, typer.Option(min=2, help="Times two probed and two other trials.")] = 4,
    add: Annotated[
        bool, typer.Option("--add", help="Keep the trials that are there, and add these.")
    ] = False,
    policies: Annotated[
        bool, typer.Option("--policies/--no-policies", help="Beside it, every policy in the module.")
    ] = True,
    form: Format = Form.table,
) -> None:
    """How much of an exit is the removal of VMAs, emulated. Example: python -m sweep lab curve -o out/"""

    def work() -> int:
        from sweep import curve_command
        from sweep.backends.kernel.curve import AREAS

        options = curve_command.CurveOptions(output, areas or AREAS, blocks, add, policies)
        return curve_command.lab_curve(options, form)

    run(work)

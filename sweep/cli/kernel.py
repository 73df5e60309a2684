"""Taking what was found to a kernel, and what this machine has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep import defaults
from sweep.cli.app import app, run
from sweep.cli.options import Form, Format, StoreOption

export = typer.Typer(no_args_is_help=True)
app.add_typer(export, name="export")


@export.callback()
def _export() -> None:
    """Write what was found for use elsewhere. Example: python -m sweep export kernel quick"""


@export.command("kernel")
def export_kernel(
    study: Annotated[str | None, typer.Argument(help="Name of a study in the store.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A recommended.yaml, instead of a study's recommendation.")
    ] = None,
    trial: Annotated[
        int | None, typer.Option(min=0, help="Number of a trial, instead of the recommended one.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", help="Directory, empty or new; default: STUDY-kernel.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a directory that holds something.")
    ] = False,
    store: StoreOption = defaults.STORE,
    form: Format = Form.table,
) -> None:
    """The recommended policy as a kernel module that builds by itself. Example: python -m sweep export kernel
    quick -o quick-kernel/"""

    def work() -> int:
        from sweep import export_command

        return export_command.export_kernel(store, study, config, output, trial=trial, force=force, form=form)

    run(work)


@app.command()
def doctor(
    no_boot: Annotated[bool, typer.Option("--no-boot", help="Without the boot that tries KVM.")] = False,
    form: Format = Form.table,
) -> None:
    """What is here, what works, and what installs the rest. Example: python -m sweep doctor --format json"""

    def work() -> int:
        from sweep import doctor_command

        return doctor_command.show(boot=not no_boot, form=form)

    run(work)

"""Looking at the studies of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep import defaults
from sweep.cli.app import app, run
from sweep.cli.options import (
    Form,
    Format,
    KeptStudy,
    Schema,
    StoreOption,
    Track,
)


@app.command("list")
def list_(store: StoreOption = defaults.STORE, form: Format = Form.table) -> None:
    """Every study in the store. Example: python -m sweep list"""
    from sweep import commands

    commands.show_list(store, form)


@app.command()
def front(study: KeptStudy, store: StoreOption = defaults.STORE, form: Format = Form.table) -> None:
    """The front of a study as it stands. Example: python -m sweep front quick --format json"""

    def work() -> int:
        from sweep import commands

        return commands.show_front(store, study, form)

    run(work)


@app.command()
def report(
    study: KeptStudy,
    output: Annotated[
        Path | None, typer.Option("-o", help="Directory; default: results/ of the study.")
    ] = None,
    store: StoreOption = defaults.STORE,
    form: Format = Form.table,
) -> None:
    """Write the report of a study as it stands. Example: python -m sweep report quick -o out/"""

    def work() -> int:
        from sweep import results

        return results.write_report(store, study, output, form)

    run(work)


@app.command()
def compare(
    a: KeptStudy, b: KeptStudy, store: StoreOption = defaults.STORE, form: Format = Form.table
) -> None:
    """Two studies side by side. Example: python -m sweep compare quick quick-hz1000"""

    def work() -> int:
        from sweep import results

        return results.show_comparison(store, a, b, form)

    run(work)


@app.command()
def track(study: KeptStudy, store: StoreOption = defaults.STORE, tracking_uri: Track = None) -> None:
    """Show a study in MLflow again, from the store. Example: python -m sweep track quick"""

    def work() -> int:
        from sweep import session

        return session.track(store, study, tracking_uri)

    run(work)


@app.command()
def ui(
    study: Annotated[str | None, typer.Argument(help="Point at this study only.")] = None,
    store: StoreOption = defaults.STORE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 5000,
) -> None:
    """Start the MLflow UI on the store. Example: python -m sweep ui"""

    def work() -> int:
        from sweep.track import ui

        ui.serve(store, study=study, host=host, port=port)
        return 0

    run(work)


@app.command()
def gc(study: KeptStudy, store: StoreOption = defaults.STORE, form: Format = Form.table) -> None:
    """Compact a study's segments and remove what nothing refers to. Example: python -m sweep gc quick"""

    def work() -> int:
        from sweep import commands

        return commands.collect_garbage(store, study, form)

    run(work)


@app.command()
def schema(
    what: Annotated[Schema, typer.Argument(help="study or machine")] = Schema.study,
) -> None:
    """The JSON schema of study files, for editors. Example: python -m sweep schema > study.schema.json"""

    def work() -> int:
        from sweep import commands

        return commands.show_schema(what)

    run(work)

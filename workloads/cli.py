"""The commands: words in, values out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from workloads import catalogue, files, render
from workloads.errors import WorkloadError, nearest
from workloads.summary import summarize
from workloads.synthetic import GENERATORS

app = typer.Typer(
    help="Workloads: recorded traces and synthetic ones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="A table to read, or one JSON document.")]
NameArgument = Annotated[str, typer.Argument(help="A name from `list`, or the path of a Parquet file.")]


@contextmanager
def _bad_input_exits() -> Iterator[None]:
    """One line and exit code 2 for bad input, no traceback."""
    try:
        yield
    except WorkloadError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def _print(format: Format, document: object, picture: Callable[[], None]) -> None:
    if format is Format.JSON:
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        picture()


@app.command("list")
def list_command(format: FormatOption = Format.TABLE) -> None:
    """Every recording and every generator, a line each."""
    with _bad_input_exits():
        shown = [(workload, summarize(workload)) for workload in map(catalogue.load, catalogue.names())]
    document = [
        {
            "name": workload.name,
            "origin": workload.origin,
            "description": workload.description,
            "duration_ns": summary.duration_ns,
            "nr_cpus": summary.nr_cpus,
            "objects": summary.objects,
        }
        for workload, summary in shown
    ]
    _print(format, document, lambda: render.catalogue(shown))


@app.command("show")
def show_command(name: NameArgument, format: FormatOption = Format.TABLE) -> None:
    """Counts, rates and histograms of one workload; its readers and memory pressure."""
    with _bad_input_exits():
        workload = catalogue.load(name)
        summary = summarize(workload)
    generator = GENERATORS.get(name) if workload.origin == "synthetic" else None
    document = {
        "name": workload.name,
        "origin": workload.origin,
        "description": workload.description,
        "provenance": dict(workload.provenance),
        **asdict(summary),
        "fault_window_ns": workload.fault_window_ns,
        "readers": asdict(workload.readers),
        "pressure": workload.pressure and asdict(workload.pressure),
        "distribution": generator and generator.documentation,
    }
    _print(format, document, lambda: render.workload(workload, summary, generator))


@app.command("synth")
def synth_command(
    name: Annotated[str, typer.Argument(help="A generator from `list`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The Parquet file to write.")],
    seed: Annotated[int, typer.Option(help="Same seed and parameters, same rows.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A parameter; may be repeated.")
    ] = None,
) -> None:
    """Write a synthetic workload to a file, with its readers and pressure in the metadata."""
    with _bad_input_exits():
        if name not in GENERATORS:
            raise WorkloadError(f"no generator {name!r}. {nearest(name, GENERATORS)}")
        workload = GENERATORS[name].make(seed, dict(map(_key_value, set_ or [])))
        files.write(workload, output)
    typer.echo(f"{output}: {workload.events.num_rows} rows, {summarize(workload).objects} objects")


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise WorkloadError(f"--set {text!r}: expected KEY=VALUE, for example nr_cpus=4")
    return key.strip(), value.strip()


@app.command("validate")
def validate_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A Parquet file.")],
) -> None:
    """Check a trace: columns, types, times, counts, kinds, metadata."""
    with _bad_input_exits():
        workload = files.read(path)
        rows = workload.events.num_rows
    typer.echo(f"{path}: valid; {rows} rows, {summarize(workload).objects} objects, {workload.nr_cpus} CPUs")

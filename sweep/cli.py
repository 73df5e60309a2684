"""The command line: words in, values out. What a command does is elsewhere.

Heavy modules are imported inside the commands, so that --help answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

app = typer.Typer(
    name="sweep",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How should frees that wait for an RCU grace period be batched? Sweeps policies and parameters.",
)
errors = Console(stderr=True)

StoreOption = Annotated[Path, typer.Option("--store", help="Directory of all studies.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, such as budget.trials=200.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes; default: one per CPU.")]
InProcess = Annotated[bool, typer.Option("--in-process", help="Without Ray, one trial after another.")]
Track = Annotated[str | None, typer.Option(help="MLflow tracking URI; default: sqlite in the store.")]
NoTrack = Annotated[bool, typer.Option("--no-track", help="Without MLflow.")]


def main() -> None:
    """Entry point; bad input ends with one message and exit code 2."""
    app()


def _fail(message: str) -> NoReturn:
    errors.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


@app.command()
def launch(
    study: Annotated[str, typer.Argument(help="A study of conf/ by name, or a YAML file.")] = "quick",
    overrides: Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved study, run nothing.")
    ] = False,
    store: StoreOption = Path("sweep-store"),
    workers: Workers = None,
    in_process: InProcess = False,
    tracking_uri: Track = None,
    no_track: NoTrack = False,
) -> None:
    """Run a study. Example: python -m sweep launch quick --set budget.trials=200"""
    from sweep import session
    from sweep.study import StudyError, find, load

    try:
        value = load(find(study), overrides or [])
    except StudyError as error:
        _fail(str(error))
    if dry_run:
        _print_study(value)
        return
    _run(
        session.Options(store, workers, in_process, tracking_uri, not no_track),
        lambda options: session.launch(value, options),
    )


@app.command()
def resume(
    study: Annotated[str, typer.Argument(help="Name of a study in the store.")],
    overrides: Overrides = None,
    store: StoreOption = Path("sweep-store"),
    workers: Workers = None,
    in_process: InProcess = False,
    tracking_uri: Track = None,
    no_track: NoTrack = False,
) -> None:
    """Go on with a study that was interrupted. Example: python -m sweep resume quick"""
    from sweep import session

    _run(
        session.Options(store, workers, in_process, tracking_uri, not no_track),
        lambda options: session.resume(study, options, overrides or []),
    )


@app.command()
def front(
    study: Annotated[str, typer.Argument(help="Name of a study in the store.")],
    store: StoreOption = Path("sweep-store"),
    format: Annotated[str, typer.Option(help="table or json")] = "table",
) -> None:
    """The front of a study as it stands. Example: python -m sweep front quick --format json"""
    from sweep import session

    if format not in ("table", "json"):
        _fail(f"--format {format}: expected table or json")
    _run(None, lambda _: session.show_front(study, store, format))


@app.command()
def simulate(
    workload: Annotated[str, typer.Option(help="A workload by name, or a Parquet file.")],
    machine: Annotated[str, typer.Option(help="A machine profile by name, or a YAML file.")] = "vm-2cpu",
    policy: Annotated[str, typer.Option(help="A policy, or a preset such as linux-6.12.")] = "per_object",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the policy.")] = None,
    machine_set: Annotated[
        list[str] | None,
        typer.Option("--machine-set", help="KEY=VALUE of the profile, such as nocb.nocb=true."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the readers.")] = 0,
    readers: Annotated[
        str | None, typer.Option(help="mm_ref or rcu_only, instead of the workload's.")
    ] = None,
    dilation: Annotated[float, typer.Option(min=0.001, help="Stretch the workload's times by this.")] = 1.0,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the workload, on further CPUs.")] = 1,
    loops: Annotated[int, typer.Option(min=1, help="Times that the workload is run through.")] = 1,
    format: Annotated[str, typer.Option(help="table or json")] = "table",
    series: Annotated[Path | None, typer.Option(help="Write retained bytes over time (Parquet).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw retained memory over time (PNG).")] = None,
) -> None:
    """One trial. Example: python -m sweep simulate --workload pgbench-connect --policy fixed_batch --set max=64"""
    from sweep import simulate_command

    _run(
        None,
        lambda _: simulate_command.run(
            workload=workload,
            machine=machine,
            policy=policy,
            params=overrides or [],
            machine_overrides=machine_set or [],
            seed=seed,
            readers=readers,
            dilation=dilation,
            replicas=replicas,
            loops=loops,
            format=format,
            series=series,
            plot=plot,
        ),
    )


def _print_study(study: Any) -> None:
    import yaml

    print(yaml.safe_dump(study.resolved(), sort_keys=False, allow_unicode=True), end="")


def _run(options: Any, work: Any) -> None:
    """Whatever a user can mend becomes one message and exit code 2."""
    from sweep.errors import USER_ERRORS

    try:
        code = work(options)
    except USER_ERRORS as error:
        _fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if code:
        raise typer.Exit(code)

"""The command line: words in, values out. What a command does is elsewhere.

Heavy modules are imported inside the commands, so that --help and list answer at once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from sweep import defaults

if TYPE_CHECKING:
    from sweep.session import Options

app = typer.Typer(
    name="sweep",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How should frees that wait for an RCU grace period be batched? Sweeps policies and parameters.",
)
errors = Console(stderr=True)


class Form(StrEnum):
    """How a command prints what it found."""

    table = "table"
    json = "json"


class Rcu(StrEnum):
    """Whose grace periods and callbacks a native trial has."""

    kernel_like = "kernel_like"
    liburcu = "liburcu"


class Allocator(StrEnum):
    """Where a native trial's objects come from."""

    slab = "slab"
    glibc = "glibc"
    jemalloc = "jemalloc"
    mimalloc = "mimalloc"


class Calibrated(StrEnum):
    """The backends whose unit costs can be measured."""

    native = "native"


class Schema(StrEnum):
    """What a schema is of."""

    study = "study"
    machine = "machine"


StoreOption = Annotated[Path, typer.Option("--store", help="Directory of all studies.")]
KeptStudy = Annotated[str, typer.Argument(help="Name of a study in the store.")]
StudyArgument = Annotated[str, typer.Argument(help="A study of conf/ by name, or a YAML file.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, such as budget.trials=200.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes; default: one per CPU.")]
InProcess = Annotated[bool, typer.Option("--in-process", help="Without Ray, one trial after another.")]
Address = Annotated[str | None, typer.Option(help="A Ray cluster to join: auto, or HOST:PORT.")]
JobAddress = Annotated[str, typer.Option("--address", help="The cluster's dashboard: http://HOST:8265.")]
NodeTimeout = Annotated[
    float, typer.Option(min=0.5, help="Seconds until a silent node of a Ray started here counts as lost.")
]
TrialTimeout = Annotated[float, typer.Option(min=1, help="Seconds after which a trial's worker is given up.")]
Archive = Annotated[
    str | None, typer.Option(help="Where sealed segments and results are copied: s3://..., gs://..., a path.")
]
Track = Annotated[str | None, typer.Option(help="MLflow tracking URI; default: sqlite in the store.")]
NoTrack = Annotated[bool, typer.Option("--no-track", help="Without MLflow.")]
RcuOption = Annotated[
    Rcu, typer.Option("--rcu", help="kernel_like: as the profile says; liburcu: its call_rcu().")
]
AllocatorOption = Annotated[
    Allocator, typer.Option("--allocator", help="slab: ours, after SLUB; or the malloc of that library.")
]
Cpus = Annotated[
    str | None, typer.Option(help="CPUs to own, such as 0,1; default: the first ones permitted.")
]
Window = Annotated[
    str | None, typer.Option(help="START,LENGTH such as 2s,1.5s: that part of the workload alone.")
]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds that a pass may take beyond its workload's.")]
Format = Annotated[Form, typer.Option("--format", help="json: one document on standard output.")]


def main() -> None:
    """Entry point; bad input ends with one message and exit code 2."""
    app()


def _fail(message: str) -> NoReturn:
    errors.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def _run(work: Callable[[], int]) -> None:
    """Whatever a user can mend becomes one message and exit code 2."""
    from sweep.errors import USER_ERRORS

    try:
        code = work()
    except USER_ERRORS as error:
        _fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}; nothing that was measured is lost")
    if code:
        raise typer.Exit(code)


def _options(
    store: Path,
    workers: int | None,
    in_process: bool,
    address: str | None,
    archive: str | None,
    tracking_uri: str | None,
    no_track: bool,
    node_timeout: float,
    trial_timeout: float,
    sources: list[str] | None = None,
) -> Options:
    from sweep.session import Options

    if in_process and (address or workers):
        _fail("--in-process runs without Ray: it goes with neither --address nor --workers")
    return Options(
        store=store,
        workers=workers,
        in_process=in_process,
        address=address,
        node_timeout_s=node_timeout,
        trial_timeout_s=trial_timeout,
        archive=archive,
        tracking_uri=tracking_uri,
        track=not no_track,
        sources=tuple(sources or ()),
    )


# -- running studies ----------------------------------------------------------------------------


@app.command()
def launch(
    study: StudyArgument = "quick",
    overrides: Overrides = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the resolved study, its size and an estimate; run nothing."),
    ] = False,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from", help="Take what an earlier study of the store measured in the same scenarios."
        ),
    ] = None,
    store: StoreOption = defaults.STORE,
    workers: Workers = None,
    in_process: InProcess = False,
    address: Address = None,
    archive: Archive = None,
    tracking_uri: Track = None,
    no_track: NoTrack = False,
    node_timeout: NodeTimeout = defaults.NODE_TIMEOUT_S,
    trial_timeout: TrialTimeout = defaults.TRIAL_TIMEOUT_S,
) -> None:
    """Run a study. Example: python -m sweep launch quick --set budget.trials=200"""

    def work() -> int:
        from sweep import session, study_file

        value = study_file.load(study_file.find(study), overrides or [])
        options = _options(
            store,
            workers,
            in_process,
            address,
            archive,
            tracking_uri,
            no_track,
            node_timeout,
            trial_timeout,
            sources,
        )
        return session.dry_run(value, options) if dry_run else session.launch(value, options)

    _run(work)


@app.command()
def resume(
    study: KeptStudy,
    overrides: Overrides = None,
    store: StoreOption = defaults.STORE,
    workers: Workers = None,
    in_process: InProcess = False,
    address: Address = None,
    tracking_uri: Track = None,
    no_track: NoTrack = False,
    node_timeout: NodeTimeout = defaults.NODE_TIMEOUT_S,
    trial_timeout: TrialTimeout = defaults.TRIAL_TIMEOUT_S,
) -> None:
    """Go on with a study that was interrupted. Example: python -m sweep resume quick"""

    def work() -> int:
        from sweep import session

        options = _options(
            store, workers, in_process, address, None, tracking_uri, no_track, node_timeout, trial_timeout
        )
        return session.resume(study, options, overrides or [])

    _run(work)


@app.command()
def simulate(
    workload: Annotated[str | None, typer.Option(help="A workload by name, or a Parquet file.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A recommended.yaml: run it in the scenarios that it names.")
    ] = None,
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
    window: Annotated[
        str | None, typer.Option(help="START,LENGTH of the part that is used, such as 2s,1.5s.")
    ] = None,
    dilation: Annotated[float, typer.Option(min=0.001, help="Stretch the workload's times by this.")] = 1.0,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the workload, on further CPUs.")] = 1,
    loops: Annotated[int, typer.Option(min=1, help="Times that the workload is run through.")] = 1,
    form: Format = Form.table,
    series: Annotated[Path | None, typer.Option(help="Write retained bytes over time (Parquet).")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw retained memory over time (PNG).")] = None,
) -> None:
    """One trial. Example: python -m sweep simulate --workload pgbench-connect --policy fixed_batch --set max=64"""

    def work() -> int:
        from sweep import simulate_command

        if config is not None:
            given: dict[str, object] = {
                "--workload": workload,
                "--policy": policy != "per_object",
                "--set": overrides,
            }
            given |= {"--machine": machine != "vm-2cpu", "--machine-set": machine_set, "--readers": readers}
            given |= {"--series": series, "--plot": plot}
            if others := [name for name, value in given.items() if value]:
                _fail(f"--config says all of it: it does not go with {', '.join(others)}")
            return simulate_command.run_config(config, form)
        if workload is None:
            _fail(
                "--workload is missing (or --config with a recommended.yaml); see: python -m workloads list"
            )
        simulate_command.run(
            workload=workload,
            machine=machine,
            policy=policy,
            params=overrides or [],
            machine_overrides=machine_set or [],
            seed=seed,
            readers=readers,
            window=window,
            dilation=dilation,
            replicas=replicas,
            loops=loops,
            format=form,
            series=series,
            plot=plot,
        )
        return 0

    _run(work)


@app.command()
def measure(
    workload: Annotated[str, typer.Option(help="A workload by name, or a Parquet file.")],
    machine: Annotated[str, typer.Option(help="A machine profile by name, or a YAML file.")] = "vm-2cpu",
    policy: Annotated[str, typer.Option(help="A policy, or a preset such as linux-6.12.")] = "per_object",
    overrides: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the policy.")] = None,
    machine_set: Annotated[
        list[str] | None,
        typer.Option("--machine-set", help="KEY=VALUE of the profile, such as nocb.nocb=true."),
    ] = None,
    rcu: RcuOption = Rcu.kernel_like,
    allocator: AllocatorOption = Allocator.slab,
    cpus: Cpus = None,
    blocks: Annotated[
        int | None,
        typer.Option(min=2, max=1000, help="ABBA blocks; default: until both objectives are known to 5 %."),
    ] = None,
    window: Window = None,
    readers: Annotated[
        str | None, typer.Option(help="mm_ref or rcu_only, instead of the workload's.")
    ] = None,
    dilation: Annotated[float, typer.Option(min=0.001, help="Stretch the workload's times by this.")] = 1.0,
    replicas: Annotated[int, typer.Option(min=1, help="Copies of the workload, on further CPUs.")] = 1,
    loops: Annotated[int, typer.Option(min=1, help="Times that the workload is run through.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the readers.")] = 0,
    timeout: Timeout = defaults.PASS_TIMEOUT_S,
    form: Format = Form.table,
) -> None:
    """One configuration on this machine's CPUs, in real time. Example: python -m sweep measure --workload
    shell-configure --window 2s,1.2s --policy whole_list"""

    def work() -> int:
        from sweep import measure_command, native_trial, trial_options
        from workloads import Scale

        request = trial_options.resolve(
            workload=workload,
            machine=machine,
            policy=policy,
            params=overrides or [],
            machine_overrides=machine_set or [],
            scale=Scale(dilation, replicas, loops, trial_options.parse_window(window)),
            readers=readers,
            seed=seed,
        )
        options = native_trial.NativeOptions(rcu.value, allocator.value, cpus, blocks, timeout)
        return measure_command.run(request, options, form)

    _run(work)


@app.command()
def selftest(
    workload: Annotated[
        list[str] | None, typer.Option(help="A workload by name, or a Parquet file; may be repeated.")
    ] = None,
    window: Window = None,
    machine: Annotated[str, typer.Option(help="A machine profile by name, or a YAML file.")] = "vm-2cpu",
    rcu: RcuOption = Rcu.kernel_like,
    allocator: AllocatorOption = Allocator.slab,
    cpus: Cpus = None,
    blocks: Annotated[int, typer.Option(min=2, max=1000, help="ABBA blocks in each workload.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the readers.")] = 0,
    timeout: Timeout = defaults.PASS_TIMEOUT_S,
    form: Format = Form.table,
) -> None:
    """The baseline against itself: what can this machine tell apart? Example: python -m sweep selftest --cpus 0,1"""

    def work() -> int:
        from sweep import native_trial, selftest_command

        options = native_trial.NativeOptions(rcu.value, allocator.value, cpus, blocks, timeout)
        return selftest_command.run(workload or [], window, machine, seed, options, form)

    _run(work)


@app.command()
def calibrate(
    backend: Annotated[Calibrated, typer.Option(help="What is measured: native.")] = Calibrated.native,
    machine: Annotated[
        str, typer.Option(help="The profile to extend: its constants hold, its costs are measured.")
    ] = "vm-2cpu",
    output: Annotated[
        Path | None, typer.Option("-o", help="Write a profile there, such as conf/machines/mine.yaml.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=3, max=1000, help="Of all probes, about 20 s each.")] = 8,
    cpus: Cpus = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals' bootstrap.")] = 0,
    form: Format = Form.table,
) -> None:
    """Measure this machine's unit costs for the simulator. Example: python -m sweep calibrate -o mine.yaml"""

    def work() -> int:
        from sweep import calibrate_command

        options = calibrate_command.CalibrateOptions(machine, output, rounds, cpus, seed)
        return calibrate_command.calibrate(options, form)

    assert backend is Calibrated.native
    _run(work)


@app.command()
def agree(
    machine: Annotated[
        str, typer.Option(help="A profile calibrated on this machine: by name, or a YAML file.")
    ] = "vm-2cpu",
    workloads: Annotated[
        str | None, typer.Option(help="Of those compared, only these: a,b,c. Default: all.")
    ] = None,
    configurations: Annotated[
        int, typer.Option(min=1, max=10_000, help="In each workload; over all policies.")
    ] = defaults.AGREE_CONFIGURATIONS,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Passes of each, far apart in time.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of sample, order and readers.")] = 1,
    output: Annotated[
        Path | None, typer.Option("-o", help="Directory; default: sweep-agreement/MACHINE.")
    ] = None,
    conf: Annotated[
        Path | None, typer.Option(help="What is compared; default: conf/agreement/default.yaml.")
    ] = None,
    cpus: Cpus = None,
    timeout: Timeout = defaults.PASS_TIMEOUT_S,
    form: Format = Form.table,
) -> None:
    """How well does the simulator predict this machine? Example: python -m sweep agree --machine mine.yaml"""

    def work() -> int:
        from sweep import agree_command

        names = tuple(word.strip() for word in (workloads or "").split(",") if word.strip())
        options = agree_command.AgreeOptions(
            machine, names, configurations, repeats, seed, output, conf, cpus, timeout
        )
        return agree_command.agree(options, form)

    _run(work)


# -- looking at studies -------------------------------------------------------------------------


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

    _run(work)


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

    _run(work)


@app.command()
def compare(
    a: KeptStudy, b: KeptStudy, store: StoreOption = defaults.STORE, form: Format = Form.table
) -> None:
    """Two studies side by side. Example: python -m sweep compare quick quick-hz1000"""

    def work() -> int:
        from sweep import results

        return results.show_comparison(store, a, b, form)

    _run(work)


@app.command()
def track(study: KeptStudy, store: StoreOption = defaults.STORE, tracking_uri: Track = None) -> None:
    """Show a study in MLflow again, from the store. Example: python -m sweep track quick"""

    def work() -> int:
        from sweep import session

        return session.track(store, study, tracking_uri)

    _run(work)


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

    _run(work)


@app.command()
def gc(study: KeptStudy, store: StoreOption = defaults.STORE, form: Format = Form.table) -> None:
    """Compact a study's segments and remove what nothing refers to. Example: python -m sweep gc quick"""

    def work() -> int:
        from sweep import commands

        return commands.collect_garbage(store, study, form)

    _run(work)


@app.command()
def schema(
    what: Annotated[Schema, typer.Argument(help="study or machine")] = Schema.study,
) -> None:
    """The JSON schema of study files, for editors. Example: python -m sweep schema > study.schema.json"""

    def work() -> int:
        from sweep import commands

        return commands.show_schema(what)

    _run(work)


# -- on a cluster -------------------------------------------------------------------------------


@app.command()
def submit(
    study: StudyArgument,
    address: JobAddress,
    overrides: Overrides = None,
    store: StoreOption = defaults.STORE,
    archive: Archive = None,
    tracking_uri: Track = None,
    no_track: NoTrack = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow its progress.")] = False,
) -> None:
    """Send a study to a cluster as a Ray job. Example: python -m sweep submit phone --address http://head:8265"""

    def work() -> int:
        from sweep import cluster_commands

        return cluster_commands.submit(
            study, address, overrides or [], store, archive, tracking_uri, track=not no_track, detach=detach
        )

    _run(work)


@app.command()
def status(
    study: Annotated[str, typer.Argument(help="A study in the store; with --address, a job.")],
    address: Annotated[
        str | None, typer.Option(help="The cluster's dashboard, http://HOST:8265: ask for a job.")
    ] = None,
    store: StoreOption = defaults.STORE,
    form: Format = Form.table,
) -> None:
    """How a study stands, or a job. Example: python -m sweep status quick"""

    def work() -> int:
        if address is not None:
            from sweep import cluster_commands

            return cluster_commands.status(study, address, form)
        from sweep import commands

        return commands.show_status(store, study, form)

    _run(work)


@app.command()
def logs(
    job: Annotated[str, typer.Argument(help="A job, as `submit` named it.")],
    address: JobAddress,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Until it ends; Ctrl-C leaves it running.")
    ] = False,
) -> None:
    """What a job printed. Example: python -m sweep logs JOB --address http://head:8265 -f"""

    def work() -> int:
        from sweep import cluster_commands

        return cluster_commands.logs(job, address, follow=follow)

    _run(work)


@app.command()
def stop(
    job: Annotated[str, typer.Argument(help="A job, as `submit` named it.")],
    address: JobAddress,
) -> None:
    """End a job; what it finished is kept. Example: python -m sweep stop JOB --address http://head:8265"""

    def work() -> int:
        from sweep import cluster_commands

        return cluster_commands.stop(job, address)

    _run(work)

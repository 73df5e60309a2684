"""What `python -m sweep simulate` does: one trial, its metrics as a table or as JSON, its course as a
Parquet file or a picture."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import workloads
from sweep import trial_options, units
from sweep.errors import InputError
from sweep.trial import METRICS, Measurement

if TYPE_CHECKING:
    from rich.table import Table

    from sweep.backends.simulator import SimulationResult

SERIES_POINTS: Final = 2000
"""Samples over a workload's duration."""

WIDE: Final = 140
"""Columns of a terminal from which on the table says what each metric means."""


def run(
    *,
    workload: str,
    machine: str,
    policy: str,
    params: Sequence[str] = (),
    machine_overrides: Sequence[str] = (),
    seed: int = 0,
    readers: str | None = None,
    window: str | None = None,
    dilation: float = 1.0,
    replicas: int = 1,
    loops: int = 1,
    format: str = "table",
    series: Path | None = None,
    plot: Path | None = None,
) -> None:
    """Simulate one trial and print its metrics on standard output.

    workload, machine: names, or paths of files. policy: a policy or a preset. params: "name=value" for the
    policy's parameters. machine_overrides: "section.name=value" for entries of the machine profile.
    window: "START,LENGTH" with units, the part of the workload that is used.
    readers: mm_ref or rcu_only, instead of the workload's. format: table or json. series, plot: files to
    write; one that exists is replaced.

    Raises sweep.errors.USER_ERRORS: a name or value that does not fit, a file that cannot be written, a
    trial that exceeds its bounds.
    """
    from sweep.backends.simulator import simulate

    trial_options.one_of("format", format, ("table", "json"))
    for path in (series, plot):
        if path is not None:
            _check_place(path)
    request = trial_options.resolve(
        workload=workload,
        machine=machine,
        policy=policy,
        params=params,
        machine_overrides=machine_overrides,
        scale=workloads.Scale(dilation, replicas, loops, trial_options.parse_window(window)),
        readers=readers,
        seed=seed,
    )
    replay = workloads.replay(request.workload, request.machine.nr_cpus, request.scale, request.seed)
    wants_series = series is not None or plot is not None
    result = simulate(
        replay,
        request.machine,
        request.configuration.policy,
        request.configuration.mapping(),
        request.seed,
        series_interval_ns=max(replay.duration_ns // SERIES_POINTS, 1000) if wants_series else 0,
    )
    if format == "json":
        print(json.dumps(result.measurement.nested(), indent=2))
    else:
        _print_table(f"{trial_options.title(request)} (simulated)", result.measurement)
    if series is not None:
        with _whole(series) as partial:
            _write_series(partial, request, result)
    if plot is not None:
        from sweep.simulate_plot import write_plot

        with _whole(plot) as partial:
            write_plot(partial, f"{trial_options.title(request)} (simulated)", result)


def run_config(path: Path, format: str = "table") -> int:
    """Simulate what a recommended.yaml names, in every scenario that it names, and print the metrics on
    standard output; the exit code, 1 where a figure is not as the file states (standard error says which).

    Raises sweep.errors.USER_ERRORS.
    """
    trial_options.one_of("format", format, ("table", "json"))
    from rich.console import Console

    from sweep.backends.evaluator import EvaluationError, SimulatorEvaluator
    from sweep.report import recommendation

    wanted = recommendation.read(path)
    if wanted.figures != "simulated":
        raise InputError(
            f"{path}: its figures were measured ({wanted.measured_on or 'in a kernel'}), so they are not simulated again; "
            "`python -m sweep measure` measures a configuration"
        )
    stated = {each.name: each for each in wanted.scenarios}
    made = tuple(each.scenario() for each in wanted.scenarios)
    try:
        measured = SimulatorEvaluator(made)(wanted.configuration, {}).measurements
    except EvaluationError as error:
        raise InputError(f"{path}: {error}") from None
    differing = {
        name: [
            metric
            for metric, value in measurement.flat().items()
            if stated[name].metrics.get(metric) != value
        ]
        for name, measurement in measured
    }
    if format == "json":
        document = {
            "figures": "simulated",
            "study": wanted.study,
            "policy": wanted.policy,
            "params": dict(wanted.params),
            "as_stated": not any(differing.values()),
            "scenarios": {
                name: {"as_stated": not differing[name], "differing": differing[name], **measurement.nested()}
                for name, measurement in measured
            },
        }
        print(json.dumps(document, indent=2))
    else:
        for name, measurement in measured:
            _print_table(f"{name}: {wanted.configuration} (simulated)", measurement)
        if not any(differing.values()):
            print(f"All figures are those that {path} states.")
    messages = Console(stderr=True)
    for scenario, metrics in zip(made, differing.values(), strict=True):
        if metrics:
            text = f"{scenario.name}: not as stated in {path}: {', '.join(metrics)}"
            if scenario.key != stated[scenario.name].key:
                text += " (the workload, the machine profile or the simulator is another one now)"
            messages.print(text, style="yellow", markup=False, soft_wrap=True)
    return int(any(differing.values()))


def _print_table(title: str, measurement: Measurement) -> None:
    from rich.console import Console

    console = Console()
    console.print(_table(title, measurement, with_meaning=console.width >= WIDE))


def _table(title: str, measurement: Measurement, *, with_meaning: bool) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("metric", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True, style="dim")
    if with_meaning:
        table.add_column("meaning", style="dim")
    values = measurement.flat()
    groups = [name.partition(".")[0] for name in METRICS]
    for place, (name, metric) in enumerate(METRICS.items()):
        first = place == 0 or groups[place] != groups[place - 1]
        last = place + 1 == len(groups) or groups[place] != groups[place + 1]
        human = units.format_value(values[name], metric.unit) if metric.unit in ("ns", "bytes") else ""
        meaning = [metric.help if first else ""] if with_meaning else []
        table.add_row(
            name,
            _exact(values[name]),
            metric.unit,
            human,
            *meaning,
            style="bold red" if name == "violations" and values[name] else None,
            end_section=last and not first,
        )
    return table


def _exact(value: float | int) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _check_place(path: Path) -> None:
    """Before anything is simulated: whether a file can be put there at all."""
    if path.exists() and not path.is_file():
        # A rename would put a plain file in the place of a device or pipe.
        raise InputError(f"cannot write {path}: not a regular file; choose another place")
    if not path.parent.is_dir():
        raise InputError(
            f"cannot write {path}: there is no folder {path.parent}; make it, or choose another place"
        )


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where to write a file that then appears at `path` whole, or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


def _write_series(path: Path, request: trial_options.TrialRequest, result: SimulationResult) -> None:
    """t_ns, retained_bytes, and its parts; the file's metadata says what was simulated."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    samples = result.samples
    assert samples is not None
    parts = [samples[f"{state}_bytes"] for state in ("postponed", "waiting", "ready")]
    retained = pc.add(pc.add(parts[0], parts[1]), parts[2])
    table = samples.add_column(1, pa.field("retained_bytes", pa.int64()), retained)
    metadata: Mapping[str, str] = {
        "workload": request.workload.name,
        "machine": request.machine.name,
        "configuration": str(request.configuration),
        "seed": str(request.seed),
        "backend": "simulator",
    }
    pq.write_table(table.replace_schema_metadata(dict(metadata)), path)

"""What `python -m sweep agree` does: the simulator held to this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from sweep import machine as machines
from sweep.agreement import files, model, native, run, sample, settings, tables
from sweep.agreement.kept import Kept
from sweep.errors import InputError
from sweep.native_trial import NativeOptions

DIRECTORY: Final = Path("sweep-agreement")
"""One directory below it for each machine profile, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class AgreeOptions:
    """workloads: by name, none: all of the settings. configurations: in each. repeats: passes of each pair.
    output: a directory. conf: another file like conf/agreement/default.yaml. cpus: as text."""

    machine: str
    workloads: tuple[str, ...]
    configurations: int
    repeats: int
    seed: int
    output: Path | None
    conf: Path | None
    cpus: str | None
    timeout_s: float


def agree(options: AgreeOptions, form: str) -> int:
    """Measure, simulate, compare; tables on standard output (or the agreement as JSON) and files in a directory.
    What is in that directory's measured.jsonl is not measured again. The exit code, 0 whatever the agreement.

    Raises sweep.errors.USER_ERRORS.
    """
    messages = Console(stderr=True)
    wanted = settings.load(options.conf)
    if options.workloads:
        wanted = wanted.only(options.workloads)
    machine = machines.load(options.machine)
    try:
        configurations = sample.configurations(options.configurations, options.seed)
    except ValueError as error:
        raise InputError(f"--configurations: {error}") from None
    native_settings = NativeOptions("kernel_like", "slab", options.cpus, None, options.timeout_s).settings()
    host = native.host(machine, native_settings)
    directory = options.output or DIRECTORY / machine.name
    directory.mkdir(parents=True, exist_ok=True)
    kept = Kept(directory / files.MEASURED)
    with messages.status("") as status:

        def progress(done: int, of: int) -> None:
            status.update(f"{done:,} of {of:,} passes measured; Ctrl-C keeps them")

        found = run.compare(
            wanted,
            machine,
            configurations,
            host,
            kept,
            repeats=options.repeats,
            seed=options.seed,
            clock=time.time,
            progress=progress,
        )
    files.write(directory, found, wanted.shown)
    for workload, configuration, why in found.failed:
        messages.print(
            f"not compared: {workload}: {configuration}: {why}", style="yellow", markup=False, soft_wrap=True
        )
    messages.print(f"written: {directory}/", style="dim", markup=False, soft_wrap=True)
    if form == "json":
        print(model.dump(found.agreement), end="")
    else:
        _show(found.agreement, wanted)
    return 0


def _show(agreement: model.Agreement, wanted: settings.Settings) -> None:
    console = Console()
    for part in agreement.parts:
        console.print(tables.metrics(part, wanted.shown))
        for text, reached in tables.targets(part, wanted.targets):
            console.print(text, style="green" if reached else "yellow", markup=False, highlight=False)
        console.print()
    console.print(tables.fronts(agreement), "")
    console.print(tables.policies(agreement.parts[0], [target.metric for target in wanted.targets]), "")
    if agreement.drift:
        console.print(tables.drift(agreement), "")
    console.print(
        f"{agreement.passes:,} passes, {agreement.disturbed:,} of them disturbed whenever they were tried. "
        f"Measured in user space on machine {agreement.machine_key}; what the columns are: docs/agreement.md.",
        markup=False,
        highlight=False,
    )

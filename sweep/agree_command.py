"""What `python -m sweep agree` does: the simulator held to this machine, or to a kernel in a guest."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from rich.console import Console

from sweep import calibrated
from sweep import machine as machines
from sweep.agreement import files, kernel, model, native, run, sample, settings, tables
from sweep.agreement.kept import Kept
from sweep.agreement.rounds import Rounds
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.lab import Lab, cache_directory
from sweep.backends.kernel.settings import KernelSettings
from sweep.backends.native import calibration, evaluator, program
from sweep.backends.native.fingerprint import Fingerprint
from sweep.errors import InputError
from sweep.native_trial import NativeOptions

DIRECTORY: Final = Path("sweep-agreement")
"""One directory below it for each machine profile, unless told otherwise."""
_COLUMNS: Final = 3  # of metrics, which fit 80 columns


Backend: TypeAlias = Literal["native", "kernel"]

CONF: Final[dict[Backend, str]] = {"native": "default", "kernel": "kernel"}
"""By what is measured on, the file of conf/agreement that holds unless told otherwise."""


@dataclass(frozen=True, slots=True)
class AgreeOptions:
    """backend: what the simulator is held to. workloads: by name, none: all of the settings. configurations: in
    each. repeats: passes of each pair. output: a directory. conf: another file like those of conf/agreement. cpus: as
    text, native. calibrate: native, the profile that is calibrated between the passes, extending `machine`, and compared;
    None: `machine` itself. icount: kernel, the shift of QEMU's -icount; None: the host's time."""

    backend: Backend
    machine: str
    calibrate: Path | None
    workloads: tuple[str, ...]
    configurations: int
    repeats: int
    seed: int
    output: Path | None
    conf: Path | None
    cpus: str | None
    timeout_s: float
    icount: int | None


def agree(options: AgreeOptions, form: str) -> int:
    """Measure, simulate, compare; tables on standard output (or the agreement as JSON) and files in a directory.
    What is in that directory's measured.jsonl is not measured again. The exit code, 0 whatever the agreement.

    Raises sweep.errors.USER_ERRORS.
    """
    messages = Console(stderr=True)
    wanted = settings.load(options.conf, CONF[options.backend])
    if options.workloads:
        wanted = wanted.only(options.workloads)
    machine = machines.load(options.machine)
    try:
        configurations = sample.configurations(options.configurations, options.seed)
    except ValueError as error:
        raise InputError(f"--configurations: {error}") from None
    directory = options.output or DIRECTORY / machine.name
    directory.mkdir(parents=True, exist_ok=True)
    kept = Kept(directory / files.MEASURED)
    between = _Between(options, machine, directory, options.calibrate) if options.calibrate else None
    with messages.status("") as status, _host(options, machine, directory, messages) as host:

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
            between=between,
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


class _Between:
    """Rounds of the native benchmark's calibration between its passes, and the profile in `path` that comes of them."""

    def __init__(self, options: AgreeOptions, machine: machines.Machine, directory: Path, path: Path) -> None:
        if options.backend != "native":
            raise InputError("--calibrate: between passes of the native backend only; use `calibrate` first")
        calibrated.check_place("--calibrate", path)
        self._options, self._machine, self._path = options, machine, path
        declared = NativeOptions(cpus=options.cpus).settings().cpus
        timeout_s = calibrated.timeout_s(1)
        constants = {name: value for name, value in machine.resolved().items() if run.is_measured(name)}
        key = json.dumps(
            [evaluator.machine_key(), program.digest(calibration.path()), constants], sort_keys=True
        )
        self._rounds = Rounds(
            directory / files.ROUNDS,
            hashlib.sha256(key.encode()).hexdigest()[:16],
            lambda: calibration.measure(machine, declared, 1, timeout_s),
        )

    def before_pass(self, done: int, of: int) -> None:
        self._rounds.before_pass(done, of)

    def profile(self) -> machines.Machine:
        """Written, and read as others will read it."""
        base, series = self._options.machine, self._rounds.series()
        costs = tuple(calibration.costs(series, self._machine, np.random.default_rng(self._options.seed)))
        found = calibrated.of_this_machine(
            costs, series, Fingerprint.take(), f"agree --machine {base} --calibrate"
        )
        return calibrated.save(self._path, base, found, len(self._rounds))


@contextmanager
def _host(
    options: AgreeOptions, machine: machines.Machine, directory: Path, messages: Console
) -> Iterator[run.Host]:
    """What is measured on, until the context ends."""
    if options.backend == "native":
        words = NativeOptions(cpus=options.cpus, timeout_s=options.timeout_s)
        yield native.host(machine, words.settings())
        return
    if options.cpus is not None:
        raise InputError("--cpus: a guest runs on any CPUs of the host; leave it out with --backend kernel")
    wanted = KernelSettings(icount=options.icount)
    try:
        lab = Lab(cache_directory(), say=lambda text: messages.print(text, style="yellow", markup=False))
    except LabError as error:
        raise model.AgreementError(str(error)) from error
    with lab:
        yield kernel.host(machine, wanted, lab, options.seed)


def _show(agreement: model.Agreement, wanted: settings.Settings) -> None:
    console = Console()
    for part in agreement.parts:
        console.print(tables.metrics(part, wanted.shown))
        for text, reached in tables.targets(part, wanted.targets):
            console.print(text, style="green" if reached else "yellow", markup=False, highlight=False)
        console.print()
    console.print(tables.fronts(agreement), "")
    names = [target.metric for target in wanted.targets]
    for at in range(0, len(names), _COLUMNS):
        console.print(tables.policies(agreement.parts[0], names[at : at + _COLUMNS]), "")
    if agreement.drift:
        console.print(tables.drift(agreement), "")
    console.print(
        f"{agreement.passes:,} passes, {agreement.disturbed:,} of them disturbed whenever they were tried. "
        f"Measured in {agreement.where}, machine {agreement.machine_key}; what the columns are: docs/agreement.md.",
        markup=False,
        highlight=False,
    )

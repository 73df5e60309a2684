"""What `python -m sweep calibrate` does: this machine's unit costs, or those of a kernel's guest, as a machine profile."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from rich.console import Console

from sweep import calibrated
from sweep import machine as machines
from sweep.agreement.model import AgreementError
from sweep.backends.costs import evaluate
from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel import calibration as lab_calibration
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.evaluator import machine_key
from sweep.backends.kernel.lab import Lab, cache_directory
from sweep.backends.native import calibration
from sweep.backends.native.fingerprint import Fingerprint
from sweep.calibrated import Calibrated
from sweep.errors import InputError
from sweep.native_trial import NativeOptions

if TYPE_CHECKING:
    from rich.table import Table

Backend: TypeAlias = Literal["native", "kernel"]


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """backend: what is measured. machine: the profile that is extended; its constants hold, its costs are measured.
    output: a YAML file; None: none is written. rounds: of all probes. cpus: as text, native. seed: of the bootstrap.
    icount: kernel, the shift of QEMU's -icount; None: the host's time."""

    backend: Backend
    machine: str
    output: Path | None
    rounds: int
    cpus: str | None
    seed: int
    icount: int | None


def calibrate(options: CalibrateOptions, form: str) -> int:
    """Measure, print every cost with its interval, and write the profile; the exit code.

    Raises sweep.errors.USER_ERRORS.
    """
    if options.output is not None:
        calibrated.check_place("-o", options.output)
    messages = Console(stderr=True)
    machine = machines.load(options.machine)
    measure = _native if options.backend == "native" else _kernel
    found = measure(options, machine, messages)
    if options.output is not None:
        calibrated.save(options.output, options.machine, found, options.rounds)
        messages.print(f"written: {options.output}", style="dim", markup=False, soft_wrap=True)
    if form == "json":
        print(json.dumps(_document(found), indent=2))
        return 0
    console = Console()
    console.print(_table(found, machine))
    for line in found.remarks:
        console.print(line, markup=False, highlight=False)
    return 0


def _native(options: CalibrateOptions, machine: machines.Machine, messages: Console) -> Calibrated:
    declared = NativeOptions(cpus=options.cpus).settings().cpus
    seconds = options.rounds * calibration.ROUND_S
    with messages.status(f"{options.rounds} rounds, about {seconds:.0f} s on a quiet machine"):
        series = calibration.measure(machine, declared, options.rounds, calibrated.timeout_s(options.rounds))
    costs = tuple(calibration.costs(series, machine, np.random.default_rng(options.seed)))
    command = f"calibrate --machine {options.machine}"
    return calibrated.of_this_machine(costs, series, Fingerprint.take(), command)


def _kernel(options: CalibrateOptions, machine: machines.Machine, messages: Console) -> Calibrated:
    if options.cpus is not None:
        raise InputError("--cpus: a guest runs on any CPUs of the host; leave it out with --backend kernel")
    boot = BootSettings(nr_cpus=machine.nr_cpus, icount=options.icount)

    def say(text: str) -> None:
        messages.print(text, style="yellow", markup=False)

    object_bytes = machine.resolved()["object_bytes"]
    try:
        with Lab(cache_directory(), say=say, policy_files=lab_calibration.PROBES) as lab:
            series, one = lab_calibration.measure(lab, boot, object_bytes, options.rounds)
    except (LabError, EvaluationError) as error:
        raise AgreementError(f"the guest could not be calibrated: {error}") from error
    costs = tuple(
        evaluate(lab_calibration.FORMULAS, series, machine.resolved(), np.random.default_rng(options.seed))
    )
    guest = "an emulated guest" if one.emulated else "a guest"
    time = "the host's time" if options.icount is None else f"2^{options.icount} ns per instruction"
    lone = (
        f"from unlinking to free of one object, guest else idle, {setting}: "
        f"{np.median(series[f'{prefix}lone', 1]) / 1e6:,.1f} ms"
        for prefix, setting in lab_calibration.LONE.items()
    )
    return Calibrated(
        figures=f"measured in {guest} of the kernel lab",
        where=f"in {guest}",
        key=machine_key(one),
        summary=f"Linux {one.release} with {machine.nr_cpus} CPUs, {time}",
        document={"release": one.release, "emulated": one.emulated, "icount": options.icount},
        command=f"calibrate --backend kernel --machine {options.machine}",
        costs=costs,
        given=lab_calibration.GIVEN,
        series=series,
        remarks=tuple(lone),
    )


def _document(found: Calibrated) -> dict[str, Any]:
    return {
        "figures": found.figures,
        "costs": {
            cost.entry: {
                "value": cost.interval.value,
                "low": cost.interval.low,
                "high": cost.interval.high,
                "unit": "ns",
                "how": cost.text,
            }
            for cost in found.costs
        },
        "given": {entry: {"value": value, "why": why} for entry, (value, why) in found.given.items()},
        "series": [
            {"series": name, "objects": objects, "rounds_ns": [None if np.isnan(v) else v for v in centres]}
            for (name, objects), centres in found.series.items()
        ],
        "fingerprint": {"key": found.key, **found.document},
    }


def _table(found: Calibrated, machine: machines.Machine) -> Table:
    from rich.table import Table

    before = {name: entry.value for name, entry in machine.entries()}
    title = f"unit costs in ns, {found.where.removeprefix('in ')}, machine {found.key}"
    table = Table(title=title, title_justify="left")
    table.add_column("entry", no_wrap=True)
    for column in ("measured", "95 % interval", machine.name):
        table.add_column(column, justify="right", no_wrap=True)
    for cost in found.costs:
        interval = cost.interval
        table.add_row(
            cost.entry,
            f"{interval.value:,.1f}",
            f"{interval.low:,.1f} .. {interval.high:,.1f}",
            f"{before[cost.entry]:,}",
        )
    return table

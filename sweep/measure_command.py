"""What `python -m sweep measure` does: one configuration beside the baseline, on this machine's own CPUs or in a
kernel in a guest."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Console

from sweep import kernel_host, native_trial, trial_options, units
from sweep.backends import blocks, statistics
from sweep.backends.kernel import evaluator as kernel
from sweep.backends.kernel.host_checks import HostKernel
from sweep.backends.kernel.settings import KernelSettings
from sweep.backends.native import evaluator
from sweep.backends.native.fingerprint import Fingerprint
from sweep.errors import InputError
from sweep.levels import Kernel
from sweep.native_trial import NativeOptions
from sweep.standing import figures
from sweep.trial import METRICS, Interval

if TYPE_CHECKING:
    from rich.table import Table

    from sweep.backends.blocks import Comparison, Pass
    from sweep.trial_options import TrialRequest


def run(request: TrialRequest, options: NativeOptions, form: str) -> int:
    """Measure and print every metric with its 95 % interval and its ratio to the baseline; the exit code.

    Raises sweep.errors.USER_ERRORS.
    """
    settings = options.settings()
    messages = Console(stderr=True)
    found = evaluator.compare(
        native_trial.scenario(request),
        request.configuration,
        settings,
        native_trial.OBJECTIVES,
        told=native_trial.reporter(messages, settings.max_blocks),
    )
    fingerprint = Fingerprint.take()
    if form == "json":
        print(json.dumps(_document(request, options, found, fingerprint), indent=2))
        return 0
    console = Console()
    how = f"{options.rcu}, allocator {options.allocator}, idle CPUs {options.idle}"
    console.print(_table(f"{trial_options.title(request)} ({native_trial.LABEL}; {how})", found))
    console.print(native_trial.disturbance_words(found), markup=False, highlight=False)
    if found.unmeasured:
        console.print(
            f"Not measured with this allocator and mode: {', '.join(found.unmeasured)}.", markup=False
        )
    console.print(native_trial.fingerprint_table(fingerprint.lines(), fingerprint.key()))
    return 0


def kernel_settings(given: Mapping[str, Any], blocks: int | None) -> KernelSettings:
    """From the options that were given, by name. Raises InputError, which names the option."""
    names = {"memory": "memory_bytes", "softirq": "use_softirq"}
    values = {names.get(name, name): value for name, value in given.items()}
    if blocks is not None:
        values |= {"min_blocks": blocks, "max_blocks": blocks}
    try:
        return kernel_host.settings(Kernel.model_validate(values))
    except ValidationError as error:
        options = {field: option for option, field in names.items()}
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else ""
        option = f"--{options.get(where, where)} {values[where]}: " if where else ""
        raise InputError(option + first["msg"].removeprefix("Value error, ")) from None


def host_kernel(*, understood: bool) -> HostKernel:
    """The kernel that runs here, for who has understood what that means. Raises InputError, with what would be done."""
    kernel = HostKernel.here()
    if not understood:
        raise InputError(kernel.plan())
    return kernel


def run_kernel(
    request: TrialRequest, settings: KernelSettings, form: str, on: HostKernel | None = None
) -> int:
    """The same in the kernel lab; on: a kernel that runs, in place of a guest's. Raises sweep.errors.USER_ERRORS: a package
    is missing, a policy does not build, or the trial ended the guest, with the last lines of its console."""
    messages = Console(stderr=True)

    def say(text: str) -> None:
        messages.print(text, style="yellow", markup=False, soft_wrap=True)

    with kernel_host.opened(settings, say, on) as (lab, host):
        found = kernel.compare(
            native_trial.scenario(request),
            request.configuration,
            settings,
            native_trial.OBJECTIVES,
            lab,
            told=native_trial.reporter(messages, settings.max_blocks),
        )
    kind = figures(kernel.LEVEL, host.key())
    if form == "json":
        document = _asked(request) | {"figures": kind, "emulated": host.emulated}
        document |= _found(found) | {"fingerprint": {"key": host.key(), **host.document()}}
        print(json.dumps(document, indent=2))
        return 0
    console = Console()
    console.print(_table(f"{trial_options.title(request)} ({kind})", found))
    console.print(f"{found.blocks} blocks.", markup=False, highlight=False)
    if found.unmeasured:
        console.print(f"Not measured by this kernel: {', '.join(found.unmeasured)}.", markup=False)
    console.print(native_trial.fingerprint_table(host.lines(), host.key()))
    return 0


def _table(title: str, found: Comparison[Pass]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("metric", no_wrap=True)
    for column in ("value", "95 %", "ratio", "95 % interval"):
        table.add_column(column, justify="right", no_wrap=True)
    values, ratios = dict(found.values), dict(found.ratios)
    names = list(METRICS)
    groups = [name.partition(".")[0] for name in names]
    for place, name in enumerate(names):
        last = place + 1 == len(names) or groups[place] != groups[place + 1]
        first = place == 0 or groups[place] != groups[place - 1]
        table.add_row(
            name,
            *_cells(name, found, values),
            *_ratio_cells(ratios.get(name)),
            style="bold red" if name == "violations" and found.measurement.violations else None,
            end_section=last and not first,
        )
    return table


def _cells(name: str, found: Comparison[Pass], values: Mapping[str, Interval]) -> tuple[str, str]:
    if name in found.unmeasured:
        return "not measured", ""
    if (interval := values.get(name)) is None:  # violations are counted, not estimated
        return f"{found.measurement.get(name):,}", ""
    half = statistics.width(interval) / 2
    reach = f"± {half:.{1 if half < 0.1 else 0}%}" if math.isfinite(half) else ""
    return _figure(interval.value, METRICS[name].unit), reach


def _ratio_cells(ratio: Interval | None) -> tuple[str, str]:
    if ratio is None:
        return "-", ""
    return _ratio(ratio.value), f"{_ratio(ratio.low)} .. {_ratio(ratio.high)}"


def _figure(value: float, unit: str) -> str:
    """Three digits: more would be noise. The JSON form has all of them."""
    if unit == "bytes":
        return units.format_size(value)
    return units.format_time(value) if unit.startswith("ns") else f"{value:,.1f}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:,.1f}"


def _document(
    request: TrialRequest, options: NativeOptions, found: Comparison[Pass], fingerprint: Fingerprint
) -> dict[str, Any]:
    return {
        "figures": native_trial.LABEL,
        **_asked(request),
        "rcu": options.rcu,
        "allocator": options.allocator,
        "idle": options.idle,
        "cpus": list(options.settings().cpus),
        **_found(found),
        "fingerprint": native_trial.fingerprint_document(fingerprint),
    }


def _asked(request: TrialRequest) -> dict[str, Any]:
    base = blocks.baseline()
    return {
        "workload": request.workload.name,
        "window_ns": request.scale.window_ns,
        "machine": request.machine.name,
        "policy": request.configuration.policy,
        "params": request.configuration.mapping(),
        "baseline": {"policy": base.policy, "params": base.mapping()},
        "seed": request.seed,
    }


def _found(found: Comparison[Pass]) -> dict[str, Any]:
    values, ratios = dict(found.values), dict(found.ratios)
    return {
        **native_trial.disturbance_document(found),
        "violations": found.measurement.violations,
        "unmeasured": list(found.unmeasured),
        "metrics": {
            name: {
                "unit": METRICS[name].unit,
                **(native_trial.interval_document(interval) or {}),
                "ratio": native_trial.interval_document(ratios.get(name)),
            }
            for name, interval in values.items()
        },
        "details": dict(found.used[-1].candidate[-1].details),
    }

"""What `python -m sweep selftest` does: the baseline against itself, which shows what this machine can tell
apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

import workloads
from sweep import native_trial, trial_options
from sweep.backends import blocks
from sweep.backends.blocks import Comparison, Pass
from sweep.backends.native import evaluator
from sweep.backends.native.errors import NativeError
from sweep.backends.native.fingerprint import Fingerprint
from sweep.native_trial import NativeOptions
from sweep.trial import Cause, Interval

QUIET_WITHIN: Final = 0.03
"""On a quiet machine the interval of A / A lies within 1 ± this."""

WORKLOADS: Final = (("shell-configure", "2 s,1.2 s"), ("many-mappings", "3 s,1.35 s"))
"""Many small exits, and few large ones; the densest stretches of both recordings."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What A / A showed for one metric."""

    metric: str
    ratio: Interval

    @property
    def contains_one(self) -> bool:
        return self.ratio.low <= 1 <= self.ratio.high

    @property
    def reach(self) -> float:
        """How far the interval goes from 1: a true difference smaller than this is not seen."""
        return max(abs(self.ratio.low - 1), abs(self.ratio.high - 1))

    @property
    def quiet(self) -> bool:
        return self.contains_one and self.reach <= QUIET_WITHIN


def run(
    names: Sequence[str], window: str | None, machine: str, seed: int, options: NativeOptions, form: str
) -> int:
    """Measure A against A in each workload and report the noise floor; the exit code, 1 where the benchmark
    itself is broken (a crash, a breach of contract or a violation of the baseline).

    names: workloads; none: WORKLOADS. Raises sweep.errors.USER_ERRORS.
    """
    messages = Console(stderr=True)
    settings = options.settings()
    chosen = [(name, window) for name in names] or [(name, window or own) for name, own in WORKLOADS]
    requests = [
        trial_options.resolve(
            workload=name,
            machine=machine,
            policy=blocks.baseline().policy,
            params=(),
            machine_overrides=(),
            scale=workloads.Scale(window_ns=trial_options.parse_window(part)),
            readers=None,
            seed=seed,
        )
        for name, part in chosen
    ]
    found: list[tuple[str, Comparison[Pass]]] = []
    for request in requests:
        messages.print(f"{trial_options.title(request)}, against itself", style="dim", markup=False)
        told = native_trial.reporter(messages, settings.max_blocks)
        try:
            comparison = evaluator.compare(
                native_trial.scenario(request), blocks.baseline(), settings, (), told=told
            )
        except NativeError as error:
            if error.cause in (Cause.CONFIGURATION, Cause.WORKER_CRASHED):
                messages.print(f"broken: {error}", style="red", markup=False, soft_wrap=True)
                return 1
            raise
        found.append((trial_options.title(request), comparison))
    _show(found, options, form)
    if any(each.measurement.violations for _, each in found):
        messages.print("broken: the baseline freed objects that were still read", style="red")
        return 1
    return 0


def resolutions(found: Comparison[Pass]) -> tuple[Resolution, ...]:
    """Of every metric that the baseline has a value of."""
    return tuple(Resolution(metric, ratio) for metric, ratio in found.ratios)


def verdict(found: Sequence[Resolution]) -> str:
    """In words, what this machine can resolve."""
    noisy = sorted((r for r in found if not r.quiet), key=lambda r: -r.reach)
    if not noisy:
        return f"Quiet: every interval contains 1 and is within ±{QUIET_WITHIN:.0%}."
    lines = [f"{len(found) - len(noisy)} of {len(found)} metrics are quiet (within ±{QUIET_WITHIN:.0%})."]
    wanted = [r for r in found if r.metric in native_trial.OBJECTIVES]
    lines.append(
        "With so many blocks this machine resolves differences of "
        + ", ".join(f"{r.metric} {r.reach:.1%}" for r in wanted)
        + f"; the noisiest: {', '.join(f'{r.metric} {r.reach:.1%}' for r in noisy[:3])}."
    )
    if off := [r.metric for r in found if not r.contains_one]:
        lines.append(
            f"The interval misses 1: {', '.join(off)}. Of twenty metrics one does by chance; more of them mean that "
            "something changed between the passes."
        )
    return " ".join(lines)


def _show(found: Sequence[tuple[str, Comparison[Pass]]], options: NativeOptions, form: str) -> None:
    fingerprint = Fingerprint.take()
    if form == "json":
        document = {
            "figures": native_trial.LABEL,
            "rcu": options.rcu,
            "allocator": options.allocator,
            "idle": options.idle,
            "quiet_within": QUIET_WITHIN,
            "workloads": [_document(title, each) for title, each in found],
            "fingerprint": native_trial.fingerprint_document(fingerprint),
        }
        print(json.dumps(document, indent=2))
        return
    console = Console()
    for title, each in found:
        console.print(_table(f"{title}, against itself ({native_trial.LABEL})", resolutions(each)))
        for text in (verdict(resolutions(each)), native_trial.disturbance_words(each)):
            console.print(text, markup=False, highlight=False)
    console.print(native_trial.fingerprint_table(fingerprint.lines(), fingerprint.key()))


def _document(title: str, found: Comparison[Pass]) -> dict[str, Any]:
    return {
        "trial": title,
        **native_trial.disturbance_document(found),
        "verdict": verdict(resolutions(found)),
        "metrics": {
            r.metric: {
                "ratio": native_trial.interval_document(r.ratio),
                "contains_one": r.contains_one,
                "resolves": r.reach,
                "quiet": r.quiet,
            }
            for r in resolutions(found)
        },
    }


def _table(title: str, found: Sequence[Resolution]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("metric", no_wrap=True)
    for column in ("95 % of A / A", "contains 1", "resolves"):
        table.add_column(column, justify="right", no_wrap=True)
    for r in found:
        table.add_row(
            r.metric,
            f"{r.ratio.low:.3f} .. {r.ratio.high:.3f}",
            "yes" if r.contains_one else "NO",
            f"{r.reach:.1%}",
            style=None if r.quiet else "yellow",
        )
    return table

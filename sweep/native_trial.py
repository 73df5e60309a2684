"""What the commands that measure natively share: words to a scenario and settings, progress, the machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

import workloads
from sweep.backends.blocks import Block, Comparison, Pass
from sweep.backends.evaluator import Scenario
from sweep.backends.native import cpus
from sweep.backends.native.fingerprint import Fingerprint
from sweep.backends.native.settings import Allocator, Idle, NativeSettings, Rcu
from sweep.defaults import PASS_TIMEOUT_S
from sweep.errors import InputError
from sweep.study import Study
from sweep.trial import Interval
from sweep.trial_options import TrialRequest

LABEL: Final = "measured on this machine, user space"

OBJECTIVES: Final[tuple[str, ...]] = Study.model_fields["objectives"].default
"""Whose ratios decide when enough is known: those of a study that names none."""


@dataclass(frozen=True, slots=True)
class NativeOptions:
    """How to measure, as it was said. cpus: "0,1" or "0-3"; None: the first ones permitted. blocks: exactly so
    many; None: until the
    ratios of OBJECTIVES are known well enough."""

    rcu: Rcu = "kernel_like"
    allocator: Allocator = "slab"
    idle: Idle = "poll"
    cpus: str | None = None
    blocks: int | None = None
    timeout_s: float = PASS_TIMEOUT_S

    def settings(self) -> NativeSettings:
        """Raises InputError for a CPU list that is none."""
        limits = {} if self.blocks is None else {"min_blocks": self.blocks, "max_blocks": self.blocks}
        return NativeSettings(
            rcu=self.rcu,
            allocator=self.allocator,
            idle=self.idle,
            cpus=_cpus(self.cpus),
            timeout_s=self.timeout_s,
            **limits,
        )


def _cpus(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        return cpus.parse(text)
    except ValueError:
        raise InputError(f"--cpus {text}: expected CPU numbers such as 0,1 or 2-5") from None


def scenario(request: TrialRequest) -> Scenario:
    """The request's rows on its machine. Raises workloads.WorkloadError."""
    replay = workloads.replay(request.workload, request.machine.nr_cpus, request.scale, request.seed)
    name = f"{request.workload.name}@{request.machine.name}"
    return Scenario(
        name, hashlib.sha256(name.encode()).hexdigest()[:16], replay, request.machine, request.seed
    )


def reporter(messages: Console, at_most: int) -> Callable[[Block[Pass]], None]:
    """Says each block as it ends, and why one does not count."""
    quiet = done = 0

    def told(block: Block[Pass]) -> None:
        nonlocal quiet, done
        done += 1
        quiet += not block.faults
        how = f"disturbed: {'; '.join(block.faults)}" if block.faults else "undisturbed"
        messages.print(
            f"block {done} (undisturbed {quiet}, at most {at_most}): {how}",
            style="dim",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    return told


def disturbance_words(found: Comparison[Pass]) -> str:
    """One sentence on how quiet the machine was."""
    counts = f"{found.blocks} undisturbed blocks, {found.disturbed} disturbed"
    if found.quiet:
        return counts + (" and repeated." if found.disturbed else ".")
    return (
        f"{counts}: this machine was never quiet, so the disturbed ones are in these figures; their "
        f"intervals show it (such as: {found.faults[0]}). See docs/measuring.md."
    )


def disturbance_document(found: Comparison[Pass]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "blocks": found.blocks,
        "disturbed": found.disturbed,
        "quiet": found.quiet,
        "faults": list(found.faults),
    }


def interval_document(interval: Interval | None) -> dict[str, float] | None:
    """value, low, high."""
    if interval is None:
        return None
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def fingerprint_table(lines: Iterable[tuple[str, str]], key: str) -> Table:
    """The machine, fact by fact."""
    table = Table(title=f"machine {key}", title_justify="left", show_header=False, box=None)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, value)
    return table


def fingerprint_document(fingerprint: Fingerprint) -> dict[str, Any]:
    """Its key, and its facts by name."""
    return {"key": fingerprint.key(), **fingerprint.document()}

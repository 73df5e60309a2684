"""How a native trial is measured: what the study may choose beside its scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sweep.defaults import PASS_TIMEOUT_S

Rcu: TypeAlias = Literal["kernel_like", "liburcu"]
"""kernel_like: grace periods and callbacks as the machine profile says, offloaded if it says so; liburcu: the
library's own call_rcu(), memb flavour."""

Allocator: TypeAlias = Literal["slab", "glibc", "jemalloc", "mimalloc"]

Idle: TypeAlias = Literal["poll", "halt"]
"""What CPUs do while they have nothing to do. poll: as with idle=poll; halt: what the machine does."""

DEFAULT_MAX_BLOCKS: Final = 16


@dataclass(frozen=True, slots=True)
class NativeSettings:
    """cpus: real CPUs, by number, that the benchmark owns; the machine's CPU i runs on the i-th. Empty: the
    first ones that this process may use.

    min_blocks, max_blocks: undisturbed blocks in one scenario, at least 2; a block is two passes of the
    configuration and two of the baseline (ABBA).
    ratio_width: repeated until the 95 % interval of every objective's ratio is narrower than this part of the
    ratio, or max_blocks is reached. timeout_s: for one pass beyond the workload's own time.
    """

    rcu: Rcu = "kernel_like"
    allocator: Allocator = "slab"
    idle: Idle = "poll"
    cpus: tuple[int, ...] = ()
    min_blocks: int = 2
    max_blocks: int = DEFAULT_MAX_BLOCKS
    ratio_width: float = 0.05
    timeout_s: float = PASS_TIMEOUT_S

"""When a pass counts as disturbed: something else used its CPUs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sweep import units
from sweep.backends.native import placement
from sweep.backends.native.answer import Disturbance


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each a quiet pass may have. Shares are of its CPU time: its duration x its CPUs.

    steal_share, others_share: time that others took is time in which a row began late or ran long. 2 % is what
    a bare host's own housekeeping takes. /proc/stat counts in ticks of 1/USER_HZ = 10 ms, so two ticks are
    always allowed (tick_allowance_ns): one may have been counted whole for a moment's work. switches_per_cpu_s:
    our own readers run up to 2,000 times a second on each CPU, mostly while it sleeps, and our RCU
    threads some hundred times; beyond twice that it is somebody else. major_faults: none; all memory is there
    before the start, so one waits for a disk. late_start_mean_ns: a sleeping CPU thread is woken some 50 us
    before its row is due and polls, so rows begin within some microseconds; 100 us means that it did not get
    its CPU. moved: a cache line that took that many times as long from CPU to CPU as it should, or
    as short: the hypervisor moves virtual CPUs (placement.py).
    """

    steal_share: float = 0.02
    others_share: float = 0.02
    tick_allowance_ns: int = 20_000_000
    switches_per_cpu_s: float = 5000.0
    major_faults: int = 0
    late_start_mean_ns: float = 100_000.0
    moved: float = placement.MOVED


LIMITS: Final = Limits()


def faults(found: Disturbance, cpu_time_ns: float, limits: Limits = LIMITS) -> tuple[str, ...]:
    """What was beyond its limit, in words; nothing for a quiet pass."""
    return tuple(_faults(found, cpu_time_ns, limits))


def _faults(found: Disturbance, cpu_time_ns: float, limits: Limits) -> Iterator[str]:
    for what, taken_ns, share in (
        ("the hypervisor", found.steal_ns, limits.steal_share),
        ("other processes", found.others_cpu_ns, limits.others_share),
    ):
        if taken_ns > max(share * cpu_time_ns, limits.tick_allowance_ns):
            yield f"{what} took {taken_ns / cpu_time_ns:.1%} of the CPUs"
    if found.involuntary_switches > limits.switches_per_cpu_s * cpu_time_ns / 1e9:
        yield f"{found.involuntary_switches:,} involuntary context switches"
    if found.major_faults > limits.major_faults:
        yield f"{found.major_faults:,} major page faults"
    if found.late_start_mean_ns > limits.late_start_mean_ns:
        yield f"rows began {units.format_time(found.late_start_mean_ns)} late on average"
    for line_ns in placement.elsewhere(found, limits.moved):
        yield f"a cache line took {line_ns:.0f} ns from CPU to CPU instead of {found.line_expected_ns:.0f}"

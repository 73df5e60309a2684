"""Guests in Ray's actors: the same figures as in this process, and no guest that outlives its actor."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

from sweep import kernel_host, machine
from sweep.backends.evaluator import Scenario
from sweep.backends.kernel.evaluator import KernelEvaluator
from sweep.backends.kernel.fingerprint import LabFingerprint
from sweep.backends.kernel.lab import Lab
from sweep.backends.kernel.settings import KernelSettings
from sweep.execute.in_process import InProcessExecutor
from sweep.execute.place import Place
from sweep.execute.port import Task
from sweep.trial import Attempt, Cause, Configuration, Trial
from tests.sweep.backends.kernel.scenes import exit_after_exit

pytestmark = pytest.mark.slow

SETTINGS: Final = KernelSettings(accelerator="tcg", icount=1, max_blocks=2)
TASKS: Final = [
    Task(Trial(number, Configuration.of(name), "sampler"))
    for number, name in enumerate(("per_object", "whole_list"))
]
LONG_S: Final = 120.0


@pytest.fixture
def evaluate(lab: Lab) -> KernelEvaluator:
    """Opens in every process a lab of its own, in the directory of this one's."""
    scenario = Scenario("exits", "0" * 16, exit_after_exit(40, 100), machine.load("vm-2cpu"), 1)
    found = LabFingerprint.take(SETTINGS, "tcg")
    return kernel_host.evaluator(SETTINGS, (scenario,), ("exit_latency_ns.mean",), found)


def test_an_actor_measures_what_this_process_does_and_takes_its_guest_with_it(
    lab: Lab, evaluate: KernelEvaluator
) -> None:
    from sweep.execute.cluster import RayExecutor

    lab.close()  # an idle guest takes a CPU from the other
    executor = RayExecutor(evaluate, place=Place.kernel(asdict(SETTINGS)))
    attempts: list[Attempt] = []
    try:
        assert executor.workers == 1
        executor.submit(TASKS)
        while not (guests := list(guests_below(os.getpid()))):
            attempts += executor.collect(0.05)
        ((killed, worker),) = guests
        os.kill(worker, signal.SIGKILL)
        assert ends(killed)
        while ended := executor.collect(LONG_S):
            attempts += ended
        ((guest, worker),) = guests_below(os.getpid())
    finally:
        executor.close()
    assert ends(guest)
    assert {a.failure.cause for a in attempts if a.failure} == {Cause.WORKER_CRASHED}
    there = {a.trial.number: a for a in attempts if a.settles}
    assert {a.worker.rpartition("/")[2] for a in there.values()} == {str(worker)}
    local = InProcessExecutor(evaluate)
    local.submit(TASKS)
    for here in chain.from_iterable(iter(local.collect, [])):
        assert_alike(there[here.trial.number], here)


def assert_alike(one: Attempt, other: Attempt) -> None:
    """In guests whose time goes by instructions most exits take the same. When a grace period ends is chance, and what
    it interrupts is then in the mean, by less the more exits there are."""
    first, second = one.measurement("exits"), other.measurement("exits")
    assert first.exit_latency_ns.mean == pytest.approx(second.exit_latency_ns.mean, rel=0.25)
    assert first.exit_latency_ns.p50 == pytest.approx(second.exit_latency_ns.p50, rel=0.02)
    assert first.retained_bytes.mean == pytest.approx(second.retained_bytes.mean, rel=0.25)


def guests_below(pid: int) -> Iterator[tuple[int, int]]:
    """Booted ones among the descendants of a process (and not QEMUs that say their version), each with its parent."""
    parents = dict[int, int]()
    guests = list[int]()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            words = (place / "cmdline").read_bytes().split(b"\0")
            if b"qemu-system" in words[0] and b"-kernel" in words:
                guests.append(int(place.name))
    for guest in guests:
        above = guest
        while above not in (0, pid):
            above = parents.get(above, 0)
        if above == pid:
            yield guest, parents[guest]


def ends(pid: int) -> bool:
    """Within ten seconds. A zombie has ended."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False

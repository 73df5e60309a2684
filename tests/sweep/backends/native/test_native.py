"""The whole way with the real program: small replays, every RCU mode and allocator, real failures."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep import machine
from sweep.backends.blocks import baseline
from sweep.backends.evaluator import EvaluationError, Scenario
from sweep.backends.native import allocators, process, program
from sweep.backends.native.errors import NativeError, NativeUnavailableError
from sweep.backends.native.evaluator import NativeEvaluator
from sweep.backends.native.settings import NativeSettings
from sweep.trial import Cause, Configuration
from tests.sweep.backends.native import fakes
from tests.sweep.backends.simulator.scenes import MS, exit_mm, munmap, replay


def built() -> bool:
    try:
        return program.path().is_file()
    except NativeUnavailableError:
        return False


pytestmark = pytest.mark.skipif(not built(), reason="the benchmark is not built: liburcu-dev is missing")

OBJECTIVES = ("exit_latency_ns.p99", "retained_bytes.mean")


def exits(count: int = 40, idle_ms: int = 5) -> Any:
    """An exit of 50 objects every millisecond, with some munmaps between; then nothing for a while."""
    rows = [exit_mm(i * MS, 0, i, 50) for i in range(1, count)]
    rows += [munmap(i * MS + MS // 2, 0, count, 2) for i in range(1, count)]
    return replay(sorted(rows), duration_ns=(count + idle_ms) * MS)


@pytest.mark.parametrize("rcu", ["kernel_like", "liburcu"])
@pytest.mark.parametrize("allocator", ["slab", "glibc", "jemalloc", "mimalloc"])
def test_every_mode_and_allocator_answers(rcu: Any, allocator: Any) -> None:
    library = allocators.LIBRARIES.get(allocator)
    if library and not allocators.find(library):
        pytest.skip(f"{allocator} is not installed: {library.install}")
    first, second = program.run(
        fakes.request(replay=exits(), rcu=rcu, allocator=allocator, passes=2, nr_warmup_rows=10), timeout_s=60
    )
    for each in (first, second):
        assert each.details["allocator"] == allocator
        assert each.measurement.exit_latency_ns.mean > 0
        assert each.measurement.retained_bytes.mean > 0
        assert each.measurement.violations == 0
        assert ("pinned_slab_bytes.mean" in each.unmeasured) == (allocator != "slab")
    assert first.details["objects_unlinked"] == second.details["objects_unlinked"] == 39 * 52


def test_what_needs_slabs_is_the_configurations_fault_elsewhere() -> None:
    request = fakes.request(replay=exits(), policy="typesafe", allocator="glibc")
    with pytest.raises(NativeError, match="slab") as raised:
        program.run(request, timeout_s=60)
    assert raised.value.cause is Cause.CONFIGURATION


def test_a_machine_that_the_program_cannot_play_is_refused() -> None:
    constant = machine.load("vm-2cpu").with_(**{"cpu.nr_cpus": 1, "rcu.gp_constant": True})
    with pytest.raises(NativeError, match="gp_constant"):
        program.run(fakes.request(replay=exits(), machine=constant), timeout_s=60)


@pytest.mark.alone
def test_the_evaluator_measures(tmp_path: Path) -> None:
    one_cpu = machine.load("vm-2cpu").with_(**{"cpu.nr_cpus": 1})
    scenario = Scenario("exits@vm", "0" * 16, exits(), one_cpu, 0)
    native = NativeEvaluator((scenario,), NativeSettings(min_blocks=2, max_blocks=2), OBJECTIVES)
    found = native(Configuration.of("whole_list", {"hurry": False}), {})
    ((_, measurement),) = found.measurements
    ((_, evidence),) = found.evidence
    assert evidence.blocks + evidence.disturbed >= 2
    for objective in OBJECTIVES:
        value, ratio = evidence.value(objective), evidence.ratio(objective)
        assert value is not None
        assert ratio is not None
        assert value.low <= value.value <= value.high
        assert value.value == pytest.approx(measurement.get(objective))
        assert 0 < ratio.low <= ratio.value <= ratio.high
    # One list instead of 50 callbacks.
    callbacks = evidence.ratio("callbacks")
    assert callbacks is not None
    assert callbacks.high < 0.2


@pytest.mark.alone
def test_the_baselines_counts_are_its_own(tmp_path: Path) -> None:
    one_cpu = machine.load("vm-2cpu").with_(**{"cpu.nr_cpus": 1})
    # However slow the machine: what is posted is invoked within the measured span.
    scenario = Scenario("exits@vm", "0" * 16, exits(idle_ms=500), one_cpu, 0)
    native = NativeEvaluator((scenario,), NativeSettings(min_blocks=2, max_blocks=2), ())
    ((_, evidence),) = native(baseline(), {}).evidence
    callbacks = evidence.ratio("callbacks")
    assert callbacks is not None
    assert callbacks.value == pytest.approx(1, abs=0.2)


def stopping(number: int) -> Callable[..., process.Ended]:
    """Sends a signal to the program as soon as it runs."""
    popen = process.subprocess.Popen

    def started(*args: Any, **more: Any) -> Any:
        made = popen(*args, **more)
        os.kill(made.pid, number)
        return made

    return started


@pytest.mark.parametrize(
    ("number", "cause", "words"),
    [
        (signal.SIGKILL, Cause.WORKER_CRASHED, "SIGKILL"),
        (signal.SIGABRT, Cause.WORKER_CRASHED, "SIGABRT"),
        (signal.SIGSTOP, Cause.ENVIRONMENT, "hung"),
    ],
)
def test_a_program_that_is_killed_or_stopped_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, number: int, cause: Cause, words: str
) -> None:
    monkeypatch.setattr(process.subprocess, "Popen", stopping(number))
    began = time.monotonic()
    with pytest.raises(NativeError, match=words) as raised:
        program.run(fakes.request(replay=exits(2000)), timeout_s=1)
    assert raised.value.cause is cause
    assert time.monotonic() - began < 60


def test_want_of_memory_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real program in 60 MB of addresses."""
    wrapper = tmp_path / "small"
    wrapper.write_text(f'#!/bin/sh\nulimit -v 60000\nexec {program.path()} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("SWEEP_BENCH", str(wrapper))
    one_cpu = machine.load("vm-2cpu").with_(**{"cpu.nr_cpus": 1})
    scenario = Scenario("exits@vm", "0" * 16, exits(), one_cpu, 0)
    with pytest.raises(EvaluationError) as raised:
        NativeEvaluator((scenario,), NativeSettings(), ())(baseline(), {})
    assert raised.value.cause is not Cause.CONFIGURATION


def test_a_replay_of_nothing_is_answered() -> None:
    (found,) = program.run(fakes.request(replay=replay([], duration_ns=5 * MS)), timeout_s=30)
    assert np.isfinite(found.measurement.exit_latency_ns.mean)
    assert found.measurement.callbacks == 0

"""A benchmark that the kernel's out-of-memory killer ends, for real, in a control group of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.backends.native import program
from sweep.backends.native.errors import NativeError
from sweep.trial import Cause
from tests.sweep.backends.native import fakes
from tests.sweep.backends.simulator.scenes import birth, exit_mm, replay

OBJECTS = 400_000
"""Over 64 MiB with what the benchmark keeps of each."""

LIMIT_BYTES = 16 << 20
ROOT = Path("/sys/fs/cgroup")


def made() -> Path | None:
    """A control group with that limit; None where none can be made."""
    v2 = (ROOT / "cgroup.controllers").exists()
    group = (ROOT if v2 else ROOT / "memory") / f"rcu-sweep-test-{os.getpid()}"
    limits = (
        {"memory.max": LIMIT_BYTES, "memory.swap.max": 0} if v2 else {"memory.limit_in_bytes": LIMIT_BYTES}
    )
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        for name, value in limits.items():
            (group / name).write_text(str(value))
    except OSError:
        group.rmdir()
        return None
    return group


@pytest.fixture
def group() -> Iterator[Path]:
    found = made()
    if found is None:
        pytest.skip("no control group with a memory limit can be made here: needs root")
    yield found
    until = time.monotonic() + 5
    while time.monotonic() < until:  # its last process may not be gone yet
        try:
            found.rmdir()
            return
        except OSError:
            time.sleep(0.01)
    found.rmdir()


@pytest.fixture
def bench() -> Path:
    try:
        return program.path()
    except NativeError as error:
        pytest.skip(str(error))


def measured(place: Path, bench: Path, before: str, monkeypatch: pytest.MonkeyPatch) -> NativeError:
    script = place / "bench"
    script.write_text(f'#!/bin/sh\n{before}\nexec {bench} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("SWEEP_BENCH", str(script))
    rows = [birth(0, 0, 0, OBJECTS), exit_mm(2_000_000, 0, 0, OBJECTS)]
    with pytest.raises(NativeError) as raised:
        program.run(fakes.request(replay=replay(rows, duration_ns=20_000_000)), timeout_s=60)
    return raised.value


def test_it_is_not_the_configurations_fault(
    bench: Path, group: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = measured(tmp_path, bench, f"echo $$ >{group}/cgroup.procs", monkeypatch)
    assert told.cause is Cause.OUT_OF_MEMORY
    assert told.cause.is_the_machines
    assert "killed by SIGKILL: the out-of-memory killer; give it more memory" in str(told)


def test_a_limit_of_addresses_is_the_machines_fault_too(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = measured(tmp_path, bench, "ulimit -v 100000", monkeypatch)
    assert told.cause.is_the_machines
    assert "out of memory" in str(told)

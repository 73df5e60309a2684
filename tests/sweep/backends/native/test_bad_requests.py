"""What cannot be measured ends in one line that says why, before anything starts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.sweep.backends.native import scenes
from tests.sweep.backends.native.requests import Request, ask
from tests.sweep.backends.native.test_passes import request


def good() -> Request:
    return request("per_object")


def machine(**changes: int) -> Request:
    asked = good()
    return asked.with_(machine={**asked.machine, **changes})


def with_mm(mm: int) -> Request:
    asked = good()
    return asked.with_(replay=replace(asked.replay, mm=np.full_like(asked.replay.mm, mm)))


BAD: dict[str, tuple[Callable[[], Request | bytes], str, str]] = {
    "nothing": (lambda: b"", "configuration", "its header alone has"),
    "something else": (lambda: b"x" * 4096, "configuration", "not a request of version"),
    "cut short": (lambda: good().packed()[:-16], "configuration", "ends in the middle of"),
    "too long": (lambda: good().packed() + b"12345678", "configuration", "behind its last array"),
    "unknown policy": (lambda: good().with_(policy="nosuch"), "configuration", "no policy 'nosuch'"),
    "too few parameters": (lambda: good().with_(params=()), "configuration", "has 1 parameters, not 0"),
    "a parameter out of range": (lambda: good().with_(params=(7,)), "configuration", "expected 0 .. 1"),
    "constant grace periods": (lambda: machine(gp_constant=1), "configuration", "simulator"),
    "objects too small": (lambda: machine(object_bytes=32), "configuration", "multiple of 8 from 64 on"),
    "objects too large": (lambda: machine(objects_per_slab=22), "configuration", "do not fit into a slab"),
    "more CPUs than there are": (lambda: machine(nr_cpus=9), "environment", "only"),
    "a CPU that is not ours": (lambda: good().with_(cpus=(0, 1000)), "environment", "may not use CPU 1000"),
    "a CPU twice": (lambda: good().with_(cpus=(0, 0)), "configuration", "given twice"),
    "an address space that is not there": (lambda: with_mm(99), "configuration", "address space 99"),
    "type-stable malloc": (
        lambda: request("typesafe").with_(allocator="malloc"),
        "configuration",
        "needs the slab allocator",
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_request_is_refused_in_one_line(program: Path, name: str) -> None:
    make, cause, text = BAD[name]
    answer = ask(program, make())
    assert (answer.returncode, answer.cause, answer.passes) == (2, cause, ())
    assert text in answer.error


def test_a_call_cannot_free_more_than_its_address_space_holds(program: Path) -> None:
    asked = good()
    n = asked.replay.n.copy()
    n[np.flatnonzero(asked.replay.kind == 1)[0]] += 1
    answer = ask(program, asked.with_(replay=replace(asked.replay, n=n)))
    assert answer.cause == "configuration"
    assert "but its address space holds" in answer.error


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_never_crash_it(program: Path, seed: int) -> None:
    """Whatever it reads, it measures or says what is wrong."""
    packed = bytearray(replace(good(), replay=scenes.one_exit(10)).packed())
    random = np.random.default_rng(seed)
    for _ in range(3):
        packed[random.integers(96, len(packed))] = random.integers(256)
    try:
        answer = ask(program, bytes(packed), timeout_s=3)
    except subprocess.TimeoutExpired:
        return  # a longer workload is a workload
    assert answer.returncode in (0, 2)
    assert bool(answer.error) == (answer.returncode == 2)


def test_a_file_that_is_not_there(program: Path) -> None:
    done = subprocess.run([program, "/nosuch/request"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["cause"] == "environment"

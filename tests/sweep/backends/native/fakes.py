"""Programs in place of the benchmark: one that answers as promised, and many that do not."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep import machine
from sweep.backends.native.request import Request
from sweep.trial import METRICS
from tests.sweep.backends.simulator.scenes import exit_mm, munmap, replay

DETAILS: dict[str, Any] = {"duration_ns": 1e9, "malloc": "glibc"}

QUIET: dict[str, Any] = {
    "involuntary_switches": 0,
    "minor_faults": 0,
    "major_faults": 0,
    "steal_ns": 0,
    "others_cpu_ns": 0,
    "late_start_max_ns": 0,
    "late_start_mean_ns": 0.0,
    "line_waits": 0,
    "line_ns": [45.0, 45.0],
    "work_ns": [350.0, 350.0],
}


def request(**changes: Any) -> Request:
    """A few frees on one CPU within 20 ms."""
    values: dict[str, Any] = {
        "replay": replay([munmap(1_000_000, 0, 0, 3), exit_mm(2_000_000, 0, 0, 90)], duration_ns=20_000_000),
        "machine": machine.load("vm-2cpu").with_(**{"cpu.nr_cpus": 1}),
        "policy": "per_object",
        "cpus": tuple(sorted(os.sched_getaffinity(0)))[:1],
    }
    return Request(**values | changes)


def metrics(start: int = 1) -> dict[str, Any]:
    """Every metric, with values that can be told apart; no violations."""
    return {name: start + place for place, name in enumerate(METRICS)} | {"violations": 0}


def pass_line(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A pass as request.h promises it."""
    whole = {
        "pass": number,
        "metrics": metrics(),
        "unmeasured": [],
        "details": DETAILS,
        "disturbance": QUIET,
    }
    return whole | changes


def answer(*lines: Any) -> str:
    """JSON lines, the promised last one included."""
    return "".join(json.dumps(line) + "\n" for line in (*lines, {"done": True}))


def program(place: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """A Python script that is run as the benchmark."""
    path = place / "bench.py"
    path.write_text(f"#!{sys.executable} -IS\nimport os, signal, sys, time\n{body}\n")
    path.chmod(0o755)
    monkeypatch.setenv("SWEEP_BENCH", str(path))
    return path


def answering(place: Path, monkeypatch: pytest.MonkeyPatch, *lines: Any) -> Path:
    """Reads the request to its end and gives this answer."""
    return program(
        place,
        monkeypatch,
        f"sys.stdin.buffer.read()\nsys.stdout.write({answer(*(lines or [pass_line()]))!r})",
    )


def column(values: list[int], dtype: type) -> np.ndarray[Any, Any]:
    return np.array(values, dtype=dtype)

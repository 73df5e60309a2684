"""What the benchmark answers, read strictly: anything but what request.h promises is an error."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn, TypeVar

from sweep.backends.native.errors import NativeError
from sweep.trial import METRICS, Cause, Measurement

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What else happened on the CPUs during a pass.

    involuntary_switches: of the threads that play the workload's CPUs. steal_ns: the hypervisor ran something
    else. others_cpu_ns: CPU time of other processes on these CPUs. late_start_*_ns: how late a sleeping CPU
    thread began a row. line_ns: what a cache line took from the first CPU to the farthest of the others, look by
    look: `line_waits` looks before the pass was to begin, then before, during and after it; none with one CPU.
    line_expected_ns: what it should take (placement.py); 0: nobody knows. work_ns, work_expected_ns: likewise, what a
    fixed piece of work took at those looks (src/speed.h).
    """

    involuntary_switches: int
    minor_faults: int
    major_faults: int
    steal_ns: float
    others_cpu_ns: float
    late_start_max_ns: float
    late_start_mean_ns: float
    line_waits: int
    line_ns: tuple[float, ...]
    work_ns: tuple[float, ...]
    line_expected_ns: float = 0.0
    work_expected_ns: float = 0.0


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the workload. unmeasured: metrics without a meaning here, 0 in `measurement`. details:
    everything else that the program says, by name."""

    measurement: Measurement
    unmeasured: tuple[str, ...]
    details: Mapping[str, Any]
    disturbance: Disturbance

    @property
    def duration_ns(self) -> float:
        """What was measured: the workload's time, or more where calls were not over by then. The drain comes
        after it."""
        return float(self.details["duration_ns"])


class _GarbageError(ValueError):
    """Not an answer."""


def passes(text: str, expected: int) -> tuple[Pass, ...]:
    """The passes of a program that ended well.

    Raises NativeError: CONFIGURATION or ENVIRONMENT as the program says, ENVIRONMENT where this is no
    answer to `expected` passes.
    """
    try:
        return tuple(_passes(text, expected))
    except _GarbageError as error:
        raise NativeError(
            Cause.ENVIRONMENT,
            f"the native benchmark answers garbage ({error}); was it built from this source? run: make build",
        ) from None


def error(text: str) -> NativeError | None:
    """The error that the answer ends with, if it does."""
    lines = text.strip().splitlines()
    try:
        last = _object(lines[-1]) if lines else {}
        if "error" not in last:
            return None
        cause = Cause(_typed(last.get("cause"), str, "cause"))
        if cause not in (Cause.CONFIGURATION, Cause.ENVIRONMENT):
            return None
        return NativeError(cause, _typed(last["error"], str, "error"))
    except ValueError:
        return None


def _passes(text: str, expected: int) -> Iterator[Pass]:
    lines = text.splitlines()
    if not lines or _object(lines[-1]) != {"done": True}:
        raise _GarbageError("its last line is not the promised one")
    if len(lines) != expected + 1:
        raise _GarbageError(f"{len(lines) - 1} passes instead of {expected}")
    for number, line in enumerate(lines[:-1]):
        values = _object(line)
        if values.get("pass") != number:
            raise _GarbageError(f"line {number + 1} is not pass {number}")
        metrics = _typed(values.get("metrics"), dict, "metrics")
        unmeasured = tuple(name for name in metrics if metrics[name] is None)
        named = _typed(values.get("unmeasured"), list, "unmeasured")
        if len(named) != len(unmeasured) or any(name not in named for name in unmeasured):
            raise _GarbageError("unmeasured does not name the metrics that are null")
        details = _typed(values.get("details"), dict, "details")
        _number("duration_ns", details.get("duration_ns"))
        yield Pass(
            measurement=_measurement(metrics),
            unmeasured=unmeasured,
            details=details,
            disturbance=_disturbance(_typed(values.get("disturbance"), dict, "disturbance")),
        )


def _measurement(metrics: Mapping[str, Any]) -> Measurement:
    for name, metric in METRICS.items():
        value = metrics.get(name)
        if value is None:
            continue
        _number(name, value)
        if metric.integral and not isinstance(value, int):
            raise _GarbageError(f"{name} is {value!r}, not a count")
    try:
        return Measurement.from_flat({name: value or 0 for name, value in metrics.items()})
    except ValueError as error:
        raise _GarbageError(str(error)) from None


def _disturbance(values: Mapping[str, Any]) -> Disturbance:
    looks: dict[str, Any] = {
        name: tuple(_number(name, each) for each in _typed(values.get(name), list, name))
        for name in ("line_ns", "work_ns")
    }
    if len(looks["line_ns"]) != len(looks["work_ns"]):
        raise _GarbageError("line_ns and work_ns are of different looks")
    plain = (f.name for f in fields(Disturbance) if f.name not in looks and "_expected_" not in f.name)
    return Disturbance(**looks, **{name: _number(name, values.get(name)) for name in plain})


def _number(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise _GarbageError(f"{name} is {value!r}")
    return value


def _object(line: str) -> dict[str, Any]:
    try:
        return _typed(json.loads(line, parse_constant=_refuse), dict, "a line")
    except (ValueError, RecursionError):
        raise _GarbageError(f"no JSON object: {line[:80]!r}") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _typed(value: Any, kind: type[T], name: str) -> T:
    if not isinstance(value, kind):
        raise _GarbageError(f"{name} is {value!r:.80}")
    return value

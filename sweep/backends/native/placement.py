"""Passes during which the CPUs stayed as near each other as they usually are.

A hypervisor moves virtual CPUs between cores. Where two do not share a last level cache, a cache line takes some
five times as long from one to the other (230 ns instead of 45), and exits of objects that another CPU has touched take
twice as long; where they share a core, each is slowed down. Nothing in the guest tells. So the benchmark looks how long
a line takes before, during and after a pass (src/placement.c); a pass waits until it is what it should be, and is
measured again where it did not stay so. On a machine whose CPUs stay where they are, nothing waits.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sweep.backends.native import program
from sweep.backends.native.answer import Disturbance, Pass
from sweep.backends.native.request import Request

MOVED: Final = 1.5
"""Times: between what a line takes within a core, within a last level cache and beyond it (measured on one virtual
machine: 18, 45 and 230 ns)."""

USUAL_SHARE: Final = 0.15
"""The nearest that the CPUs are in at least so much of the looks is what they should be: nearer is rare."""

FIRST_LOOK_NS: Final = 4_000_000_000
"""How long the first pass of a process looks; CPUs were seen to stay for 0.3 to 6 s."""

PATIENCE_NS: Final = 5_000_000_000

ATTEMPTS: Final = 4
"""At a pass during which the CPUs moved."""

SLOW: Final = 1.05
"""Times what a fixed piece of work takes at full speed: from there on a CPU is slow (src/speed.h)."""


@dataclass(frozen=True, slots=True)
class _Looks:
    """How long a line and a piece of work took; ns."""

    line: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)


_looks: Final[dict[tuple[int, ...], _Looks]] = {}
"""Of each CPU set: what this process has seen. It is about the machine, as its fingerprint is."""


def one_pass(request: Request, *, timeout_s: float) -> Pass:
    """The request's only pass; the last one where the CPUs would not stay. Raises as `program.run()` does."""
    looks = _looks.setdefault(request.cpus, _Looks())
    for _ in range(ATTEMPTS):
        (found,) = program.run(waiting(request), timeout_s=timeout_s)
        looks.line.extend(found.disturbance.line_ns)
        looks.work.extend(found.disturbance.work_ns)
        seen = dataclasses.replace(
            found.disturbance,
            line_expected_ns=_expected(looks.line),
            work_expected_ns=_expected(looks.work),
        )
        found = dataclasses.replace(found, disturbance=seen)
        if not elsewhere(seen):
            break
    return found


def waiting(request: Request) -> Request:
    """Its passes wait until the CPUs are as near as they should be, and know how fast these are."""
    looks = _looks.get(request.cpus)
    if not looks or not looks.line:
        return dataclasses.replace(request, line_patience_ns=FIRST_LOOK_NS)
    expected = _expected(looks.line)
    return dataclasses.replace(
        request,
        line_ns=(expected / MOVED, expected * MOVED),
        line_patience_ns=PATIENCE_NS,
        work_ns=_expected(looks.work),
    )


def _expected(looks: list[float]) -> float:
    """0 where nobody looked."""
    return float(np.quantile(looks, USUAL_SHARE)) if looks else 0.0


def elsewhere(found: Disturbance, moved: float = MOVED) -> tuple[float, ...]:
    """What a line took at most, if that is longer than it should, or at least, if that is shorter; ns. On a slow CPU it
    takes longer and says nothing of where the CPUs are."""
    expected, full = found.line_expected_ns, found.work_expected_ns
    looks = list(zip(found.line_ns, found.work_ns, strict=True))[found.line_waits :]
    in_pass = [line_ns for line_ns, work_ns in looks if not full or work_ns <= SLOW * full]
    if not in_pass or not expected:
        return ()
    if max(in_pass) > moved * expected:
        return (max(in_pass),)
    return (min(in_pass),) if min(in_pass) < expected / moved else ()

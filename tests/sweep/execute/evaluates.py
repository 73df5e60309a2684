"""Small evaluate functions, importable by workers."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sweep.backends.evaluator import Evaluation, EvaluationError
from sweep.trial import Cause, Configuration, Evidence, Interval, Level, Measurement, Summary

SCENARIOS = {"small": 1, "large": 50}
DEVOURED_BYTES = 6 << 30


@dataclass(frozen=True, slots=True)
class Trade:
    """`size` buys latency with memory; `behave` makes a configuration fail in some way.

    place: directory in which each call leaves a file, so that tests can count.
    waits: whether those that are to take time do.
    """

    place: Path
    waits: bool = True

    def __call__(
        self, configuration: Configuration, have: Mapping[str, Measurement] = MappingProxyType({})
    ) -> Evaluation:
        values = configuration.mapping()
        size = int(values.get("size", 1))
        behave = str(values.get("behave", "well"))
        calls = self.place / configuration.key()
        calls.mkdir(parents=True, exist_ok=True)
        call = calls / f"{time.time_ns()}-{os.getpid()}"
        call.write_text(" ".join(name for name in SCENARIOS if name not in have))
        first = len(list(calls.iterdir())) == 1
        if behave == "fails":
            raise EvaluationError("more steps than the bound")
        if behave == "no library":
            raise EvaluationError("libfast.so is not installed", Cause.ENVIRONMENT)
        if behave == "dies" or (behave == "dies_once" and first):
            os.kill(os.getpid(), 9)
        if behave == "eats":
            raise MemoryError
        if behave == "devours":
            eaten = b"x" * DEVOURED_BYTES
            time.sleep(3600 if eaten else 0)
        if behave == "defect" or (behave == "defect_once" and first):
            raise RuntimeError("a defect of this program")
        if behave == "hangs" and first:
            time.sleep(3600)
        if behave == "freezes" and first:
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.waits:
            time.sleep({"slow": 1.0, "short": 0.01}.get(behave, 0.0))
        call.rename(call.with_suffix(".ended"))
        return Evaluation(
            tuple(
                (name, have[name] if name in have else measured(size, factor, int(behave == "violates")))
                for name, factor in SCENARIOS.items()
            ),
            tuple((name, evidence(size)) for name in SCENARIOS if behave == "noisy" and name not in have),
        )

    def _left(self, configuration: Configuration) -> list[Path]:
        place = self.place / configuration.key()
        return sorted(place.iterdir()) if place.is_dir() else []

    def calls(self, configuration: Configuration) -> int:
        """How often it was measured."""
        return len(self._left(configuration))

    def ended(self, configuration: Configuration) -> int:
        """How many of these came to their end."""
        return sum(path.suffix == ".ended" for path in self._left(configuration))

    def measured(self, configuration: Configuration) -> list[str]:
        """The scenarios of each call, in the order of the calls."""
        return [path.read_text() for path in self._left(configuration)]


def measured(size: int, factor: int, violations: int = 0) -> Measurement:
    return Measurement(
        exit_latency_ns=Summary(p99=factor * (100 + 1e5 / size)),
        retained_bytes=Level(mean=factor * 192.0 * size),
        violations=violations,
    )


def evidence(size: int) -> Evidence:
    return Evidence(
        "native", "m", size, 0, (), (("retained_bytes.mean", Interval(size, size - 1, size + 1)),)
    )

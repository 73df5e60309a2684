"""Small evaluate functions, importable by workers."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from sweep.backends.evaluator import EvaluationError
from sweep.trial import Configuration, Level, Measurement, Summary


@dataclass(frozen=True, slots=True)
class Trade:
    """`size` buys latency with memory; `behave` makes a configuration fail in some way.

    place: directory in which each call leaves a file, so that tests can count.
    """

    place: Path
    delay_s: float = 0.0

    def __call__(self, configuration: Configuration) -> tuple[tuple[str, Measurement], ...]:
        values = configuration.mapping()
        size = int(values.get("size", 1))
        behave = str(values.get("behave", "well"))
        calls = self.place / configuration.key()
        calls.mkdir(parents=True, exist_ok=True)
        (calls / f"{time.time_ns()}-{os.getpid()}").touch()
        before = len(list(calls.iterdir())) - 1
        if behave == "fails":
            raise EvaluationError("more steps than the bound")
        if behave == "dies" or (behave == "dies_once" and before == 0):
            os.kill(os.getpid(), 9)
        if behave == "eats":
            raise MemoryError
        if behave == "defect":
            raise RuntimeError("a defect of this program")
        time.sleep(self.delay_s)
        return tuple(
            (
                scenario,
                Measurement(
                    exit_latency_ns=Summary(p99=factor * (100 + 1e5 / size)),
                    retained_bytes=Level(mean=factor * 192.0 * size),
                    violations=int(behave == "violates"),
                ),
            )
            for scenario, factor in (("small", 1), ("large", 50))
        )

    def calls(self, configuration: Configuration) -> int:
        """How often it was measured."""
        place = self.place / configuration.key()
        return len(list(place.iterdir())) if place.is_dir() else 0

"""An objective that costs nothing: what a configuration measures follows from its key alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sweep.backends.evaluator import Evaluation
from sweep.study import Study
from sweep.study_file import parse
from sweep.trial import Configuration, Level, Measurement, Summary

SCENARIOS = ("shell-configure@vm-2cpu", "pgbench-connect@vm-2cpu", "many-mappings@vm-2cpu")


def study(trials: int, batch_size: int = 64) -> Study:
    """All policies over three scenarios, as conf/quick.yaml."""
    return parse(
        {
            "name": "no-op",
            "workloads": [name.partition("@")[0] for name in SCENARIOS],
            "machines": ["vm-2cpu"],
            "budget": {"trials": trials},
            "batch_size": batch_size,
            "sampler": "nsga2",
        },
        "tests/bench/service",
    )


def values(configuration: Configuration) -> tuple[float, float]:
    """Exit latency against retained memory, with bumps."""
    number = int(configuration.key(), 16)
    batch = 1 + number % 97
    return 20 + 1000 / batch + number % 13, 50 + 10 * batch + number % 11


@dataclass(frozen=True, slots=True)
class NoOp:
    """An evaluator whose only cost is to make its result."""

    scenarios: tuple[str, ...] = SCENARIOS

    def __call__(self, configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        latency, retained = values(configuration)
        return Evaluation(
            tuple(
                (
                    name,
                    Measurement(
                        exit_latency_ns=Summary(p99=scale * latency),
                        retained_bytes=Level(mean=scale * retained),
                    ),
                )
                for scale, name in enumerate(self.scenarios, 1)
            )
        )

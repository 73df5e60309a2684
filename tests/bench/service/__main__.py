"""How many trials per second the service itself allows: python -m tests.bench.service

Trials that cost nothing through the whole loop (NSGA-II, Ray, durable store, MLflow on sqlite), beside Ray
Tune with OptunaSearch on the same objective in the same run; and what a trial costs as a study grows.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sweep.execute.cluster import RayExecutor
from sweep.track.mlflow import MlflowTracker
from sweep.track.place import local_artifacts, local_uri
from tests.bench.service import loop, tune
from tests.bench.service.objective import NoOp

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 5_000, 20_000])
    parser.add_argument("--tune-trials", type=int, default=150, help="0: without Ray Tune")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.tune_trials:
        try:
            importlib.import_module("ray.tune")
        except ImportError:
            parser.error("Ray Tune is not installed: pip install -e '.[bench]', or --tune-trials 0")
    with tempfile.TemporaryDirectory() as place:
        results = [_ours(size, arguments.workers, Path(place)) for size in arguments.sizes]
        _show(results)
        if arguments.tune_trials:
            _compare(results, arguments.tune_trials, arguments.workers, Path(place))


def _ours(size: int, workers: int, place: Path) -> loop.Result:
    directory = place / f"of-{size}"
    executor = RayExecutor(NoOp(), workers=workers)
    try:
        tracker = MlflowTracker(local_uri(directory), "sweep/no-op", local_artifacts(directory))
        return loop.run(size, directory, executor, tracker)
    finally:
        executor.close()


def _show(results: list[loop.Result]) -> None:
    table = Table(title="trials that cost nothing, through the whole loop; µs per trial in the driver")
    table.add_column("trials", justify="right")
    table.add_column("trials/s", justify="right")
    parts = list(results[0].part_us)
    for part in parts:
        table.add_column(part, justify="right")
    for each in results:
        table.add_row(
            f"{each.trials:,}", f"{each.trials_per_s:,.0f}", *(f"{each.part_us[part]:.0f}" for part in parts)
        )
    console.print(table)
    costs = [1 / each.trials_per_s for each in results]
    console.print(
        f"cost per trial at {results[-1].trials:,} trials: {costs[-1] / costs[0]:.2f} times that at "
        f"{results[0].trials:,}"
    )


def _compare(results: list[loop.Result], trials: int, workers: int, place: Path) -> None:
    rate = tune.run(trials, workers, place)
    console.print(
        f"Ray Tune with OptunaSearch (NSGA-II, reused actors): {rate:.1f} trials/s over {trials} trials"
    )
    for each in results:
        console.print(f"this service over {each.trials:,} trials: {each.trials_per_s / rate:.0f} times that")


if __name__ == "__main__":
    main()

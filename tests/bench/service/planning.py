"""What one driver can feed: python -m tests.bench.service.planning

The real loop, proposer and store, on clusters that are not there (virtual.py): what the driver needs for a
trial is measured, what the cluster needs is counted.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sweep.track.nothing import NoTracker
from tests.bench.service import loop
from tests.bench.service.objective import NoOp
from tests.bench.service.virtual import VirtualCluster

CLUSTERS = ((64, 0.025, 1_024), (1_000, 0.4, 1_024), (1_000, 0.4, 8_192), (8_000, 3.2, 65_536))
"""(workers, seconds per trial in the median, batch size): 1, 16 and 125 nodes of 64 CPUs, with trials as long as
lets 2,200 of them end per second. Twice with batches of about as many trials as workers, and of eight times
that: the longest of 8,000 trials takes six times as long as the middle one, and a batch waits for it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--batches", type=int, default=4, help="run this many batches, 20,000 trials at least"
    )
    arguments = parser.parse_args()
    console = Console()
    table = Table(title="one driver, clusters that are simulated; µs per trial in the driver are real")
    for column in (
        "workers",
        "s/trial",
        "batch",
        "trials",
        "trials/s",
        "cluster allows",
        "all busy",
        "driver µs",
    ):
        table.add_column(column, justify="right")
    parts: set[str] = set()
    rows = []
    for workers, trial_s, batch_size in CLUSTERS:
        trials = max(20_000, arguments.batches * batch_size)
        with tempfile.TemporaryDirectory() as place:
            cluster = VirtualCluster(NoOp(), workers, trial_s)
            result = loop.run(trials, Path(place), cluster, NoTracker(), batch_size, cluster.clock)
        rows.append((workers, trial_s, batch_size, result))
        parts |= result.part_us.keys()
        table.add_row(
            f"{workers:,}",
            f"{trial_s:g}",
            f"{batch_size:,}",
            f"{trials:,}",
            f"{result.trials_per_s:,.0f}",
            f"{workers / (trial_s * 1.133 + 0.001):,.0f}",  # mean of the log-normal: exp(sigma^2 / 2)
            f"{result.all_busy:.0%}",
            f"{result.driver_us:.0f}",
        )
    console.print(table)
    for workers, _, _, result in rows:
        console.print(
            f"{workers:,} workers, µs per trial: "
            + ", ".join(f"{k} {v:.0f}" for k, v in result.part_us.items())
        )


if __name__ == "__main__":
    main()

"""A driver as a process of its own: runs trials on the cluster at an address, or on two workers of its own
where that is "-", and prints each attempt as a line of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sweep.execute.cluster import RayExecutor
from sweep.execute.port import ExecutorError
from sweep.trial import Attempt
from tests.sweep.execute.contract import tasks
from tests.sweep.execute.evaluates import Trade


def row(attempt: Attempt) -> dict[str, object]:
    return {
        "trial": attempt.trial.number,
        "number": attempt.number,
        "measured": {name: m.flat() for name, m in attempt.measurements},
        "cause": attempt.failure.cause if attempt.failure else None,
        "text": attempt.failure.text if attempt.failure else None,
        "worker": attempt.worker,
    }


def main(address: str, place: str, *behaviours: str) -> int:
    try:
        where = {"workers": 2} if address == "-" else {"address": address}
        executor = RayExecutor(Trade(Path(place)), **where)  # type: ignore[arg-type]
        print(json.dumps({"workers": executor.workers}), flush=True)
        executor.submit(tasks(*behaviours))
        while executor.pending:
            for attempt in executor.collect(1.0):
                print(json.dumps(row(attempt)), flush=True)
        executor.close()
    except ExecutorError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

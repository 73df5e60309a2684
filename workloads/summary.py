"""What `python -m workloads show` says of a workload, as values."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.model import Workload
from workloads.reader import kinds, numbers


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose n is `low` .. `high`, both included."""

    low: int
    high: int
    rows: int


@dataclass(frozen=True, slots=True)
class KindCount:
    """Rows of one kind, and the sum of their n (page faults for `faults`, else objects)."""

    kind: str
    rows: int
    n: int
    n_max: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts and rates; a rate is per second of `duration_ns`, over all CPUs."""

    rows: int
    duration_ns: int
    nr_cpus: int
    processes: int
    objects: int
    kinds: tuple[KindCount, ...]
    exits_per_s: float
    calls_per_s: float
    objects_per_s: float
    faults_per_s: float
    exit_sizes: tuple[Bin, ...]
    call_sizes: tuple[Bin, ...]


def summarize(workload: Workload) -> Summary:
    """Count the rows of a workload."""
    table = workload.events
    words, code = kinds(table)
    kind = np.array(words)[code]
    n = numbers(table, "n")
    frees = kind != "faults"
    exits, calls = kind == "exit", frees & (kind != "exit")
    seconds = workload.duration_ns / 1e9
    counts = [
        KindCount(
            str(name), int((kind == name).sum()), int(n[kind == name].sum()), int(n[kind == name].max())
        )
        for name in np.unique(kind)
    ]
    return Summary(
        rows=table.num_rows,
        duration_ns=workload.duration_ns,
        nr_cpus=workload.nr_cpus,
        processes=len(np.unique(numbers(table, "pid")[frees])),
        objects=int(n[frees].sum()),
        kinds=tuple(sorted(counts, key=lambda count: (-count.rows, count.kind))),
        exits_per_s=int(exits.sum()) / seconds,
        calls_per_s=int(calls.sum()) / seconds,
        objects_per_s=int(n[frees].sum()) / seconds,
        faults_per_s=int(n[~frees].sum()) / seconds,
        exit_sizes=histogram(n[exits]),
        call_sizes=histogram(n[calls]),
    )


def histogram(values: npt.NDArray[np.int64]) -> tuple[Bin, ...]:
    """Counts by powers of two (1, 2-3, 4-7, …; 0 by itself), from the first to the last bin in use."""
    if len(values) == 0:
        return ()
    exponent = np.frexp(values.astype(np.float64))[1]  # 0 for 0, 1 for 1, 2 for 2 and 3, …
    rows = np.bincount(exponent)
    first = int(np.flatnonzero(rows)[0])
    return tuple(
        Bin(low=2 ** (e - 1) if e else 0, high=2**e - 1 if e else 0, rows=int(rows[e]))
        for e in range(first, len(rows))
    )

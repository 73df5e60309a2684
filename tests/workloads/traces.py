"""What hypothesis draws for these tests: traces, and workloads made of them."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from workloads import PressureCourse, ReaderModel, Workload
from workloads.defaults import RECORDED_READERS
from workloads.reader import KINDS, SCHEMA

Row = dict[str, Any]


@st.composite
def rows(draw: st.DrawFn, consistent: bool = False) -> list[Row]:
    """Rows of a valid trace. `consistent`: no objects leave an address space but in a row."""
    t_ns, live_of, drawn = 0, dict[int, int](), []
    for _ in range(draw(st.integers(1, 40))):
        t_ns += draw(st.sampled_from([0, 0, 1, 7, 1_000, 400_000, 3_000_000]))
        kind = draw(st.sampled_from(sorted(KINDS)))
        pid = 0 if kind == "faults" else draw(st.integers(1, 4))
        n, live = draw(st.integers(0, 9)), draw(st.integers(0, 9))
        if kind in ("exit", "faults"):
            live = 0
        if consistent and kind != "faults":
            held = live_of.get(pid, 0)
            n, live = (max(n, held), 0) if kind == "exit" else (n, max(live, held - n))
            live_of[pid] = live
        cpu = draw(st.integers(0, 3))
        drawn.append(
            {
                "t_ns": t_ns,
                "cpu": cpu,
                "pid": pid,
                "tid": pid,
                "kind": kind,
                "n": n,
                "live": live,
                "comm": "c",
            }
        )
    return drawn


def table(of_rows: Sequence[Row]) -> pa.Table:
    """Rows as the reader gives them."""
    return pa.Table.from_pylist(list(of_rows)).cast(SCHEMA)


def workload(of_rows: Sequence[Row], **other: Any) -> Workload:
    """A workload of these rows, which ends with the last of them or 5 µs after."""
    made = {
        "name": "drawn",
        "description": "",
        "origin": "recorded",
        "events": table(of_rows),
        "nr_cpus": max(row["cpu"] for row in of_rows) + 1,
        "duration_ns": of_rows[-1]["t_ns"] + 5_000,
        "readers": RECORDED_READERS,
        "pressure": None,
    }
    return Workload(**(made | other))


def workloads(consistent: bool = False) -> st.SearchStrategy[Workload]:
    """Workloads with all that may stand in a file."""
    return st.builds(
        workload,
        rows(consistent),
        name=st.text(max_size=8),
        description=st.text(max_size=20),
        origin=st.sampled_from(["recorded", "synthetic"]),
        readers=readers(),
        pressure=st.none() | pressures(),
        fault_window_ns=st.integers(1, 10**9),
    )


def _quantiles() -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    inner = st.sets(st.integers(1, 999_999), max_size=4).map(lambda ppm: [0, *sorted(ppm), 1_000_000])
    return inner.flatmap(
        lambda ppm: st.lists(st.integers(0, 10**9), min_size=len(ppm), max_size=len(ppm)).map(
            lambda ns: tuple(zip(ppm, sorted(ns), strict=True))
        )
    )


def readers() -> st.SearchStrategy[ReaderModel]:
    """Any valid reader model."""
    return st.builds(
        ReaderModel,
        kind=st.sampled_from(["mm_ref", "rcu_only"]),
        readers_per_1000_faults=st.integers(0, 10_000),
        background_readers_per_cpu_per_s=st.integers(0, 10_000),
        section_quantiles=_quantiles(),
        preempted_ppm=st.integers(0, 1_000_000),
        preempted_quantiles=_quantiles(),
    )


def pressures() -> st.SearchStrategy[PressureCourse]:
    """Any valid course of memory pressure, some longer than the drawn traces."""
    points = st.dictionaries(st.integers(0, 200_000_000), st.integers(0, 5_000), min_size=1, max_size=6)
    return points.map(lambda free: PressureCourse(tuple(sorted(free.items()))))

"""The files that a study leaves: every trial, and the report with what belongs to it."""

from __future__ import annotations

from pathlib import Path

from sweep.backends.evaluator import Scenario
from sweep.judge import Standing
from sweep.kept import Kept
from sweep.report import plots, tables
from sweep.store.files import FileStore


def write_results(
    kept: Kept, measured_in: tuple[Scenario, ...], now: Standing, store: FileStore
) -> list[Path]:
    """Into `results/` of the study's directory; their paths."""
    import pyarrow.parquet as pq

    out = kept.directory / "results"
    out.mkdir(exist_ok=True)
    pq.write_table(store.table(), out / "trials.parquet")
    written = [out / "trials.parquet"]
    if now.front:
        title = kept.study.name
        pq.write_table(tables.points_table(now.front, now.objectives), out / "front.parquet")
        plots.write_html(now, out / "front.html", title)
        plots.write_png(now, out / "front.png", title)
        written += [out / name for name in ("front.parquet", "front.html", "front.png")]
    return written

"""The files that a study leaves: every trial, and the report with what belongs to it."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq

from sweep import kept as keeping
from sweep.backends.evaluator import Scenario
from sweep.commands import print_json
from sweep.judge import Standing
from sweep.kept import Kept
from sweep.report import plots, tables
from sweep.scenarios import scenarios
from sweep.store import read


def write_results(
    kept: Kept, measured_in: tuple[Scenario, ...], now: Standing, directory: Path | None = None
) -> list[Path]:
    """`trials.parquet` and the report, into `results/` of the study's directory or another one; their paths.

    Raises StoreError if the store cannot be read, and OSError if the directory cannot be written.
    """
    out = directory or kept.directory / "results"
    out.mkdir(parents=True, exist_ok=True)
    trials = out / "trials.parquet"
    read.write_trials(kept.directory, trials)
    written = [trials]
    if now.front:
        title = f"{kept.study.name}: {kept.study.description}"
        pq.write_table(tables.points_table(now.front, now.objectives), out / "front.parquet")
        plots.write_html(now, out / "front.html", title)
        plots.write_png(now, out / "front.png", title)
        written += [out / name for name in ("front.parquet", "front.html", "front.png")]
    return written


def write_report(store: Path, name: str, directory: Path | None, form: str) -> int:
    """The results of a kept study as it stands; prints the paths. Raises StudyError where its scenarios are
    no longer what they were."""
    kept = keeping.find(store, name)
    measured_in = scenarios(kept.study)
    keeping.check_scenarios(kept, {s.name: s.key for s in measured_in})
    written = write_results(kept, measured_in, kept.standing(), directory)
    if form == "json":
        print_json({"study": name, "written": [str(path) for path in written]})
    else:
        for path in written:
            print(os.path.relpath(path))
    return 0

"""The files that a study leaves: every trial, and the report with what belongs to it; and two studies compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sweep import kept as keeping
from sweep.backends.evaluator import Scenario
from sweep.climbing import climb
from sweep.commands import print_json
from sweep.kept import Kept, course_of
from sweep.report import Evidence
from sweep.report.compare import Side, compare
from sweep.standing import Standing
from sweep.store import StoreError, read
from sweep.trial import Attempt


def write_results(
    kept: Kept,
    measured_in: tuple[Scenario, ...],
    now: Standing,
    attempts: Sequence[Attempt],
    directory: Path | None = None,
) -> list[Path]:
    """`trials.parquet` and the report, into `results/` of the study's directory or another one; their paths.

    Raises StoreError if the store cannot be read, or the directory not be written.
    """
    out = directory or kept.directory / "results"
    try:
        return _written(kept, measured_in, now, attempts, out)
    except OSError as error:
        raise StoreError(
            f"{out}: {error.strerror or error}; every trial is in the store: make room or make it writable, then "
            f"python -m sweep report {kept.study.name} writes it"
        ) from error


def _written(
    kept: Kept,
    measured_in: tuple[Scenario, ...],
    now: Standing,
    attempts: Sequence[Attempt],
    out: Path,
) -> list[Path]:
    from sweep.report.files import write

    out.mkdir(parents=True, exist_ok=True)
    trials = out / "trials.parquet"
    digest = read.write_trials(kept.directory, trials)
    course = [(moment.trials, moment.standing.hypervolume) for moment in course_of(kept.study, attempts)]
    evidence = Evidence(
        store_digest=digest,
        attempts=len(attempts),
        complete=kept.is_complete(now),
        measured_on=kept.host.summary() if kept.host else "",
        host=tuple(kept.host.lines()) if kept.host else (),
        climb=climb(kept, attempts),
    )
    return [trials, *write(kept.study, measured_in, now, course, evidence, out)]


def shortest(path: Path) -> str:
    """Below the present directory without it, else absolute."""
    relative = os.path.relpath(path)
    return str(path.absolute()) if relative.startswith("..") else relative


def write_report(store: Path, name: str, directory: Path | None, form: str) -> int:
    """The results of a kept study as it stands; prints the paths. Raises StudyError where its scenarios are
    no longer what they were."""
    kept = keeping.find(store, name)
    measured_in = kept.scenarios()
    attempts = kept.attempts()
    written = write_results(kept, measured_in, kept.standing(attempts), attempts, directory)
    if form == "json":
        print_json({"study": name, "written": [str(path) for path in written]})
    else:
        for path in written:
            print(shortest(path))
    return 0


def show_comparison(store: Path, a: str, b: str, form: str) -> int:
    """Two kept studies side by side."""
    first, second = (
        Side(kept.study.name, kept.study, kept.keys, kept.standing())
        for kept in (keeping.find(store, a), keeping.find(store, b))
    )
    found = compare(first, second)
    if form == "json":
        print_json(found.document())
    else:
        console = Console()
        for table in found.tables():
            console.print(table)
        for note in found.notes:
            console.print(note, markup=False, highlight=False)
    return 0

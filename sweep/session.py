"""One command's worth of a study: the ports made, the loop run, the ending shown and written."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from sweep import launch as loop
from sweep.backends.evaluator import evaluator
from sweep.execute.port import Executor
from sweep.launch import Ending
from sweep.progress import Progress
from sweep.propose.optuna import OptunaProposer
from sweep.recommend import Standing, standing
from sweep.report import plots, tables
from sweep.store.files import FileStore
from sweep.study import Study, StudyError, load, unknown
from sweep.track import Tracker
from sweep.track.nothing import NoTracker
from sweep.trial import METRICS

EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Options:
    """Where a study is kept, run and shown."""

    store: Path
    workers: int | None
    in_process: bool
    tracking_uri: str | None
    track: bool


def launch(study: Study, options: Options) -> int:
    """Run a study to its end; the exit code. Raises StudyError if another study has its name."""
    directory = options.store / study.name
    kept = directory / "study.yaml"
    if kept.exists() and _kept_study(kept) != study:
        raise StudyError(
            f"{kept}: another study of this name is kept there; go on with it by `python -m sweep resume "
            f"{study.name}`, or give this one another name (--set name=...) or place (--store)"
        )
    return _run(study, directory, options)


def resume(name: str, options: Options, overrides: Sequence[str] = ()) -> int:
    """Go on with a kept study, with another budget if so overridden; the exit code.

    Raises StudyError where there is no such study, or something else than the budget is overridden.
    """
    directory = _directory(options.store, name)
    kept = _kept_study(directory / "study.yaml")
    study = load(directory / "study.yaml", overrides)
    if study.model_copy(update={"budget": kept.budget}) != kept:
        raise StudyError(
            f"--set {' '.join(overrides)}: only the budget of a study that has begun can be changed, "
            "such as --set budget.trials=2000; launch another study for the rest"
        )
    return _run(study, directory, options)


def show_front(name: str, store: Path, form: str) -> int:
    """Print the front of a kept study."""
    directory = _directory(store, name)
    study = _kept_study(directory / "study.yaml")
    attempts = FileStore(directory, read_only=True).attempts()
    now = standing(attempts, study.objectives, study.space())
    if form == "json":
        print(json.dumps(_front_document(study, now), indent=2))
    else:
        _print_ending(Console(), now)
    return 0


def _front_document(study: Study, now: Standing) -> dict[str, object]:
    return {
        "study": study.name,
        "figures": "simulated",
        "objectives": list(now.objectives),
        "hypervolume": now.hypervolume,
        "recommended": now.recommended.trial.number if now.recommended else None,
        "points": [
            {
                "trial": p.trial.number,
                "label": tables.label(p, now),
                "policy": p.trial.configuration.policy,
                "params": p.trial.configuration.mapping(),
                "ratios": list(p.ratios),
                "feasible": p.feasible,
                "scenarios": {name: m.nested() for name, m in p.measurements},
            }
            for p in tables.rows(now)
        ],
    }


def _directory(store: Path, name: str) -> Path:
    if not (store / name / "study.yaml").is_file():
        kept = [path.parent.name for path in store.glob("*/study.yaml")]
        raise StudyError(f"{store}: {unknown('study', name, kept)}")
    return store / name


def _kept_study(path: Path) -> Study:
    return load(path)


def _run(study: Study, directory: Path, options: Options) -> int:
    messages = Console(stderr=True)
    evaluate = evaluator(study)
    store = FileStore(directory)
    try:
        for note in store.notes():
            messages.print(note, style="yellow", markup=False)
        (directory / "study.yaml").write_text(yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False))
        with loop.interruptible() as stop:
            tracker = _tracker(study, directory, options)
            executor = _executor(evaluate, options)
            try:
                proposer = OptunaProposer(study.space(), len(study.objectives), study.seed, study.population)
                with Progress(messages, study.budget.trials, executor.workers) as progress:
                    ending = loop.sweep(study, proposer, executor, store, tracker, progress, stop=stop)
            finally:
                executor.close()
            written = _write(study, directory, ending.standing, store)
            tracker.finish(tables.rows(ending.standing), written, complete=not ending.interrupted)
        _print_end(study, directory, options, ending, written, tracker)
        return EXIT_INTERRUPTED if ending.interrupted else 0
    finally:
        store.close()


def _executor(evaluate: object, options: Options) -> Executor:
    if options.in_process:
        from sweep.execute.in_process import InProcessExecutor

        return InProcessExecutor(evaluate)  # type: ignore[arg-type]
    from sweep.execute.cluster import RayExecutor

    return RayExecutor(evaluate, workers=options.workers)  # type: ignore[arg-type]


def _default_uri(store: Path) -> str:
    return f"sqlite:///{(store / 'mlflow.db').resolve()}"


def _tracker(study: Study, directory: Path, options: Options) -> Tracker:
    if not options.track:
        return NoTracker()
    from sweep.track.mlflow import MlflowTracker

    local = None if options.tracking_uri else options.store / "mlflow-artifacts"
    tracker = MlflowTracker(options.tracking_uri or _default_uri(options.store), f"sweep/{study.name}", local)
    tracker.start(study.name, directory.resolve(), study.resolved())
    return tracker


def _write(study: Study, directory: Path, now: Standing, store: FileStore) -> list[Path]:
    """The files that a study leaves: trials, front (Parquet, page, picture), recommendation."""
    import pyarrow.parquet as pq

    out = directory / "results"
    out.mkdir(exist_ok=True)
    pq.write_table(store.table(), out / "trials.parquet")
    written = [out / "trials.parquet"]
    if now.front:
        title = f"{study.name}: {', '.join(study.workloads)} on {study.machine}"
        pq.write_table(tables.points_table(now.front, now.objectives), out / "front.parquet")
        plots.write_html(now, out / "front.html", title)
        plots.write_png(now, out / "front.png", title)
        (out / "recommended.yaml").write_text(_recommended(study, now))
        written += [out / name for name in ("front.parquet", "front.html", "front.png", "recommended.yaml")]
    return written


def _recommended(study: Study, now: Standing) -> str:
    best = now.recommended
    assert best is not None
    document = {
        "figures": "simulated",
        "machine": study.machine,
        "policy": best.trial.configuration.policy,
        "params": best.trial.configuration.mapping(),
        "ratios_to_baseline": dict(zip(now.objectives, best.ratios, strict=True)),
        "workloads": {
            name: {metric: m.get(metric) for metric in METRICS if metric in now.objectives}
            for name, m in best.measurements
        },
    }
    return yaml.safe_dump(document, sort_keys=False)


def _print_ending(console: Console, now: Standing) -> None:
    console.print(tables.front_table(now))
    console.print(tables.advice(now), style="bold", markup=False, highlight=False)


def _print_end(
    study: Study, directory: Path, options: Options, ending: Ending, written: list[Path], tracker: Tracker
) -> None:
    console = Console()
    _print_ending(console, ending.standing)
    feasible = sum(p.feasible for p in ending.standing.points)
    console.print(
        f"{ending.trials} trials ({feasible} feasible, {ending.standing.failed} failed by themselves), "
        f"hypervolume {ending.standing.hypervolume:.4f} of at most 4 (from twice the baseline)",
        highlight=False,
    )
    for path in written:
        console.print(f"  {os.path.relpath(path)}", markup=False, highlight=False, soft_wrap=True)
    for trouble in tracker.troubles():
        console.print(f"not shown in MLflow: {trouble}", style="yellow", markup=False, soft_wrap=True)
    if options.track:
        uri = options.tracking_uri or _default_uri(options.store)
        console.print(f"MLflow UI:  mlflow ui --backend-store-uri {uri}", markup=False, soft_wrap=True)
    if ending.interrupted:
        console.print(
            f"Interrupted. Go on:  python -m sweep resume {study.name} --store {options.store}",
            markup=False,
            soft_wrap=True,
        )

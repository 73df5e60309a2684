"""One command's worth of a study: the ports made, the loop run, the ending shown and written."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from rich.console import Console

from sweep import climbing, defaults, ladder, measuring, study_file
from sweep import kept as keeping
from sweep import launch as loop
from sweep.course import Course
from sweep.dry_run import estimate
from sweep.execute.port import Executor
from sweep.kept import Kept, course_of
from sweep.ladder import Promoter
from sweep.launch import Ending
from sweep.levels import Backend
from sweep.measuring import Instrument
from sweep.progress import Progress
from sweep.propose import Proposer, make
from sweep.results import shortest, write_results
from sweep.scenarios import scenarios
from sweep.standing import REFERENCE
from sweep.store.files import FileStore
from sweep.study import Study
from sweep.study_file import StudyError
from sweep.track import Tracker
from sweep.track.course import metrics
from sweep.track.nothing import NoTracker

EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Options:
    """Where a study is kept, run and shown."""

    store: Path
    workers: int | None = None
    in_process: bool = False
    address: str | None = None
    node_timeout_s: float = defaults.NODE_TIMEOUT_S
    trial_timeout_s: float = defaults.TRIAL_TIMEOUT_S
    archive: str | None = None
    tracking_uri: str | None = None
    track: bool = True
    sources: Sequence[str] = field(default=())
    """Earlier studies in the same store, whose measurements are taken."""


def launch(study: Study, options: Options) -> int:
    """Run a study to its end; the exit code. Raises StudyError if another study has its name."""
    sources = [keeping.find(options.store, name) for name in options.sources]
    return _run(study, options, sources)


def resume(name: str, options: Options, overrides: Sequence[str] = ()) -> int:
    """Go on with a kept study, with another budget if so overridden; the exit code.

    Raises StudyError where there is no such study, or something else than the budget is overridden.
    """
    kept = keeping.find(options.store, name)
    study = study_file.load(kept.directory / "study.yaml", overrides)
    if study.model_copy(update={"budget": kept.study.budget}) != kept.study:
        raise StudyError(
            f"--set {' '.join(overrides)}: only the budget of a study that has begun can be changed, "
            "such as --set budget.trials=2000; launch another study for the rest (--from takes what "
            "was measured)"
        )
    return _run(study, options, ())


def dry_run(study: Study, options: Options) -> int:
    """Print the resolved study as YAML, and below it, as comments, its size and about how long it takes."""
    for name in options.sources:
        keeping.find(options.store, name)
    _proposer(study)
    host = measuring.host(study, _teller(Console(stderr=True)))
    measured_in = scenarios(study, host)
    measuring.instrument(study, measured_in, host)
    lines = estimate(study, measured_in, options.workers)
    print(yaml.safe_dump(study.resolved(), sort_keys=False, allow_unicode=True), end="")
    for line in lines:
        print(f"# {line}")
    return 0


def track(store: Path, name: str, uri: str | None) -> int:
    """Show a kept study in MLflow, from the store alone; the exit code."""
    kept = keeping.find(store, name)
    tracker = mlflow_tracker(kept, uri)
    tracker.start(kept.study.name, kept.identity, kept.described())
    attempts = kept.attempts()
    for moment in course_of(kept.study, attempts):
        tracker.progress(moment.trials, metrics(moment.standing), moment.at_s)
    now = kept.standing(attempts)
    results = kept.directory / "results"
    if not (results / "report.html").exists():  # the sweep was killed before it wrote them
        write_results(kept, kept.scenarios(), now, attempts)
    written = sorted(path for path in results.iterdir() if path.is_file() and path.suffix != ".tmp")
    tracker.finish(now, written, complete=kept.is_complete(now))
    for trouble in tracker.troubles():
        Console(stderr=True).print(trouble, style="yellow", markup=False, soft_wrap=True)
    return 1 if tracker.troubles() else 0


def _run(study: Study, options: Options, sources: Sequence[Kept]) -> int:
    messages = Console(stderr=True)
    host = measuring.host(study, _teller(messages))
    measured_in = scenarios(study, host)
    instrument = measuring.instrument(study, measured_in, host)
    proposer = _proposer(study)
    directory = options.store / study.name
    store = FileStore(directory, archive=options.archive)
    said = 0
    try:
        here, below = _split(sources, study.backend) if study.ladder else (sources, ())
        kept = keeping.keep(directory, study, measured_in, here, host)
        said = _say(messages, store.notes())
        attempts = store.attempts()
        if study.ladder is not None:
            # What was simulated when measuring began is what is chosen from to the end.
            _write_status(kept, "running", 0, 0, 0.0)
            if not attempts and (code := _run(ladder.below(study), options, below)):
                _write_status(kept, "interrupted", 0, 0, 0.0)
                return code
            proposer = climbing.promoter(kept)
        course = Course(study, list(kept.keys), attempts, kept.known())
        with loop.interruptible() as stop:
            executor = _executor(instrument, options)  # before MLflow is imported, which would slow it down
            try:
                tracker = _tracker(kept, options)
                ending = _sweep(kept, course, proposer, executor, store, tracker, messages, stop)
            finally:
                executor.close()
            written = write_results(kept, measured_in, ending.standing, store.attempts())
            for path in written:
                store.put_artifact(path)
            tracker.finish(ending.standing, written, complete=not ending.interrupted)
        stopped = proposer.stopped if isinstance(proposer, Promoter) else ""
        _print_end(kept, options, ending, written, tracker, stopped)
        return EXIT_INTERRUPTED if ending.interrupted else 0
    finally:
        store.close()
        _say(messages, store.notes()[said:])


def _split(sources: Sequence[Kept], backend: Backend) -> tuple[list[Kept], list[Kept]]:
    """Sources of the same kind, and the others, which are for the other levels of a ladder."""
    same = [each for each in sources if each.study.backend == backend]
    return same, [each for each in sources if each not in same]


def _teller(messages: Console) -> Callable[[str], None]:
    return lambda text: messages.print(text, style="yellow", markup=False, soft_wrap=True)


def _say(messages: Console, notes: Sequence[str]) -> int:
    """How many there were."""
    for note in notes:
        messages.print(note, style="yellow", markup=False, soft_wrap=True)
    return len(notes)


def _sweep(
    kept: Kept,
    course: Course,
    proposer: Proposer,
    executor: Executor,
    store: FileStore,
    tracker: Tracker,
    messages: Console,
    stop: loop.Stop,
) -> Ending:
    study = kept.study
    budget = 0 if study.nr_trials is None else course.budget

    def status(state: str, trials: int, hypervolume: float) -> None:
        _write_status(kept, state, trials, budget, hypervolume)

    status("running", course.settled, 0.0)
    share = (lambda: study.share(course.spent)) if study.backend != "simulator" else None
    with Progress(messages, budget, executor.workers, status=status, measured_share=share) as progress:
        ending = loop.sweep(study, course, proposer, executor, store, tracker, progress, stop=stop)
    status("interrupted" if ending.interrupted else "complete", ending.trials, ending.standing.hypervolume)
    return ending


def _write_status(kept: Kept, state: str, trials: int, budget: int, hypervolume: float) -> None:
    """budget: trials; 0 where something else ends the study."""
    document = {
        "study": kept.study.name,
        "state": state,
        "trials": trials,
        "budget": budget,
        "hypervolume": hypervolume,
        "updated_s": time.time(),
        "owner": f"pid {os.getpid()} on {socket.gethostname()}",
    }
    keeping.write_status(kept.directory, document)


def _proposer(study: Study) -> Proposer:
    """Raises StudyError where the sampler does not take the space, or needs what is not installed."""
    try:
        return make(
            study.sampler,
            study.space(),
            len(study.objectives),
            study.seed,
            population=study.population,
            reference=REFERENCE[study.combine],
        )
    except (ValueError, ImportError) as error:
        raise StudyError(f"sampler {study.sampler}: {error}") from error


def _executor(instrument: Instrument, options: Options) -> Executor:
    if options.in_process:
        from sweep.execute.in_process import InProcessExecutor

        return InProcessExecutor(instrument.evaluate)
    from sweep.execute.cluster import Patience, RayExecutor

    patience = Patience(node_s=options.node_timeout_s, trial_s=options.trial_timeout_s)
    return RayExecutor(
        instrument.evaluate,
        workers=options.workers,
        address=options.address,
        patience=patience,
        place=instrument.place,
    )


def _tracker(kept: Kept, options: Options) -> Tracker:
    if not options.track:
        return NoTracker()
    tracker = mlflow_tracker(kept, options.tracking_uri)
    tracker.start(kept.study.name, kept.identity, kept.described())
    return tracker


def mlflow_tracker(kept: Kept, uri: str | None) -> Tracker:
    """Of a study: at `uri`, or in sqlite beside the studies."""
    from sweep.track.mlflow import MlflowTracker
    from sweep.track.place import experiment, local_artifacts, local_uri

    store = kept.directory.parent
    return MlflowTracker(
        uri or local_uri(store), experiment(kept.study.name), None if uri else local_artifacts(store)
    )


def _print_end(
    kept: Kept, options: Options, ending: Ending, written: list[Path], tracker: Tracker, stopped: str
) -> None:
    from sweep.report import tables

    console = Console()
    now = ending.standing
    console.print(tables.front_table(now))
    console.print(tables.advice(now), style="bold", markup=False, highlight=False)
    console.print(
        f"{ending.trials} trials ({now.feasible} feasible, {len(now.failed)} failed by themselves), hypervolume "
        f"{now.hypervolume:.4f}; all workers busy {ending.all_busy:.0%} of the time",
        highlight=False,
    )
    if stopped:
        console.print(f"Promotion stopped: {stopped}", style="yellow", markup=False, soft_wrap=True)
    for path in written:
        console.print(f"  {shortest(path)}", markup=False, highlight=False, soft_wrap=True)
    place = defaults.store_option(options.store)
    uri = f" --tracking-uri {options.tracking_uri}" if options.tracking_uri else ""
    for trouble in tracker.troubles():
        console.print(
            f"not shown: {trouble}. Once it is back:  python -m sweep track {kept.study.name}{place}{uri}",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    if options.track and not uri:
        console.print(f"MLflow UI:  python -m sweep ui{place}", markup=False, soft_wrap=True)
    if ending.interrupted:
        console.print(
            f"Interrupted. Go on:  python -m sweep resume {kept.study.name}{place}",
            markup=False,
            soft_wrap=True,
        )

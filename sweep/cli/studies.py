"""Running studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep import defaults
from sweep.cli.app import app, fail, run
from sweep.cli.options import (
    Address,
    Archive,
    InProcess,
    KeptStudy,
    NodeTimeout,
    NoTrack,
    Overrides,
    StoreOption,
    StudyArgument,
    Track,
    TrialTimeout,
    Workers,
)

if TYPE_CHECKING:
    from sweep.session import Options


def _options(
    store: Path,
    workers: int | None,
    in_process: bool,
    address: str | None,
    archive: str | None,
    tracking_uri: str | None,
    no_track: bool,
    node_timeout: float,
    trial_timeout: float,
    sources: list[str] | None = None,
) -> Options:
    from sweep.session import Options

    if in_process and (address or workers):
        fail("--in-process runs without Ray: it goes with neither --address nor --workers")
    return Options(
        store=store,
        workers=workers,
        in_process=in_process,
        address=address,
        node_timeout_s=node_timeout,
        trial_timeout_s=trial_timeout,
        archive=archive,
        tracking_uri=tracking_uri,
        track=not no_track,
        sources=tuple(sources or ()),
    )


@app.command()
def launch(
    study: StudyArgument = "quick",
    overrides: Overrides = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the resolved study, its size and an estimate; run nothing."),
    ] = False,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from", help="Take what an earlier study of the store measured in the same scenarios."
        ),
    ] = None,
    store: StoreOption = defaults.STORE,
    workers: Workers = None,
    in_process: InProcess = False,
    address: Address = None,
    archive: Archive = None,
    tracking_uri: Track = None,
    no_track: NoTrack = False,
    node_timeout: NodeTimeout = defaults.NODE_TIMEOUT_S,
    trial_timeout: TrialTimeout = defaults.TRIAL_TIMEOUT_S,
) -> None:
    """Run a study. Example: python -m sweep launch quick --set budget.trials=200"""

    def work() -> int:
        from sweep import session, study_file

        value = study_file.load(study_file.find(study), overrides or [])
        options = _options(
            store,
            workers,
            in_process,
            address,
            archive,
            tracking_uri,
            no_track,
            node_timeout,
            trial_timeout,
            sources,
        )
        return session.dry_run(value, options) if dry_run else session.launch(value, options)

    run(work)


@app.command()
def resume(
    study: KeptStudy,
    overrides: Overrides = None,
    store: StoreOption = defaults.STORE,
    workers: Workers = None,
    in_process: InProcess = False,
    address: Address = None,
    tracking_uri: Track = None,
    no_track: NoTrack = False,
    node_timeout: NodeTimeout = defaults.NODE_TIMEOUT_S,
    trial_timeout: TrialTimeout = defaults.TRIAL_TIMEOUT_S,
) -> None:
    """Go on with a study that was interrupted. Example: python -m sweep resume quick"""

    def work() -> int:
        from sweep import session

        options = _options(
            store, workers, in_process, address, None, tracking_uri, no_track, node_timeout, trial_timeout
        )
        return session.resume(study, options, overrides or [])

    run(work)

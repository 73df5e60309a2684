"""Studies as jobs on a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep import defaults
from sweep.cli.app import app, run
from sweep.cli.options import (
    Archive,
    Form,
    Format,
    JobAddress,
    NoTrack,
    Overrides,
    StoreOption,
    StudyArgument,
    Track,
)


@app.command()
def submit(
    study: StudyArgument,
    address: JobAddress,
    overrides: Overrides = None,
    store: StoreOption = defaults.STORE,
    archive: Archive = None,
    tracking_uri: Track = None,
    no_track: NoTrack = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow its progress.")] = False,
) -> None:
    """Send a study to a cluster as a Ray job. Example: python -m sweep submit phone --address http://head:8265"""

    def work() -> int:
        from sweep import cluster_commands

        return cluster_commands.submit(
            study, address, overrides or [], store, archive, tracking_uri, track=not no_track, detach=detach
        )

    run(work)


@app.command()
def status(
    study: Annotated[str, typer.Argument(help="A study in the store; with --address, a job.")],
    address: Annotated[
        str | None, typer.Option(help="The cluster's dashboard, http://HOST:8265: ask for a job.")
    ] = None,
    store: StoreOption = defaults.STORE,
    form: Format = Form.table,
) -> None:
    """How a study stands, or a job. Example: python -m sweep status quick"""

    def work() -> int:
        if address is not None:
            from sweep import cluster_commands

            return cluster_commands.status(study, address, form)
        from sweep import commands

        return commands.show_status(store, study, form)

    run(work)


@app.command()
def logs(
    job: Annotated[str, typer.Argument(help="A job, as `submit` named it.")],
    address: JobAddress,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Until it ends; Ctrl-C leaves it running.")
    ] = False,
) -> None:
    """What a job printed. Example: python -m sweep logs JOB --address http://head:8265 -f"""

    def work() -> int:
        from sweep import cluster_commands

        return cluster_commands.logs(job, address, follow=follow)

    run(work)


@app.command()
def stop(
    job: Annotated[str, typer.Argument(help="A job, as `submit` named it.")],
    address: JobAddress,
) -> None:
    """End a job; what it finished is kept. Example: python -m sweep stop JOB --address http://head:8265"""

    def work() -> int:
        from sweep import cluster_commands

        return cluster_commands.stop(job, address)

    run(work)

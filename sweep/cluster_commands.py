"""Studies as jobs on a cluster: submit, status, logs, stop."""

from __future__ import annotations

import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sweep import study_file
from sweep.commands import print_json
from sweep.execute.jobs import Job, Jobs
from sweep.study import Study

_EXIT_STOPPED = 130


def submit(
    study: str,
    address: str,
    overrides: Sequence[str],
    store: Path,
    archive: str | None,
    tracking_uri: str | None,
    *,
    track: bool,
    detach: bool,
) -> int:
    """Run a study on a cluster, and follow it unless `detach`; the exit code.

    The study is read and checked here, and its text travels with the job. `store` is a path on the cluster's
    head, below the home directory there if it is relative. Raises StudyError and ExecutorError.
    """
    messages = Console(stderr=True, soft_wrap=True, highlight=False)
    value = study_file.load(study_file.find(study), overrides)
    jobs = Jobs(address)
    command = _command(store, archive, tracking_uri, track)
    with tempfile.TemporaryDirectory(prefix="sweep-submit-") as folder:
        (Path(folder) / "study.yaml").write_text(study_file.dump(value))
        name = f"{value.name}-{secrets.token_hex(4)}"
        width = {"COLUMNS": str(shutil.get_terminal_size().columns)}
        job = jobs.submit(command, name, Path(folder), width, {"study": value.name})
    messages.print(
        f"{value.name} runs as job {job}, its store is {_place(store)} on the cluster's head", markup=False
    )
    for path in _files(value):
        messages.print(f"it reads {path}, which must be there on the cluster's head too", markup=False)
    if detach:
        _explain(messages, jobs, job)
        print(job)
        return 0
    return _follow(jobs, job)


def status(job: str, address: str, form: str) -> int:
    """How a job stands. Raises ExecutorError."""
    found = Jobs(address).job(job)
    if form == "json":
        print_json(_document(found))
    else:
        Console(highlight=False, soft_wrap=True).print(_line(found), markup=False)
    return 0


def logs(job: str, address: str, *, follow: bool) -> int:
    """What a job has printed, and with `follow` what it prints until it ends; its exit code then.

    Raises ExecutorError.
    """
    jobs = Jobs(address)
    if follow:
        return _follow(jobs, job)
    print(jobs.logs(job), end="")
    return 0


def stop(job: str, address: str) -> int:
    """Ask a job to end after what is running. Raises ExecutorError."""
    jobs = Jobs(address)
    ran = jobs.stop(job)
    said = "ends after what is running" if ran else f"has ended already ({jobs.job(job).state})"
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"{job} {said}; what it measured is kept: submit the same study again to go on", markup=False
    )
    return 0


def _follow(jobs: Jobs, job: str) -> int:
    messages = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        for text in jobs.follow(job):
            print(text, end="", flush=True)
    except KeyboardInterrupt:
        messages.print(f"\n{job} goes on without you", markup=False)
        _explain(messages, jobs, job)
        return 0
    ended = jobs.job(job)
    messages.print(_line(ended), markup=False)
    if ended.state == "STOPPED":
        return _EXIT_STOPPED
    return 0 if ended.state == "SUCCEEDED" else ended.exit_code or 1


def _explain(messages: Console, jobs: Jobs, job: str) -> None:
    for words in ("logs --follow", "status", "stop"):
        verb, *options = words.split()
        messages.print(
            " ".join(["  python -m sweep", verb, job, "--address", jobs.address, *options]), markup=False
        )


def _command(store: Path, archive: str | None, tracking_uri: str | None, track: bool) -> str:
    """What the job runs, by a shell, in the folder of the study."""
    words = ["python", "-m", "sweep", "launch", "study.yaml", "--address", "auto"]
    if archive:
        words += ["--archive", archive]
    if tracking_uri:
        words += ["--tracking-uri", tracking_uri]
    if not track:
        words += ["--no-track"]
    home = "" if store.is_absolute() else '"$HOME"/'
    return f"{shlex.join(words)} --store {home}{shlex.quote(str(store))}"


def _place(store: Path) -> str:
    return str(store) if store.is_absolute() else f"~/{store}"


def _files(study: Study) -> list[str]:
    """Workloads and machines that are files of the user's own."""
    named = [*(use.name for use in study.workloads), *study.machines]
    return [name for name in named if name.endswith((".parquet", ".yaml", ".yml"))]


def _document(job: Job) -> dict[str, object]:
    return {
        "job": job.id,
        "study": job.metadata.get("study", ""),
        "state": job.state.lower(),
        "exit_code": job.exit_code,
        "started_s": job.started_s,
        "ended_s": job.ended_s,
        "message": job.message,
    }


def _line(job: Job) -> str:
    took_s = (job.ended_s or time.time()) - job.started_s if job.started_s else 0.0
    line = f"{job.id}: {job.state.lower()} after {took_s:,.0f} s"
    if job.state != "FAILED":
        return line
    return f"{line}; its last words are above, or in: python -m sweep logs {job.id}"

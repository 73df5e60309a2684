"""Jobs on a real Ray head with its dashboard."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sweep import cluster_commands
from sweep.execute.jobs import Jobs
from sweep.execute.port import ExecutorError
from sweep.store import read
from sweep.trial import Attempt

pytestmark = pytest.mark.slow(12)

RAY = Path(sys.executable).with_name("ray")


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in bound]


ATTEMPTS = 3  # on a busy machine Ray gives up waiting for its own processes


def head(place: str, environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], int] | str:
    """A head with two CPUs and the port of its dashboard, or what it said when it did not start."""
    port, dashboard, agent, client = free_ports(4)
    command = [RAY, "start", "--head", "--block", "--num-cpus=2", f"--port={port}", f"--temp-dir={place}"]
    command += ["--include-dashboard=true", f"--dashboard-port={dashboard}"]
    command += [f"--dashboard-agent-listen-port={agent}", f"--ray-client-server-port={client}"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout is not None
    said = b""
    for line in process.stdout:
        said += line
        if b"Ray runtime started." in line:
            return process, dashboard
    process.wait(60)
    return said.decode(errors="replace")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a dashboard."""
    environment = os.environ | {
        "PATH": f"{RAY.parent}{os.pathsep}{os.environ['PATH']}",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with ExitStack() as stack:
        for _ in range(ATTEMPTS):
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="sw-", dir="/tmp"))
            started = head(place, environment)
            if not isinstance(started, str):
                break
        else:
            pytest.fail(f"Ray does not start: {started}")
        process, dashboard = started
        try:
            yield f"http://127.0.0.1:{dashboard}"
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def jobs(address: str) -> Jobs:
    return Jobs(address)


def submit(jobs: Jobs, command: str, place: Path) -> str:
    name = f"test-{time.time_ns()}"
    return jobs.submit(command, name, place, {"WORD": "here"}, {"study": "some"})


def test_a_job_has_its_files_and_what_it_prints_is_followed(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("from afar")
    job = submit(jobs, "cat text; echo $WORD; echo error >&2", tmp_path)
    text = "".join(jobs.follow(job))
    assert "from afar" in text
    assert "here" in text
    assert "error" in text
    ended = jobs.job(job)
    assert (ended.state, ended.exit_code, ended.ended) == ("SUCCEEDED", 0, True)
    assert ended.metadata["study"] == "some"
    assert ended.started_s <= ended.ended_s
    assert jobs.logs(job) == text


def test_a_job_goes_on_unwatched_and_is_followed_again_from_its_start(jobs: Jobs, tmp_path: Path) -> None:
    go = tmp_path / "go"
    job = submit(jobs, f"echo first; until test -e {go}; do sleep 0.1; done; echo second", tmp_path)
    for text in jobs.follow(job):
        if "first" in text:
            break
    assert jobs.job(job).state == "RUNNING"
    go.touch()
    text = "".join(jobs.follow(job))
    assert text.index("first") < text.index("second")
    assert jobs.job(job).state == "SUCCEEDED"


def test_a_job_that_is_stopped_may_end_in_order(jobs: Jobs, tmp_path: Path) -> None:
    left = tmp_path / "left"
    command = f"trap 'sleep 5; touch {left}; exit 0' TERM; echo ready; while true; do sleep 0.1; done"
    job = submit(jobs, command, tmp_path)
    for text in jobs.follow(job):
        if "ready" in text:
            break
    assert jobs.stop(job)
    list(jobs.follow(job))
    assert jobs.job(job).state == "STOPPED"
    assert left.exists()
    assert not jobs.stop(job)


def test_a_job_that_is_not_there_is_said_to_be(address: str, jobs: Jobs) -> None:
    for ask in (jobs.job, jobs.logs, jobs.stop, lambda job: list(jobs.follow(job))):
        with pytest.raises(ExecutorError, match=rf"^{address}: no job absent there$"):
            ask("absent")


def test_a_dashboard_that_is_not_there_is_one_line(tmp_path: Path) -> None:

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(ExecutorError, match="cannot be reached") as refused:
            Jobs(f"http://127.0.0.1:{port}")
    assert len(str(refused.value).splitlines()) == 1
    for wrong in ("127.0.0.1:8265", "ray://head:10001", "http://"):
        with pytest.raises(ExecutorError, match="expected a Ray dashboard"):
            Jobs(wrong)


# -- the commands -------------------------------------------------------------------------------


def table(attempts: list[Attempt]) -> dict[int, tuple[object, ...]]:
    return {a.trial.number: (a.trial, a.measurements, a.failure) for a in attempts if a.settles}


def test_a_submitted_study_comes_to_what_it_comes_to_here(
    address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changes = ["budget.trials=40", "name=sent"]
    options = {"archive": None, "tracking_uri": None, "track": False, "detach": False}
    there, here = tmp_path / "there", tmp_path / "here"
    assert cluster_commands.submit("quick", address, changes, there, **options) == 0
    printed = capfd.readouterr()
    assert "40/40 trials" in printed.out
    assert "succeeded" in printed.err
    job = printed.err.split(" runs as job ")[1].split(",")[0]

    command = [
        sys.executable,
        "-m",
        "sweep",
        "launch",
        "quick",
        "--in-process",
        "--no-track",
        "--store",
        here,
    ]
    command += [word for change in changes for word in ("--set", change)]
    subprocess.run(command, check=True, capture_output=True)
    sent = read.attempts(there / "sent")[0]
    assert table(sent) == table(read.attempts(here / "sent")[0])
    assert len(table(sent)) == 40

    assert cluster_commands.logs(job, address, follow=False) == 0
    assert capfd.readouterr().out == printed.out
    assert cluster_commands.status(job, address, "json") == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["job"], document["state"], document["study"]) == (job, "succeeded", "sent")
    assert cluster_commands.stop(job, address) == 0
    assert "has ended already" in capfd.readouterr().err


def test_ctrl_c_leaves_the_job_and_says_how_to_come_back(address: str, tmp_path: Path, jobs: Jobs) -> None:
    job = submit(jobs, "echo ready; sleep 600", tmp_path)
    command = [sys.executable, "-m", "sweep", "logs", job, "--address", address, "--follow"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    for line in watching.stdout:
        if "ready" in line:
            break
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=60)
    assert watching.returncode == 0, said
    assert f"{job} goes on without you" in said
    assert f"python -m sweep logs {job} --address {address} --follow" in said
    assert "Traceback" not in said
    assert jobs.job(job).state == "RUNNING"
    jobs.stop(job)

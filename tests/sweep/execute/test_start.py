"""Starting Ray and joining clusters, from a process of its own: what a user sees."""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweep.execute import drive

pytestmark = pytest.mark.slow


def driven(address: str, place: Path, *behaviours: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", drive.__name__, address, str(place), *behaviours]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


def test_nothing_but_the_results_is_printed_even_when_workers_die(tmp_path: Path) -> None:
    ended = driven("-", tmp_path, "well", "dies_once", "well", "fails")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    start, *rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert start == {"workers": 2}
    assert {row["trial"] for row in rows if row["cause"] in (None, "configuration")} == {0, 1, 2, 3}
    assert "worker_crashed" in {row["cause"] for row in rows}


PROCESSES = """
import ray, psutil  # which comes with Ray
from ray._private import node
from sweep.execute.start import NODE_LOST_S, start
whole = node.Node
start(None, 1, NODE_LOST_S)
assert node.Node is whole
for process in psutil.Process().children(recursive=True):
    print(*process.cmdline())
ray.shutdown()
"""


def test_ray_on_this_machine_has_no_processes_that_serve_no_sweep() -> None:
    ended = subprocess.run([sys.executable, "-c", PROCESSES], capture_output=True, text=True, check=True)
    assert "raylet" in ended.stdout
    for unwanted in ("dashboard/dashboard.py", "monitor.py"):
        assert unwanted not in ended.stdout


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def web_port() -> Iterator[int]:
    """A server that is no Ray."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("closed_port", "cannot be reached (UNKNOWN: ipv4:127.0.0.1"),
        ("web_port", "cannot be reached (UNAVAILABLE: ipv4:127.0.0.1"),
        ("silent_port", "5 s"),
    ],
)
def test_where_no_cluster_is_one_line_says_so(
    server: str, words: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = f"127.0.0.1:{request.getfixturevalue(server)}"
    ended = driven(address, tmp_path, "well")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith(f"the Ray cluster at --address {address}: ")
    assert words in ended.stderr


def test_an_address_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    ended = driven("nonsense", tmp_path, "well")
    assert ended.returncode == 2
    assert ended.stderr == "--address nonsense: expected 'auto' or HOST:PORT, such as 10.0.0.5:6379\n"


def test_a_launch_that_finds_no_cluster_ends_with_2(closed_port: int, tmp_path: Path) -> None:
    address = f"127.0.0.1:{closed_port}"
    command = [sys.executable, "-m", "sweep", "launch", "quick", "--store", str(tmp_path), "--no-track"]
    ended = subprocess.run([*command, "--address", address], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"error: the Ray cluster at --address {address}: cannot be reached")
    assert len(ended.stderr.splitlines()) == 1

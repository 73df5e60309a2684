"""A cluster whose cables are pulled out: hosts as network namespaces."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.execute.in_process import InProcessExecutor
from tests.sweep.execute import drive, hosts
from tests.sweep.execute.contract import run, tasks
from tests.sweep.execute.evaluates import Trade
from tests.sweep.execute.hosts import Hosts

pytestmark = [pytest.mark.slow, pytest.mark.alone]

NODE_LOST_S = 3.0
BEHAVIOURS = ["short"] * 300


@pytest.fixture(scope="module")
def network() -> Iterator[Hosts]:
    if reason := hosts.why_not():
        pytest.skip(reason)
    from sweep.execute.start import health_environment

    with Hosts(2, health_environment(NODE_LOST_S)) as network:
        yield network


Row = dict[str, Any]


class Drive:
    """A driver on the head, and what it has said."""

    def __init__(self, network: Hosts, place: Path) -> None:
        command = [sys.executable, "-m", drive.__name__, network.address, place, *BEHAVIOURS]
        self._process = network.popen(0, command)
        self.rows: list[Row] = []
        self._other: list[str] = []

    def until(self, attempts: int, failed: int = 0) -> None:
        """Read on until there are so many attempts, and so many failed ones, or the driver has ended."""
        assert self._process.stdout is not None
        while (len(self.rows) < attempts or len(self.failed) < failed) and (
            line := self._process.stdout.readline()
        ):
            said = json.loads(line) if line.startswith(b"{") else {}
            if "trial" in said:
                self.rows.append(said)
            else:
                self._other.append(line.decode())

    def end(self) -> None:
        self.until(sys.maxsize)
        assert self._process.wait(60) == 0, self._other

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def failed(self) -> list[Row]:
        return [row for row in self.rows if row["cause"]]


@pytest.fixture
def driver(network: Hosts, tmp_path: Path) -> Iterator[Drive]:
    network.ensure()
    driver = Drive(network, tmp_path)
    yield driver
    driver.stop()


def table(rows: list[Row]) -> list[Row]:
    done = sorted((row for row in rows if not row["cause"]), key=lambda row: row["trial"])
    return [{"trial": row["trial"], "measured": row["measured"]} for row in done]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    executor = InProcessExecutor(Trade(tmp_path_factory.mktemp("expected"), waits=False))
    return table([drive.row(attempt) for attempt in run(executor, tasks(*BEHAVIOURS))])


def test_a_link_that_flaps_costs_nothing(network: Hosts, driver: Drive, expected: list[Row]) -> None:
    driver.until(50)
    network.link(1, up=False)
    time.sleep(NODE_LOST_S / 6)
    network.link(1, up=True)
    driver.end()
    assert table(driver.rows) == expected
    assert not driver.failed


def test_a_link_that_is_away_for_long_costs_its_node(
    network: Hosts, driver: Drive, expected: list[Row]
) -> None:
    driver.until(50)
    network.link(1, up=False)
    driver.until(50, failed=1)
    network.link(1, up=True)
    driver.end()
    network.gone(1)
    assert table(driver.rows) == expected
    assert {row["cause"] for row in driver.failed} == {"node_lost"}, driver.failed


def test_a_link_that_is_cut_for_good_costs_its_node(
    network: Hosts, driver: Drive, expected: list[Row]
) -> None:
    driver.until(50)
    network.link(2, up=False)
    driver.end()
    assert table(driver.rows) == expected
    assert {row["cause"] for row in driver.failed} == {"node_lost"}, driver.failed
    assert len({row["worker"] for row in driver.failed}) == 1

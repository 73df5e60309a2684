"""Processes of one run of the tests give way to each other."""

import itertools
import threading
import time
from pathlib import Path

import pytest

from tests.beside import SHARED, made_once, turn


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SHARED, str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("shared")
def test_nothing_runs_beside_what_runs_alone() -> None:
    running: set[object] = set()
    seen: list[tuple[bool, int]] = []

    def process(first: int) -> None:
        for number in range(first, first + 30):
            alone = number % 5 == 0
            with turn(alone=alone):
                me = object()
                running.add(me)
                time.sleep(0.001)
                seen.append((alone, len(running)))
                running.remove(me)

    processes = [threading.Thread(target=process, args=(first,)) for first in range(4)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    assert len(seen) == 120
    assert {beside for alone, beside in seen if alone} == {1}
    assert max(beside for alone, beside in seen if not alone) > 1


def test_what_all_read_is_made_once(shared: Path) -> None:
    numbers = itertools.count()
    made = [
        made_once(Path("absent", "thing"), lambda place: (place / "number").write_text(str(next(numbers))))
        for _ in range(3)
    ]
    assert {(place / "number").read_text() for place in made} == {"0"}


def test_one_process_neither_waits_nor_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SHARED, raising=False)
    with turn(alone=True), turn(alone=True), turn(alone=False):
        pass
    assert made_once(tmp_path, lambda place: (place / "here").touch()) == tmp_path
    assert (tmp_path / "here").exists()

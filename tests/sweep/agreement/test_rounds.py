"""Rounds of calibration between passes: when, kept, and as one calibration in the end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sweep.agreement import rounds
from sweep.agreement.model import AgreementError
from sweep.agreement.rounds import Rounds
from sweep.backends.costs import Series


class Machine:
    """Round by round one more ns; every second round lacks a series."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> Series:
        self.asked += 1
        found = {("unlink", 40): np.array([float(self.asked)])}
        return found if self.asked % 2 else found | {("link", 40): np.array([10.0])}


def passes(between: Rounds, of: int, first: int = 0) -> None:
    for done in range(first, of):
        between.before_pass(done, of)


def test_a_round_comes_before_the_first_pass_and_then_from_time_to_time(tmp_path: Path) -> None:
    machine = Machine()
    between = Rounds(tmp_path / "rounds.jsonl", "k", machine)
    asked = []
    for done in range(3 * rounds.EVERY + 1):
        between.before_pass(done, 3 * rounds.EVERY + 1)
        asked.append(machine.asked)
    assert asked == [1 + done // rounds.EVERY for done in range(3 * rounds.EVERY + 1)]


@pytest.mark.parametrize("of", [1, 2, 3, 5, 20, 71, 72, 500])
def test_few_passes_have_rounds_enough_for_an_interval(tmp_path: Path, of: int) -> None:
    between = Rounds(tmp_path / "rounds.jsonl", "k", Machine())
    passes(between, of)
    assert len(between) >= min(of, rounds.LEAST)
    assert len(between) <= max(of / rounds.EVERY + 1, 2 * rounds.LEAST)


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    path, of = tmp_path / "rounds.jsonl", 100
    whole = Rounds(tmp_path / "whole.jsonl", "k", Machine())
    passes(whole, of)
    first = Machine()
    passes(Rounds(path, "k", first), 60)
    path.write_bytes(path.read_bytes() + b'{"key": "torn')
    rest = Machine()
    rest.asked = first.asked
    again = Rounds(path, "k", rest)
    passes(again, of)
    assert len(again) == len(path.read_text().splitlines())
    for key, values in whole.series().items():
        assert len(again.series()[key]) == len(again)
        assert set(values[~np.isnan(values)]) <= set(again.series()[key])


def test_a_round_without_a_series_has_a_gap_there(tmp_path: Path) -> None:
    between = Rounds(tmp_path / "rounds.jsonl", "k", Machine())
    passes(between, 4 * rounds.EVERY)
    kept = Rounds(tmp_path / "rounds.jsonl", "k", Machine())
    for series in (between.series(), kept.series()):
        np.testing.assert_array_equal(series["unlink", 40], [1.0, 2.0, 3.0, 4.0])
        np.testing.assert_array_equal(series["link", 40], [np.nan, 10.0, np.nan, 10.0])


def test_rounds_of_another_machine_or_build_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "rounds.jsonl"
    passes(Rounds(path, "one", Machine()), 3)
    other = Rounds(path, "other", Machine())
    assert len(other) == 0
    passes(other, 3)
    assert len(other) == 3
    assert len(Rounds(path, "one", Machine())) == 3


@pytest.mark.parametrize(
    "text", ["a,b\n", json.dumps({"key": "k", "place": 0, "series": [["a", 1, [1, 2]]]}) + "\n"]
)
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rounds.jsonl"
    path.write_text(text)
    with pytest.raises(AgreementError, match=r"rounds\.jsonl:1: not a round"):
        Rounds(path, "k", Machine())
    assert path.read_text() == text

"""Two studies side by side."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from rich.console import Console

from sweep import pareto
from sweep.judge import judge
from sweep.report import words
from sweep.report.compare import Comparison, Side, compare
from sweep.standing import Standing
from sweep.study import Study
from sweep.trial import Attempt

from .conftest import OBJECTIVES, Measured

COMBINE = ("mean", "worst", "regret")


def side(measured: Measured, name: str, attempts: slice = slice(None), **changes: object) -> Side:
    """A study of some of the trials, the baseline always among them."""
    asked = measured.study(name=name, **changes)
    some = measured.attempts[attempts]
    chosen = some if measured.attempts[0] in some else (measured.attempts[0], *some)
    keys = {s.name: s.key for s in measured.scenarios}
    return Side(name, asked, keys, measured.standing(asked, chosen))


def only(given: Side, scenarios: Mapping[str, str]) -> Side:
    """The study as if it had only these scenarios, under these names."""
    asked = given.study
    attempts = [
        Attempt(
            p.trial,
            0,
            tuple((scenarios[s], m) for s, m in p.measurements if s in scenarios),
            None,
            "",
            0.0,
            0.0,
        )
        for p in given.standing.points
    ]
    standing = judge(attempts, asked.objectives, asked.combine, asked.bounds(), asked.space())
    return replace(given, keys={new: given.keys[old] for old, new in scenarios.items()}, standing=standing)


@pytest.mark.parametrize("combine", COMBINE)
def test_a_study_beside_itself_differs_in_nothing(measured: Measured, combine: str) -> None:
    one = side(measured, "one", combine=combine, objectives=OBJECTIVES[:3])
    found = compare(one, replace(one, name="two"))
    for each in found.sides:
        assert [e.trial for e in each.front] == [p.trial.number for p in one.standing.front]
        assert [e.values for e in each.front] == [pytest.approx(p.values) for p in one.standing.front]
        assert each.coverage == 1
        assert each.hypervolume == pytest.approx(one.standing.hypervolume)
        assert each.recommended is not None
        assert one.standing.recommended is not None
        assert each.recommended.configuration == one.standing.recommended.trial.configuration
        assert each.only_here == ()
    assert found.differences() == []
    assert found.notes == ()


@pytest.mark.parametrize("combine", COMBINE)
def test_the_other_way_round_it_is_the_same(measured: Measured, combine: str) -> None:
    one = side(measured, "one", slice(0, 26), combine=combine)
    two = side(measured, "two", slice(14, None), combine=combine)
    found, back = compare(one, two), compare(two, one)
    assert found.sides == back.sides[::-1]
    assert sorted(found.differences()) == sorted((what, b, a) for what, a, b in back.differences())


def test_covered_is_what_the_other_front_reaches(measured: Measured) -> None:
    found = compare(side(measured, "one", slice(0, 26)), side(measured, "two", slice(14, None)))
    assert {each.coverage for each in found.sides} != {0.0}
    for mine, other in (found.sides, found.sides[::-1]):
        for entry in mine.front:
            better = [
                o for o in other.front if pareto.dominates(o.values, entry.values) or o.values == entry.values
            ]
            assert entry.covered == bool(better)
        assert mine.coverage == sum(e.covered for e in mine.front) / len(mine.front)


def test_only_common_scenarios_count_whatever_their_names(measured: Measured) -> None:
    whole = side(measured, "whole")
    first, second = whole.keys
    part = only(side(measured, "part"), {second: "elsewhere named"})
    found = compare(whole, part)
    assert found.common == (second,)
    assert found.sides[0].only_here == (first,)
    assert found.sides[1].only_here == ()
    assert found.sides[0].front == found.sides[1].front
    assert [e.values for e in found.sides[1].front] == [pytest.approx(p.values) for p in part.standing.front]


@pytest.mark.parametrize("combine", COMBINE)
def test_without_a_common_scenario_each_stands_by_itself(measured: Measured, combine: str) -> None:
    one = side(measured, "one", combine=combine)
    two = side(measured, "two", slice(14, None), combine=combine)
    found = compare(one, replace(two, keys=dict.fromkeys(two.keys, "0" * 16)))
    assert found.common == ()
    assert any("no scenario in common" in note for note in found.notes)
    assert all(any(note.startswith(name) for note in found.notes) for name in one.keys)
    for given, each in zip((one, two), found.sides, strict=True):
        assert each.only_here == tuple(one.keys)
        assert each.hypervolume is None
        assert each.coverage is None
        assert [e.values for e in each.front] == [pytest.approx(p.values) for p in given.standing.front]
        assert not any(e.covered for e in each.front)
        assert each.recommended is not None
    check_shown(found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"combine": "worst"}, "compared by mean"),
        ({"constraints": ["max_stall_ns <= 10 us"]}, "constraints differ"),
        ({"objectives": OBJECTIVES[1:3]}, "objectives differ"),
        ({"objectives": OBJECTIVES[2:]}, "objectives differ"),
    ],
)
def test_what_is_not_alike_is_said(measured: Measured, changes: dict[str, object], words: str) -> None:
    found = compare(side(measured, "one"), side(measured, "two", **changes))
    assert any(words in note for note in found.notes)
    assert len(found.objectives) >= 2
    check_shown(found)


def test_without_a_baseline_there_is_a_table_still(measured: Measured) -> None:
    asked: Study = measured.study()
    empty: Standing = measured.standing(asked, [])
    one = side(measured, "one")
    found = compare(one, Side("empty", asked, one.keys, empty))
    assert found.sides[1].front == ()
    assert found.sides[0].front != ()
    assert found.differences()[0][2] == "nothing"
    check_shown(found)


def test_the_document_says_what_the_tables_say(measured: Measured) -> None:
    found = compare(side(measured, "one", slice(0, 26)), side(measured, "two", slice(20, None)))
    check_shown(found)
    document = json.loads(json.dumps(found.document()))
    assert [s["hypervolume"] for s in document["studies"]] == [s.hypervolume for s in found.sides]
    for shown, each in zip(document["studies"], found.sides, strict=True):
        assert [e["trial"] for e in shown["front"]] == [e.trial for e in each.front]
        assert [list(e["values"].values()) for e in shown["front"]] == [list(e.values) for e in each.front]


def check_shown(found: Comparison) -> None:
    """All of it is in the tables."""
    console = Console(file=io.StringIO(), width=400)
    for table in found.tables():
        console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    json.dumps(found.document())
    for each in found.sides:
        assert each.name in text
        assert ("not compared" if each.hypervolume is None else f"{each.hypervolume:.4f}") in text
        assert all(entry.configuration.policy in text for entry in each.front)
        assert all(words.value(v, found.combine) in text for entry in each.front for v in entry.values)

"""A standing as tables and in words."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from sweep.report import tables, words
from sweep.standing import Standing
from sweep.trial import METRICS
from tests.sweep.test_judge import noisy
from tests.sweep.test_judge import standing as noisy_standing

from .conftest import OBJECTIVES, Measured

COMBINE = ("mean", "worst", "regret")


def shown(table: object) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture(scope="module", params=COMBINE)
def standing(request: pytest.FixtureRequest, measured: Measured) -> Standing:
    return measured.standing(measured.study(combine=request.param, objectives=OBJECTIVES[:3]))


def test_rows_are_the_front_and_what_has_a_name(standing: Standing) -> None:
    found = tables.rows(standing)
    named = {p.trial.number for p in standing.compared}
    assert standing.recommended in found
    assert named <= {p.trial.number for p in found}
    assert {p.trial.number for p in found} <= named | {p.trial.number for p in standing.front}
    seen = {(p.trial.configuration.policy, tuple(f"{v:.3f}" for v in p.values)) for p in found}
    assert all(
        (p.trial.configuration.policy, tuple(f"{v:.3f}" for v in p.values)) in seen for p in standing.front
    )


def test_the_table_says_what_its_values_are(standing: Standing) -> None:
    text = shown(tables.front_table(standing))
    assert words.values_are(standing) in text
    assert "simulated" in text
    for point in tables.rows(standing):
        line = next(row for row in text.splitlines() if str(point.trial.configuration) in row)
        assert all(words.value(v, standing.combine) in line for v in point.values)
    assert ("regret" in text) == (standing.combine == "regret")
    assert ("worst of 2 scenarios" in text) == (standing.combine != "mean")


def test_a_short_table_needs_no_points(measured: Measured) -> None:
    asked = measured.study()
    whole = measured.standing(asked)
    from dataclasses import replace

    assert shown(tables.front_table(replace(whole, points=()), 3)) == shown(tables.front_table(whole, 3))
    assert tables.advice(replace(whole, points=())) == tables.advice(whole)


def test_labels(measured: Measured) -> None:
    now = measured.standing(measured.study(constraints=["max_stall_ns <= 100 us"]))
    assert tables.label(now.points[0], now).startswith("baseline")
    best = now.recommended
    assert best is not None
    assert tables.label(best, now).startswith("recommended")
    for point in now.points:
        assert ("INFEASIBLE" in tables.label(point, now)) == (not point.feasible)


def test_points_as_arrow_have_a_row_per_scenario(standing: Standing) -> None:
    table = tables.points_table(standing.points, standing)
    assert table.num_rows == 2 * len(standing.points)
    first = standing.objectives[0]
    ratios = [row[0] for p in standing.points for row in p.scenario_ratios]
    assert table[f"ratio.{first}"].to_pylist() == ratios
    assert table[f"value.{first}"].to_pylist() == [p.values[0] for p in standing.points for _ in range(2)]
    assert set(METRICS) <= set(table.column_names)


def test_advice_for_every_outcome(measured: Measured) -> None:
    for changes in ({}, {"combine": "regret"}, {"constraints": ["exit_latency_ns.p99 <= 1 ns"]}):
        now = measured.standing(measured.study(**changes))
        text = tables.advice(now)
        assert "simulated" in text
        best = now.recommended
        assert (str(best.trial.configuration) if best else "Nothing is recommended") in text
        if best:
            assert all(words.value(v, now.combine) in text for v in best.values)


def test_every_metric_has_a_name_and_a_unit() -> None:
    names = [words.metric_name(name) for name in METRICS]
    assert len(set(names)) == len(names)
    for name, metric in METRICS.items():
        text = words.metric_value(name, 1536.0)
        assert {"ns": "µs", "bytes": "KiB", "ns/object": "µs/object", "": "1,536"}[metric.unit] in text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.000x"),
        (1e-7, "<0.001x"),
        (0.7321, "0.732x"),
        (1.0, "1.000x"),
        (37.21, "37.2x"),
        (532880.4, "532,880x"),
        (float("inf"), "-"),
    ],
)
def test_ratios_as_people_read_them(number: float, text: str) -> None:
    assert words.ratio(number) == text


def test_noisy_figures_are_shown_with_their_intervals_and_what_they_are() -> None:
    now = noisy_standing([noisy(0, (1.0, 1.0)), noisy(1, (0.5, 2.0)), noisy(2, (0.7, 0.7), spread=0.2)])
    text = shown(tables.front_table(now))
    assert "measured in user space on machine m" in text
    assert "simulated" not in text + tables.advice(now)
    assert "0.500x [0.45" in text
    table = tables.points_table(now.front, now)
    assert table["on_front"].to_pylist() == [now.certainty[p.trial.number].on_front for p in now.front]
    lows, highs = (table[f"value.exit_latency_ns.p99.{end}"].to_pylist() for end in ("low", "high"))
    assert all(
        low < p.values[0] < high
        for low, high, p in zip(lows, highs, now.front, strict=True)
        if p.trial.number
    )


def test_what_was_not_measured_is_not_0() -> None:
    name = OBJECTIVES[1]
    of = [noisy(0, (1.0, 1.0)), noisy(1, (0.5, 2.0))]
    without = [
        dataclasses.replace(
            a, evidence=tuple((s, dataclasses.replace(e, unmeasured=(name,))) for s, e in a.evidence)
        )
        for a in of
    ]
    now = noisy_standing(without)
    assert words.amount(name, now.points[1].measurements[0][1], now) == "not measured"
    assert tables.points_table(now.points, now)[name].to_pylist() == [None, None]

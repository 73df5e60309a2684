"""The charts of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import pyarrow as pa
from markupsafe import Markup

from sweep.report import words
from sweep.report.facts import Facts, Place, moments
from sweep.report.svg import Axis, Chart
from sweep.report.tables import label
from sweep.standing import REFERENCE, Point

MAX_POINTS: Final = 8_000
"""Dominated points that are drawn in all charts of a report together, and as many of fronts; evenly picked."""
MAX_PLACES: Final = 40
"""Scenarios that have a chart and tables of their own."""
_BEYOND: Final = 1.25
_POINTS: Final = 240

STATES: Final = (
    ("postponed_bytes", "postponed: not yet handed to RCU", "s1"),
    ("waiting_bytes", "waiting for a grace period", "s2"),
    ("ready_bytes", "ready, not yet freed", "s3"),
    ("overhead_bytes", "the policy's own memory", "s4"),
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """left_out: points beyond the axes. thinned: of how many dominated points one is drawn. front_left_out:
    points of the front that are not drawn, because there are too many."""

    chart: Markup
    left_out: int
    thinned: int
    front_left_out: int


@dataclass(frozen=True, slots=True)
class Marked:
    """A point with a name: how it is drawn and what stands beside it."""

    point: Point
    style: str
    shape: str
    text: str


def fronts(facts: Facts) -> list[Drawing]:
    """Over all scenarios, one for each pair of objectives, with the path from the baseline."""
    standing = facts.standing
    steps = [standing.baseline, *(step.point for step in facts.path)]
    path = [p for p in steps if isinstance(p, Point)] if facts.path else []
    pairs = list(combinations(range(len(standing.objectives)), 2))
    return [
        _front(
            facts,
            {p.trial.number: p.values for p in standing.points},
            standing.front,
            _marked(facts),
            pair,
            f"Front over all scenarios: {' against '.join(standing.objectives[i] for i in pair)}",
            (_axis(facts, pair[0]), _axis(facts, pair[1])),
            REFERENCE[standing.combine],
            [p.values for p in path],
            size=(1080, 520) if len(pairs) == 1 else (540, 400),
        )
        for pair in pairs
    ]


def _axis(facts: Facts, place: int) -> str:
    what = "regret, in baselines" if facts.standing.combine == "regret" else "times the baseline"
    return f"{words.metric_name(facts.standing.objectives[place])}: {what}"


def detailed(facts: Facts) -> tuple[Place, ...]:
    """Scenarios that are shown with a chart and tables of their own: repeats with further seeds look alike,
    and a page has its limits."""
    return facts.places[:: facts.study.repeats][:MAX_PLACES]


def place_front(facts: Facts, place: Place) -> Drawing:
    """One scenario's, in its first two objectives."""
    names = [f"{words.metric_name(name)}: times the baseline" for name in facts.standing.objectives[:2]]
    marked = _marked(facts)
    if place.specialist and not any(m.point.trial == place.specialist.trial for m in marked):
        marked.append(Marked(place.specialist, "s", "ring", "specialist"))
    return _front(
        facts,
        {p.trial.number: p.scenario_ratios[place.index] for p in facts.standing.points},
        place.front,
        marked,
        (0, 1),
        f"Front in {place.scenario.name}",
        (names[0], names[1]),
        REFERENCE["mean"],
        [],
        size=(680, 380),
    )


def _front(
    facts: Facts,
    values: dict[int, tuple[float, ...]],
    front: Sequence[Point],
    marked: Sequence[Marked],
    pair: tuple[int, int],
    title: str,
    names: tuple[str, str],
    reference: float,
    path: Sequence[tuple[float, ...]],
    size: tuple[int, int],
) -> Drawing:
    def at(point: Point) -> tuple[float, float]:
        mine = values[point.trial.number]
        return mine[pair[0]], mine[pair[1]]

    points = facts.standing.points
    limit = _BEYOND * reference
    near = [at(p) for p in points if p.feasible and max(at(p)) <= limit]
    near += [at(m.point) for m in marked if m.style in "rs" or max(at(m.point)) <= limit]
    highs = [1.06 * max([reference / 2, *(xy[i] for xy in near)]) for i in (0, 1)]
    low = -0.02 * max(highs)
    chart = Chart(title, Axis(names[0], low, highs[0]), Axis(names[1], low, highs[1]), *size)

    limit_here = MAX_POINTS // (len(detailed(facts)) + 1)
    named = {p.trial.number for p in front} | {m.point.trial.number for m in marked}
    plain = [p for p in points if p.trial.number not in named]
    thinned = -(-len(plain) // limit_here) or 1
    bad = [p for p in plain[::thinned] if not p.feasible]
    good = [p for p in plain[::thinned] if p.feasible]
    chart.points("x", [at(p) for p in bad], [_title(facts, p) for p in bad], "cross")
    chart.points("m", [at(p) for p in good], [_title(facts, p) for p in good])
    if len(facts.standing.objectives) == 2:
        chart.line("front", [at(p) for p in front], steps=True)
    some = front[:: -(-len(front) // limit_here) or 1]
    chart.points("f", [at(p) for p in some], [_title(facts, p) for p in some], "big")
    if path:
        chart.line("path", [(v[pair[0]], v[pair[1]]) for v in path])
    for each in marked:
        if chart.holds(*at(each.point)):
            chart.occupy(*at(each.point))
    for each in marked:
        chart.points(each.style, [at(each.point)], [_title(facts, each.point)], each.shape)
        chart.label(each.style, *at(each.point), each.text)
    left_out = sum(not chart.holds(*at(p)) for p in points)
    return Drawing(chart.render(), left_out, thinned, len(front) - len(some))


def _marked(facts: Facts) -> list[Marked]:
    standing = facts.standing
    best = standing.recommended
    found = []
    if best:
        found.append(Marked(best, "r", "star", f"recommended: {best.trial.configuration.policy}"))
    for point in (*standing.by_origin("baseline"), *standing.by_origin("preset:")):
        if best is None or point.trial != best.trial:
            style = "b" if point.trial.origin == "baseline" else "k"
            found.append(Marked(point, style, "diamond", label(point, standing)))
    return found


def _title(facts: Facts, point: Point) -> str:
    """Of a point, on hovering."""
    standing = facts.standing
    lines = [f"{point.trial.configuration}", f"trial {point.trial.number}, {label(point, standing)}"]
    lines += [
        f"{words.metric_name(name)}: {words.point_value(point, place, standing)}"
        for place, name in enumerate(standing.objectives)
    ]
    lines += [f"breaks {b.constraint} in {b.scenario}: {b.value}" for b in point.broken[:3]]
    return "\n".join(lines)


def course(facts: Facts) -> Markup:
    """Hypervolume over trials."""
    top = REFERENCE[facts.standing.combine] ** len(facts.standing.objectives)
    x = Axis("trials that have ended", 0, max(n for n, _ in facts.course), "{:,.0f}".format)
    y = Axis(f"hypervolume (at most {top:g})", 0, 1.08 * max(max(v for _, v in facts.course), 1e-9))
    chart = Chart("Hypervolume over trials", x, y, 1080, 300)
    chart.line("front", moments(facts.course, 500), steps=True)
    return chart.render()


@dataclass(frozen=True, slots=True)
class Retained:
    """Retained memory over time in one scenario, of two configurations on equal scales."""

    place: Place
    charts: tuple[tuple[str, Markup], ...]
    averaged_ns: float


def retained(place: Place, results: Sequence[tuple[str, pa.Table]]) -> Retained:
    """results: what each is, and its samples. Stacked by where dead objects are; each sample drawn is a mean."""
    courses = [(name, _thinned(samples)) for name, samples in results]
    tops = [np.sum([c[state] for state, _, _ in STATES], axis=0).max(initial=0) for _, c in courses]
    size_unit, size = _unit(max(map(float, tops)), (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10)))
    end = max(float(c["t_ns"].max(initial=0)) for _, c in courses)
    time_unit, time = _unit(end, (("s", 1e9), ("ms", 1e6), ("µs", 1e3)))
    x = Axis(f"simulated time ({time_unit})", 0, end / time or 1.0)
    y = Axis(f"retained memory ({size_unit})", 0, 1.05 * max(map(float, tops)) / size or 1.0)
    charts = []
    for name, samples in courses:
        chart = Chart(f"Retained memory over time, {name}, {place.scenario.name}", x, y, 520, 270)
        t = (samples["t_ns"] / time).tolist()
        below = np.zeros(len(t))
        for state, text, style in STATES:
            above = below + samples[state] / size
            if samples[state].any():
                chart.area(style, list(zip(t, below, strict=True)), list(zip(t, above, strict=True)), text)
            below = above
        charts.append((name, chart.render()))
    averaged = float(np.diff(courses[0][1]["t_ns"]).mean()) if len(courses[0][1]["t_ns"]) > 1 else 0.0
    return Retained(place, tuple(charts), averaged)


def _thinned(samples: pa.Table) -> dict[str, Any]:
    """Means of neighbours, so that no more points are drawn than can be told apart."""
    columns = {name: samples[name].to_numpy() for name in samples.column_names}
    length = len(columns["t_ns"])
    starts = np.arange(0, length, -(-length // _POINTS) or 1)
    counts = np.diff(starts, append=length)
    return {name: np.add.reduceat(v, starts) / counts if length else v for name, v in columns.items()}


def _unit(top: float, units: tuple[tuple[str, float], ...]) -> tuple[str, float]:
    """The largest unit in which the largest value is at least 2, else the smallest."""
    return next((unit for unit in units if top >= 2 * unit[1]), units[-1])

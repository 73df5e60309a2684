"""A standing as tables: the front with baseline and presets (Rich), all points (Arrow)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
from rich.table import Table

from sweep.report import words
from sweep.standing import Point, Standing

__all__ = ["advice", "front_table", "label", "points_table", "rows"]


def label(point: Point, standing: Standing) -> str:
    """What a point is: recommended, baseline, a preset, front, or just measured."""
    parts = []
    if standing.recommended is not None and point.trial == standing.recommended.trial:
        parts.append("recommended")
    origin = point.trial.origin
    if origin == "baseline":
        parts.append("baseline")
    elif origin.startswith("preset:"):
        parts.append(origin.removeprefix("preset:"))
    if not point.feasible:
        parts.append("INFEASIBLE")
    on_front = any(point.trial.number == other.trial.number for other in standing.front)
    return ", ".join(parts) or ("front" if on_front else "measured")


def rows(standing: Standing) -> list[Point]:
    """The front, then baseline and presets that are not on it.

    Of points with the same policy that nobody could tell apart (equal values to three digits), one row: the
    recommended one, a named one, or the first.
    """
    named = [*standing.by_origin("baseline"), *standing.by_origin("preset:")]
    best = standing.recommended
    alike: dict[tuple[str, tuple[str, ...]], Point] = {}
    for each in standing.front:
        key = each.trial.configuration.policy, tuple(f"{value:.3f}" for value in each.values)
        if key not in alike or ((each == best or each in named) and alike[key] != best):
            alike[key] = each
    front = list(alike.values())
    return [*front, *(point for point in named if point not in front)]


def front_table(standing: Standing, limit: int | None = None) -> Table:
    """The values by which points are judged and, without a limit, what was measured in each scenario."""
    table = Table(
        title=f"Pareto front, baseline and kernels - {words.figures(standing)}; {words.values_are(standing)}",
        title_justify="left",
        show_lines=limit is None,
    )
    table.add_column("configuration", overflow="fold", ratio=3)
    for name in standing.objectives:
        table.add_column(name.replace(".", ".\n"), justify="right", overflow="fold")
    if standing.certainty:
        table.add_column("on the\nfront", justify="right")
    if limit is None:
        table.add_column("in each scenario: " + ", ".join(standing.objectives), overflow="fold", ratio=4)
    shown = rows(standing)
    for point in shown[:limit] if limit else shown:
        cells = [f"{label(point, standing)}: {point.trial.configuration}"]
        cells += [words.point_value(point, place, standing) for place in range(len(point.values))]
        if standing.certainty:
            cells.append(words.chance(point, standing))
        if limit is None:
            cells.append(
                "\n".join(
                    f"{scenario}: " + ", ".join(words.amount(n, m, standing) for n in standing.objectives)
                    for scenario, m in point.measurements
                )
            )
        best = point == standing.recommended
        table.add_row(*cells, style="bold green" if best else ("" if point in standing.front else "dim"))
    return table


def points_table(points: Sequence[Point], standing: Standing) -> pa.Table:
    """One row per point and scenario: trial, policy, params (JSON), whether it is feasible and what it breaks,
    for each objective its ratio to the baseline's in this scenario (`ratio.`) and the value over all scenarios
    by which it is judged (`value.`), every metric. Of noisy points also the ends of 95 % intervals of both
    (`ratio.NAME.low`, ...), the probability to be on the front, and what they rest on; what was not
    measured is null."""
    objectives = standing.objectives
    data = [
        {
            "trial": p.trial.number,
            "origin": p.trial.origin,
            "policy": p.trial.configuration.policy,
            "params": json.dumps(p.trial.configuration.mapping(), sort_keys=True),
            "feasible": p.feasible,
            "broken": "; ".join(f"{b.constraint} in {b.scenario}: {b.value}" for b in p.broken),
            **{f"value.{n}": v for n, v in zip(objectives, p.values, strict=True)},
            "scenario": scenario,
            **{f"ratio.{n}": r for n, r in zip(objectives, ratios, strict=True)},
            **{n: None if n in standing.unmeasured else v for n, v in m.flat().items()},
            **_noise(p, place, standing),
        }
        for p in points
        for place, ((scenario, m), ratios) in enumerate(zip(p.measurements, p.scenario_ratios, strict=True))
    ]
    return pa.Table.from_pylist(data)


def _noise(point: Point, place: int, standing: Standing) -> dict[str, object]:
    known = standing.certainty.get(point.trial.number)
    if known is None:
        return {}
    evidence = point.evidence[place][1]
    named = [("value", known.values), ("ratio", point.intervals[place])]
    ends = {
        f"{what}.{name}.{end}": getattr(interval, end)
        for what, intervals in named
        for name, interval in zip(standing.objectives, intervals, strict=True)
        for end in ("low", "high")
    }
    rests_on = {
        "level": evidence.level,
        "machine": evidence.machine,
        "emulated": evidence.emulated,
        "blocks": evidence.blocks,
    }
    return ends | {"on_front": known.on_front, "runs": known.runs} | rests_on


def advice(standing: Standing) -> str:
    """The recommendation in plain words."""
    best = standing.recommended
    rejected = standing.measured - standing.feasible
    said = (
        f" {rejected} of {standing.measured} measured configurations break a constraint." if rejected else ""
    )
    if best is None:
        return f"Nothing is recommended: {standing.why}.{said} {words.said(standing)}"
    compared = " and ".join(
        f"{words.point_value(best, place, standing)} for {name}"
        for place, name in enumerate(standing.objectives)
    )
    return (
        f"Use {best.trial.configuration}: {compared} ({words.values_are(standing)}). "
        f"Why this one: {standing.why}.{said} {words.said(standing)}"
    )

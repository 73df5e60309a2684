"""A standing as tables: the front with baseline and presets (Rich), all points (Arrow)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
from rich.table import Table

from sweep import units
from sweep.recommend import Point, Standing
from sweep.trial import METRICS


def show_value(name: str, value: float) -> str:
    """A metric's value in the unit that people read."""
    unit = METRICS[name].unit
    if unit == "ns":
        return units.format_time(value)
    if unit == "bytes":
        return units.format_size(value)
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def label(point: Point, standing: Standing) -> str:
    """What a point is: recommended, baseline, a preset, front, or just measured."""
    parts = []
    if point is standing.recommended:
        parts.append("recommended")
    origin = point.trial.origin
    if origin == "baseline":
        parts.append("baseline")
    elif origin.startswith("preset:"):
        parts.append(origin.removeprefix("preset:"))
    if not point.feasible:
        parts.append("INFEASIBLE")
    return ", ".join(parts) or ("front" if point in standing.front else "measured")


def rows(standing: Standing) -> list[Point]:
    """The front, then baseline and presets that are not on it.

    Of points with the same policy that nobody could tell apart (equal ratios to three digits), one row: the
    recommended one, a named one, or the first.
    """
    named = [*standing.by_origin("baseline"), *standing.by_origin("preset:")]
    alike: dict[tuple[str, tuple[str, ...]], Point] = {}
    for each in standing.front:
        key = each.trial.configuration.policy, tuple(f"{ratio:.3f}" for ratio in each.ratios)
        if key not in alike or each is standing.recommended or each in named:
            alike[key] = each if alike.get(key) is not standing.recommended else alike[key]
    front = list(alike.values())
    return [*front, *(point for point in named if point not in front)]


def front_table(standing: Standing, limit: int | None = None) -> Table:
    """Ratios to the baseline (mean over the workloads), and the values in each workload."""
    table = Table(
        title="Pareto front, baseline and kernels - simulated; x: times the baseline, mean over workloads",
        title_justify="left",
        show_lines=limit is None,
    )
    table.add_column("configuration", overflow="fold", ratio=3)
    for name in standing.objectives:
        table.add_column(f"{name} x", justify="right", overflow="fold", max_width=12)
    if limit is None:
        table.add_column("in each workload: " + ", ".join(standing.objectives), overflow="fold", ratio=4)
    shown = rows(standing)
    for point in shown[:limit] if limit else shown:
        best, on_front = point is standing.recommended, point in standing.front
        cells = [f"{label(point, standing)}: {point.trial.configuration}"]
        cells += [f"{ratio:.3f}" for ratio in point.ratios]
        if limit is None:
            cells.append(
                "\n".join(
                    f"{scenario}: " + ", ".join(show_value(n, m.get(n)) for n in standing.objectives)
                    for scenario, m in point.measurements
                )
            )
        table.add_row(*cells, style="bold green" if best else ("" if on_front else "dim"))
    return table


def points_table(points: Sequence[Point], objectives: Sequence[str]) -> pa.Table:
    """One row per point and scenario: trial, policy, params (JSON), ratios, every metric."""
    data = [
        {
            "trial": p.trial.number,
            "origin": p.trial.origin,
            "policy": p.trial.configuration.policy,
            "params": json.dumps(p.trial.configuration.mapping(), sort_keys=True),
            "feasible": p.feasible,
            **{f"ratio.{n}": r for n, r in zip(objectives, p.ratios, strict=True)},
            "scenario": scenario,
            **m.flat(),
        }
        for p in points
        for scenario, m in p.measurements
    ]
    return pa.Table.from_pylist(data)


def advice(standing: Standing) -> str:
    """The recommendation in plain words."""
    best = standing.recommended
    if best is None:
        return f"Nothing is recommended: {standing.why}."
    compared = " and ".join(
        f"{ratio:.2f} times the baseline's {name}"
        for name, ratio in zip(standing.objectives, best.ratios, strict=True)
    )
    text = (
        f"Use {best.trial.configuration}: {compared} (mean over {len(best.measurements)} workloads). "
        f"Why this one: {standing.why}."
    )
    infeasible = sum(not p.feasible for p in standing.points)
    if infeasible:
        text += (
            f" {infeasible} configurations were rejected: they freed objects that a reader could still hold."
        )
    return text + " These figures are simulated."

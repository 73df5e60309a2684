"""The front as a picture: PNG by Matplotlib, a page by Plotly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sweep.recommend import Point, Standing
from sweep.report.tables import label, show_value

_MAX_SHOWN = 2.5


def _axis(standing: Standing, place: int) -> str:
    return f"{standing.objectives[place]}, times the baseline (mean over workloads, simulated)"


def _xy(points: list[Point]) -> tuple[list[float], list[float]]:
    return [p.ratios[0] for p in points], [p.ratios[1] for p in points]


def _near(points: list[Point]) -> list[Point]:
    return [p for p in points if all(r <= _MAX_SHOWN for r in p.ratios[:2])]


def write_png(standing: Standing, path: Path, title: str) -> None:
    """The first two objectives, 1,500 x 1,000 pixels. Points above 2.5 x the baseline are left
    out, and counted."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    feasible = [p for p in standing.points if p.feasible]
    infeasible = [p for p in standing.points if not p.feasible]
    left_out = len(standing.points) - len(_near(list(standing.points)))
    figure, axes = plt.subplots(figsize=(10, 6.67), dpi=150)
    axes.scatter(*_xy(_near(feasible)), s=14, color="#9aa5b1", label="measured", zorder=2)
    if infeasible:
        axes.scatter(*_xy(_near(infeasible)), s=22, marker="x", color="#c0392b", label="infeasible", zorder=2)
    axes.step(*_xy(_near(list(standing.front))), where="post", color="#1f6feb", linewidth=1.2, zorder=3)
    axes.scatter(*_xy(_near(list(standing.front))), s=34, color="#1f6feb", label="Pareto front", zorder=4)
    marked = [*standing.by_origin("baseline"), *standing.by_origin("preset:")]
    if standing.recommended:
        marked.append(standing.recommended)
    for i, point in enumerate(_near(marked)):
        x, y = point.ratios[:2]
        best = point is standing.recommended
        axes.scatter([x], [y], s=90, facecolors="none", edgecolors="#2da44e" if best else "#24292f", zorder=5)
        text = label(point, standing) + (f": {point.trial.configuration.policy}" if best else "")
        axes.annotate(
            text,
            (x, y),
            xytext=(-14, 18 if y < 0.2 else -24) if best else (22, 26 + 15 * (i % 3)),
            textcoords="offset points",
            fontsize=8,
            ha="right" if best else "left",
            color="#1a7f37" if best else "#24292f",
            arrowprops={"arrowstyle": "-", "color": "#8c959f", "linewidth": 0.6},
            zorder=6,
        )
    axes.set_xlabel(_axis(standing, 0))
    axes.set_ylabel(_axis(standing, 1))
    axes.set_title(title + (f" ({left_out} points above {_MAX_SHOWN:g}x not shown)" if left_out else ""))
    axes.grid(alpha=0.25)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=-0.03)
    axes.legend(frameon=False, loc="upper right")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _hover(point: Point, standing: Standing) -> str:
    lines = [
        f"<b>{point.trial.configuration.policy}</b> (trial {point.trial.number}, {label(point, standing)})"
    ]
    lines += [f"{name} = {value}" for name, value in point.trial.configuration.params]
    lines += [
        f"{scenario}: " + ", ".join(f"{n} {show_value(n, m.get(n))}" for n in standing.objectives)
        for scenario, m in point.measurements
    ]
    return "<br>".join(lines)


def write_html(standing: Standing, path: Path, title: str) -> None:
    """The same as one page that works offline; hovering shows the configuration."""
    import plotly.graph_objects as go

    def trace(points: list[Point], name: str, **style: Any) -> go.Scatter:
        x, y = _xy(points)
        return go.Scatter(
            x=x, y=y, name=name, text=[_hover(p, standing) for p in points], hoverinfo="text", **style
        )

    figure = go.Figure()
    feasible = [p for p in standing.points if p.feasible]
    infeasible = [p for p in standing.points if not p.feasible]
    figure.add_trace(trace(feasible, "measured", mode="markers", marker={"color": "#9aa5b1", "size": 6}))
    figure.add_trace(
        trace(infeasible, "infeasible", mode="markers", marker={"color": "#c0392b", "symbol": "x", "size": 7})
    )
    figure.add_trace(
        trace(
            list(standing.front),
            "Pareto front",
            mode="lines+markers",
            line={"shape": "hv", "color": "#1f6feb"},
            marker={"size": 9},
        )
    )
    for point in [*standing.by_origin("baseline"), *standing.by_origin("preset:")]:
        name = label(point, standing)
        figure.add_trace(trace([point], name, mode="markers", marker={"size": 13, "symbol": "diamond-open"}))
    if standing.recommended:
        star = {"size": 16, "symbol": "star-open", "color": "#1a7f37"}
        figure.add_trace(trace([standing.recommended], "recommended", mode="markers", marker=star))
    near = _near([p for p in standing.points if p.feasible])
    ranges = [[-0.03, 1.05 * max([1.0, *values])] for values in _xy(near)]
    figure.update_layout(
        title=f"{title}<br><sup>a double click shows what is worse than {_MAX_SHOWN:g} x the baseline</sup>",
        xaxis={"title": _axis(standing, 0), "range": ranges[0]},
        yaxis={"title": _axis(standing, 1), "range": ranges[1]},
        template="plotly_white",
    )
    figure.write_html(path, include_plotlyjs=True)

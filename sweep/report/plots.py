"""The front as a picture: PNG by Matplotlib, a page by Plotly; a panel for each pair of objectives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, cycle
from pathlib import Path
from typing import Any, Final

from sweep.report import words
from sweep.report.tables import label
from sweep.standing import REFERENCE, Point, Standing

_BEYOND: Final = 1.25
"""Axes end at this many times the hypervolume's reference (or behind what is recommended); what lies beyond is
left out, and counted."""

_AWAY: Final = tuple((dx, dy) for dy in (14, -22, 34, -42, 54, 74, 94) for dx in (18, -18))
"""Where a name may stand from its point, in points."""

_NAMED: Final = ("#24292f", "#9a6700", "#8250df", "#bf3989")

_FEW: Final = 4
"""Scenarios up to which hovering over a dominated point tells of each."""

_MAX_MEASURED: Final = 4000
"""Of dominated points no more than this many are drawn in all panels, evenly picked."""


def write_png(standing: Standing, path: Path, title: str) -> None:
    """1,500 x 1,000 pixels for each pair of objectives. Raises OSError where it cannot be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pairs = _pairs(standing)
    columns = min(len(pairs), 2)
    rows = -(-len(pairs) // columns)
    figure = Figure(figsize=(10 * columns, 6.67 * rows), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(zip(figure.subplots(rows, columns, squeeze=False).flat, pairs, strict=False))
    for axes, pair in panels:
        _draw(axes, standing, pair)
    left_out = len(standing.points) - len(_near(standing, standing.points))
    beyond = _end(standing)
    note = f" ({left_out} points beyond {beyond:g} not shown)" if left_out else ""
    figure.suptitle(f"{title}, {words.figures(standing)}{note}")
    # Names are placed by pixels, so all else must have its place.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes, pair in panels:
        _annotate(axes, standing, pair)
    figure.savefig(path, format="png")


def _draw(axes: Any, standing: Standing, pair: tuple[int, int]) -> None:
    dominated, infeasible = _measured(standing)
    front = _near(standing, standing.front)
    axes.scatter(*_xy(dominated, pair), s=14, color="#9aa5b1", label="measured", zorder=2)
    if infeasible:
        axes.scatter(*_xy(infeasible, pair), s=22, marker="x", color="#c0392b", label="infeasible", zorder=2)
    if len(standing.objectives) == 2:
        axes.step(*_xy(front, pair), where="post", color="#1f6feb", linewidth=1.2, zorder=3)
    axes.scatter(*_xy(front, pair), s=34, color="#1f6feb", label="Pareto front", zorder=4)
    for point in front if standing.certainty else ():
        known = [standing.certainty[point.trial.number].values[place] for place in pair]
        end = _end(standing)
        bars = [[[i.value - i.low], [min(i.high, end) - min(i.value, end)]] for i in known]
        axes.errorbar(
            *_xy([point], pair), xerr=bars[0], yerr=bars[1], color="#1f6feb", linewidth=0.8, zorder=3
        )
    axes.set_xlabel(words.axis(standing, pair[0]))
    axes.set_ylabel(words.axis(standing, pair[1]))
    axes.grid(alpha=0.25)
    axes.set_xlim(left=-0.03 if standing.combine == "regret" else 0)
    axes.set_ylim(bottom=-0.03)
    axes.legend(frameon=False, loc="upper right")


def _annotate(axes: Any, standing: Standing, pair: tuple[int, int]) -> None:
    """Rings and names of what has one, each name where it covers neither another nor a ring."""
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    points = _near(standing, _marked(standing))
    places = [tuple(point.values[place] for place in pair) for point in points]
    renderer = axes.figure.canvas.get_renderer()
    taken = [axes.get_legend().get_window_extent(renderer)]
    for x, y in axes.transData.transform(places) if places else ():
        taken.append(Bbox.from_extents(x - 10, y - 10, x + 10, y + 10))
    for point, (x, y) in zip(points, places, strict=True):
        best = point == standing.recommended
        ring, ink = ("#2da44e", "#1a7f37") if best else ("#24292f", "#24292f")
        axes.scatter([x], [y], s=90, facecolors="none", edgecolors=ring, zorder=5)
        text = label(point, standing) + (f": {point.trial.configuration.policy}" if best else "")
        for away in _AWAY:
            name = axes.annotate(
                text,
                (x, y),
                xytext=away,
                textcoords="offset points",
                fontsize=8,
                ha="left" if away[0] > 0 else "right",
                color=ink,
                arrowprops={"arrowstyle": "-", "color": "#8c959f", "linewidth": 0.6},
                zorder=6,
            )
            name.update_positions(renderer)
            box = Text.get_window_extent(name, renderer)  # an annotation's own includes its arrow
            inside = axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1 and axes.bbox.y0 < box.y0 < axes.bbox.y1
            if (inside and not any(box.overlaps(other) for other in taken)) or away == _AWAY[-1]:
                taken.append(box)
                break
            name.remove()


def write_html(standing: Standing, path: Path, title: str) -> None:
    """The same as one page that works offline; hovering shows the configuration. Raises OSError."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    pairs = _pairs(standing)
    columns = min(len(pairs), 2)
    rows = -(-len(pairs) // columns)
    figure = make_subplots(rows=rows, cols=columns)
    dominated, infeasible = _measured(standing, near=False)
    star = {"size": 16, "symbol": "star-open", "color": "#1a7f37"}
    kinds: list[tuple[str, Sequence[Point], dict[str, Any]]] = [
        ("measured", dominated, {"mode": "markers", "marker": {"color": "#9aa5b1", "size": 6}}),
        (
            "infeasible",
            infeasible,
            {"mode": "markers", "marker": {"color": "#c0392b", "symbol": "x", "size": 7}},
        ),
        (
            "Pareto front",
            standing.front,
            {
                "mode": "lines+markers" if len(standing.objectives) == 2 else "markers",
                "line": {"shape": "hv"},
                "marker": {"size": 9, "color": "#1f6feb"},
            },
        ),
        *(
            (
                label(p, standing),
                [p],
                {"mode": "markers", "marker": {"size": 13, "symbol": "diamond-open", "color": color}},
            )
            for p, color in zip(_marked(standing), cycle(_NAMED), strict=False)
            if p != standing.recommended
        ),
        ("recommended", _recommended(standing), {"mode": "markers", "marker": star}),
    ]
    for number, pair in enumerate(pairs):
        row, column = number // columns + 1, number % columns + 1
        for name, points, style in kinds:
            x, y = _xy(points, pair)
            if name == "Pareto front" and standing.certainty:
                style = style | {
                    "error_x": _error(points, pair[0], standing),
                    "error_y": _error(points, pair[1], standing),
                }
            trace = go.Scatter(
                x=x,
                y=y,
                name=name,
                legendgroup=name,
                showlegend=number == 0,
                text=[_hover(p, standing) for p in points],
                hoverinfo="text",
                **style,
            )
            figure.add_trace(trace, row=row, col=column)
        near = _near(standing, [p for p in standing.points if p.feasible])
        for values, place, update in zip(
            _xy(near, pair), pair, (figure.update_xaxes, figure.update_yaxes), strict=True
        ):
            top = 1.05 * max([REFERENCE[standing.combine] / 2, *values])
            update(title=words.axis(standing, place), range=[-0.03, top], row=row, col=column)
    note = f"{words.figures(standing)}; a double click shows what lies beyond {_end(standing):g}"
    figure.update_layout(
        title=f"{title}<br><sup>{note}</sup>",
        template="plotly_white",
        height=None if rows == 1 else 520 * rows,
    )
    figure.write_html(path, include_plotlyjs=True, div_id="front")


def _error(points: Sequence[Point], place: int, standing: Standing) -> dict[str, Any]:
    """95 % intervals, as bars."""
    known = [standing.certainty[p.trial.number].values[place] for p in points]
    above, below = [i.high - i.value for i in known], [i.value - i.low for i in known]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1}


def _hover(point: Point, standing: Standing) -> str:
    trial = point.trial
    lines = [f"<b>{trial.configuration.policy}</b> (trial {trial.number}, {label(point, standing)})"]
    lines += [f"{name} = {value}" for name, value in trial.configuration.params]
    lines += [
        f"{name}: {words.point_value(point, place, standing)}"
        for place, name in enumerate(standing.objectives)
    ]
    named = label(point, standing) != "measured"
    lines += [
        f"{scenario}: " + ", ".join(f"{n} {words.amount(n, m, standing)}" for n in standing.objectives)
        for scenario, m in (point.measurements if named or len(point.measurements) <= _FEW else ())
    ]
    lines += [f"breaks {b.constraint} in {b.scenario}: {b.value}" for b in point.broken[:_FEW]]
    return "<br>".join(lines)


# -- what is drawn --


def _pairs(standing: Standing) -> list[tuple[int, int]]:
    return list(combinations(range(len(standing.objectives)), 2))


def _xy(points: Sequence[Point], pair: tuple[int, int]) -> tuple[list[float], list[float]]:
    return [p.values[pair[0]] for p in points], [p.values[pair[1]] for p in points]


def _end(standing: Standing) -> float:
    """Where axes end; what is recommended always lies before that."""
    best = standing.recommended.values if standing.recommended else ()
    return max([_BEYOND * REFERENCE[standing.combine], *(1.05 * value for value in best)])


def _near(standing: Standing, points: Sequence[Point]) -> list[Point]:
    beyond = _end(standing)
    return [p for p in points if all(value <= beyond for value in p.values)]


def _measured(standing: Standing, *, near: bool = True) -> tuple[list[Point], list[Point]]:
    """What is on no front, feasible and infeasible, evenly picked where it is too much to draw."""
    front = {p.trial.number for p in standing.front}
    points = [p for p in standing.points if p.trial.number not in front]
    points = _near(standing, points) if near else points
    points = points[:: -(-len(points) * len(_pairs(standing)) // _MAX_MEASURED) or 1]
    return [p for p in points if p.feasible], [p for p in points if not p.feasible]


def _recommended(standing: Standing) -> list[Point]:
    return [standing.recommended] if standing.recommended else []


def _marked(standing: Standing) -> list[Point]:
    named = [*standing.by_origin("baseline"), *standing.by_origin("preset:")]
    best = standing.recommended
    return [*(p for p in named if best is None or p.trial != best.trial), *_recommended(standing)]

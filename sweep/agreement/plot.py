"""Measured against simulated, metric by metric, coloured by policy: PNG by Matplotlib, a page by Plotly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sweep.agreement.assess import Pair
from sweep.agreement.model import Agreement
from sweep.trial import METRICS

BAND: Final = 0.15
"""Drawn on both sides of equality: a ratio error of 15 %."""

_COLORS: Final = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#222222"),
    *("#e69f00", "#009e73", "#7b4ea3", "#a05d2b", "#cc79a7", "#7f7f7f", "#0b6e4f"),
)
_COLUMNS: Final = 3


@dataclass(frozen=True, slots=True)
class _Panel:
    """One metric: pairs where both figures are above 0, as logarithmic axes need."""

    metric: str
    title: str
    pairs: tuple[Pair, ...]
    measured: tuple[float, ...]
    simulated: tuple[float, ...]

    @property
    def ends(self) -> tuple[float, float]:
        values = (*self.measured, *self.simulated)
        return min(values) / 1.3, max(values) * 1.3


def _panels(agreement: Agreement, pairs: Sequence[Pair], metrics: Sequence[str]) -> Iterator[_Panel]:
    known = {each.metric: each for each in agreement.part("all").metrics}
    for metric in metrics:
        if metric not in known:
            continue  # not measured
        figures = [(pair, pair.measured(metric), float(pair.simulated.get(metric))) for pair in pairs]
        there = [each for each in figures if each[1] > 0 and each[2] > 0]
        if not there:
            continue
        found = known[metric]
        error = "-" if found.median_error is None else f"{100 * found.median_error:.0f} %"
        rho = "-" if found.pooled.spearman is None else f"{found.pooled.spearman:.3f}"
        within = "-" if found.within_median.spearman is None else f"{found.within_median.spearman:.3f}"
        title = f"{metric}\nrank correlation {rho}, within workloads {within}; median error {error}"
        yield _Panel(
            metric,
            title,
            tuple(each for each, _, _ in there),
            tuple(value for _, value, _ in there),
            tuple(value for _, _, value in there),
        )


def _policies(pairs: Sequence[Pair]) -> dict[str, str]:
    names = sorted({pair.configuration.policy for pair in pairs})
    return {name: _COLORS[place % len(_COLORS)] for place, name in enumerate(names)}


def _label(metric: str, what: str) -> str:
    unit = METRICS[metric].unit
    return f"{what} ({unit})" if unit else what


def write_png(
    path: Path, title: str, agreement: Agreement, pairs: Sequence[Pair], metrics: Sequence[str]
) -> None:
    """A panel per metric. Filled: workloads used to find faults; rings: those held out. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    panels = list(_panels(agreement, pairs, metrics))
    colors = _policies(pairs)
    rows = max(-(-len(panels) // _COLUMNS), 1)
    figure = Figure(figsize=(5.4 * _COLUMNS, 5.0 * rows + 1.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for axes, panel in zip(grid, panels, strict=False):
        _draw(axes, panel, colors)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    marks = [
        Line2D([], [], marker="o", linestyle="", color=color, label=name) for name, color in colors.items()
    ]
    ring: dict[str, Any] = {"marker": "o", "linestyle": "", "color": "0.2"}
    marks += [
        Line2D([], [], **ring, label="workload used to find faults"),
        Line2D([], [], **ring, markerfacecolor="none", label="workload held out"),
        Line2D([], [], color="0.2", linewidth=1, label=f"equal; grey: within {100 * BAND:.0f} %"),
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=6, fontsize=9, frameon=False)
    figure.suptitle(title)
    figure.savefig(path, format="png")


def _draw(axes: Any, panel: _Panel, colors: dict[str, str]) -> None:
    ends = np.array(panel.ends)
    axes.fill_between(ends, ends / (1 + BAND), ends * (1 + BAND), color="0.88", zorder=0)
    axes.plot(ends, ends, color="0.2", linewidth=1, zorder=1)
    for policy, color in colors.items():
        for held_out in (False, True):
            there = [
                (x, y)
                for pair, x, y in zip(panel.pairs, panel.simulated, panel.measured, strict=True)
                if pair.configuration.policy == policy and (pair.role == "held_out") == held_out
            ]
            if there:
                x, y = zip(*there, strict=True)
                face = "none" if held_out else color
                axes.scatter(x, y, s=15, facecolors=face, edgecolors=color, linewidths=0.8, zorder=2)
    from matplotlib.ticker import LogFormatter, LogLocator, NullFormatter

    narrow = ends[1] / ends[0] < 300
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("log")
        if narrow:
            axis.set_major_locator(LogLocator(subs=(1, 3)))
            axis.set_major_formatter(LogFormatter(minor_thresholds=(9, 9)))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.set_xlabel(_label(panel.metric, "simulated"))
    axes.set_ylabel(_label(panel.metric, "measured"))
    axes.set_title(panel.title, fontsize=9)
    axes.grid(alpha=0.25)


def write_html(
    path: Path, title: str, agreement: Agreement, pairs: Sequence[Pair], metrics: Sequence[str]
) -> None:
    """The same as one page that works offline; hovering shows configuration and workload. Raises OSError."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    panels = list(_panels(agreement, pairs, metrics))
    colors = _policies(pairs)
    columns = 2
    rows = max(-(-len(panels) // columns), 1)
    titles = [panel.title.replace("\n", "<br>") for panel in panels]
    figure = make_subplots(rows=rows, cols=columns, subplot_titles=titles)
    figure.update_annotations(font_size=12)
    for number, panel in enumerate(panels):
        place = {"row": number // columns + 1, "col": number % columns + 1}
        low, high = panel.ends
        for factor, style in ((1.0, "solid"), (1 + BAND, "dot"), (1 / (1 + BAND), "dot")):
            line = go.Scatter(
                x=[low, high],
                y=[low * factor, high * factor],
                mode="lines",
                line={"color": "#555555", "width": 1, "dash": style},
                hoverinfo="skip",
                showlegend=False,
            )
            figure.add_trace(line, **place)
        for policy, color in colors.items():
            chosen = [i for i, pair in enumerate(panel.pairs) if pair.configuration.policy == policy]
            trace = go.Scatter(
                x=[panel.simulated[i] for i in chosen],
                y=[panel.measured[i] for i in chosen],
                name=policy,
                legendgroup=policy,
                showlegend=number == 0,
                mode="markers",
                marker={
                    "color": color,
                    "size": 6,
                    "symbol": [
                        "circle-open" if panel.pairs[i].role == "held_out" else "circle" for i in chosen
                    ],
                },
                text=[_hover(panel, i) for i in chosen],
                hoverinfo="text",
            )
            figure.add_trace(trace, **place)
        ends = [float(np.log10(low)), float(np.log10(high))]
        figure.update_xaxes(type="log", range=ends, title=_label(panel.metric, "simulated"), **place)
        figure.update_yaxes(type="log", range=ends, title=_label(panel.metric, "measured"), **place)
    note = f"line: equal; dots: {100 * BAND:.0f} % off; rings: workloads held out"
    figure.update_layout(
        title=f"{title}<br><sup>{note}</sup>", template="plotly_white", height=520 * rows + 160, margin_t=140
    )
    figure.write_html(path, include_plotlyjs=True, div_id="agreement")


def _hover(panel: _Panel, at: int) -> str:
    pair, measured, simulated = panel.pairs[at], panel.measured[at], panel.simulated[at]
    lines = [f"<b>{pair.configuration.policy}</b> on {pair.workload} ({pair.role.replace('_', ' ')})"]
    lines += [f"{name} = {value}" for name, value in pair.configuration.params]
    lines += [
        f"measured {measured:,.4g}, simulated {simulated:,.4g}: {measured / simulated:.3g} of it",
    ]
    return "<br>".join(lines)

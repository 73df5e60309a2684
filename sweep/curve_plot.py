"""The curve of the kernel itself as a picture: the share of removal, and what is retained over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sweep.backends.kernel.curve_points import MIN_COUNTED, CurvePoint

_COLORS = {"exit": "#4477aa", "munmap": "#ee6677"}
_STYLES = {False: "--", True: "-"}
_MIN_MS = 0.01
"""Where a logarithmic axis of time begins."""


def write(path: Path, title: str, points: Sequence[CurvePoint]) -> None:
    """A PNG. Raises OSError."""
    figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    shares, retained = figure.subplots(1, 2)
    _draw_shares(shares, points)
    _draw_retained(retained, points)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, format="png")


def _draw_shares(axes: Axes, points: Sequence[CurvePoint]) -> None:
    for how, touched in dict.fromkeys((p.how, p.touched) for p in points):
        own = [p for p in points if (p.how, p.touched) == (how, touched)]
        below = [100 * (p.share.value - p.share.low) for p in own]
        above = [100 * (p.share.high - p.share.value) for p in own]
        axes.errorbar(
            [p.n for p in own],
            [100 * p.share.value for p in own],
            yerr=(below, above),
            color=_COLORS[how],
            linestyle=_STYLES[touched],
            marker="o",
            markersize=4,
            capsize=3,
            label=f"{how}, {'a page in each area' if touched else 'no pages'}",
        )
    top = 140 * max(p.share.value for p in points)  # room for the legend
    axes.set(xscale="log", xlabel="areas", ylabel="removal of VMAs, % of the whole", ylim=(0, top))
    axes.grid(visible=True, alpha=0.25)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)


def _draw_retained(axes: Axes, points: Sequence[CurvePoint]) -> None:
    shown = [p for p in points if p.touched and p.n >= MIN_COUNTED]
    numbers = sorted({p.n for p in shown})
    for p in shown:
        axes.plot(
            [max(look.t_ns / 1e6, _MIN_MS) for look in p.looks],
            [100 * (look.vmas - p.looks[-1].vmas) / p.n for look in p.looks],
            color=colormaps["viridis"](0.85 * numbers.index(p.n) / len(numbers)),
            linestyle="-" if p.how == "munmap" else ":",
            marker=".",
            label=f"{p.how}, {p.n:,} areas",
        )
    axes.set(
        xscale="log",
        xlabel="emulated ms since the end",
        ylabel="vm_area_struct retained, % of the areas",
    )
    axes.grid(visible=True, alpha=0.25)
    if shown:
        axes.legend(fontsize=8, frameon=False)

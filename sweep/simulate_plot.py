"""A picture of one simulated trial: what was retained when, and the exits that brought it there."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sweep.backends.simulator import SimulationResult

_EXIT: Final = 1  # kind of a call record

_STATES: Final = (
    ("postponed_bytes", "postponed: not yet handed to RCU", "#4477aa"),
    ("waiting_bytes", "waiting for a grace period", "#ccbb44"),
    ("ready_bytes", "ready, not yet freed", "#ee6677"),
    ("overhead_bytes", "the policy's own memory for them", "#aa3377"),
)
_POINTS: Final = 500
_TIME_UNITS: Final = (("s", 1e9), ("ms", 1e6), ("µs", 1e3))
_SIZE_UNITS: Final = (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10))


def write_plot(path: Path, title: str, result: SimulationResult) -> None:
    """Write a PNG. `result` must have been simulated with a series interval.

    Raises ValueError where it was not; OSError where the file cannot be written.
    """
    if result.samples is None or result.calls is None:
        raise ValueError("a picture needs a series: simulate with series_interval_ns")
    samples = {name: _thinned(result.samples[name].to_numpy()) for name in result.samples.column_names}
    calls = {name: result.calls[name].to_numpy() for name in result.calls.column_names}
    exits = calls["kind"] == _EXIT

    figure = Figure(figsize=(11, 6.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    memory, marks = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    time_unit, time_scale = _unit(samples["t_ns"], _TIME_UNITS)
    _draw_memory(memory, samples, time_scale, result.measurement.retained_bytes.mean)
    _draw_exits(marks, calls["t_ns"][exits] / time_scale, calls["n"][exits])
    marks.set_xlabel(f"simulated time ({time_unit})")
    marks.set_xlim(0, max(float(samples["t_ns"].max(initial=0)) / time_scale, 1e-9))
    figure.suptitle(textwrap.fill(title, 110), fontsize=10)
    figure.savefig(path, format="png")


def _thinned(values: Any) -> Any:
    """Means of neighbours, so that no more points are drawn than can be told apart."""
    starts = np.arange(0, len(values), -(-len(values) // _POINTS) or 1)
    return np.add.reduceat(values, starts) / np.diff(starts, append=len(values)) if len(values) else values


def _unit(values: Any, candidates: tuple[tuple[str, float], ...]) -> tuple[str, float]:
    """The largest unit in which the largest value is at least 2, else the smallest."""
    top = float(values.max(initial=0))
    return next((unit for unit in candidates if top >= 2 * unit[1]), candidates[-1])


def _draw_memory(axes: Axes, samples: dict[str, Any], time_scale: float, mean_bytes: float) -> None:
    states = np.array([samples[name] for name, _, _ in _STATES], dtype=float)
    size_unit, size_scale = _unit(np.maximum(states.sum(axis=0), samples["pinned_slab_bytes"]), _SIZE_UNITS)
    t = samples["t_ns"] / time_scale
    axes.stackplot(
        t,
        states / size_scale,
        labels=[label for _, label, _ in _STATES],
        colors=[color for _, _, color in _STATES],
        linewidth=0,
    )
    pinned = samples["pinned_slab_bytes"] / size_scale
    axes.plot(
        t, pinned, color="black", linewidth=0.8, alpha=0.7, label="pinned slabs: pages without a live object"
    )
    axes.axhline(mean_bytes / size_scale, color="0.35", linestyle="--", linewidth=0.9, label="mean retained")
    axes.set_ylabel(f"dead memory ({size_unit})")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.25, linewidth=0.5)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.13), ncols=3, fontsize=8, frameon=False)


def _draw_exits(axes: Axes, t: Any, n: Any) -> None:
    axes.vlines(t, 0, n, color="#228833", linewidth=1.0 if len(t) <= 500 else 0.5)
    axes.set_ylabel("objects\nper exit")
    axes.set_ylim(bottom=0, top=max(float(n.max(initial=0)) * 1.1, 1))
    axes.grid(visible=True, axis="x", alpha=0.25, linewidth=0.5)
    if len(t) == 0:
        axes.text(0.5, 0.4, "no exits", transform=axes.transAxes, ha="center", fontsize=9, color="0.35")

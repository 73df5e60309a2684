"""Hypervolume over trials, with its spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

COLOURS = {
    "random": "#8c8c8c",
    "parzen": "#000000",
    "nsga2": "#0072b2",
    "tpe": "#009e73",
    "gp": "#cc79a7",
    "optuna-nsga2": "#e69f00",
    "optuna-tpe": "#d55e00",
}


def draw(name: str, size: int, curves: Mapping[str, list[list[float]]], path: Path) -> None:
    """Median and quartiles of each sampler's curves."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for sampler, runs in curves.items():
        length = max(map(len, runs))
        rows = np.array([[*run, *[run[-1]] * (length - len(run))] for run in runs])
        low, middle, high = np.quantile(rows, (0.25, 0.5, 0.75), axis=0)
        trials = np.arange(1, length + 1)
        axes.plot(trials, middle, color=COLOURS[sampler], label=sampler, linewidth=1.8)
        axes.fill_between(trials, low, high, color=COLOURS[sampler], alpha=0.18, linewidth=0)
    axes.axhline(0.99, color="black", linewidth=0.8, linestyle=":")
    axes.annotate("99 %", (1, 0.99), xytext=(4, 3), textcoords="offset points", fontsize=9)
    axes.set(
        title=f"{name}: {size:,} configurations, {len(next(iter(curves.values())))} seeds (median, quartiles)",
        xlabel="trials",
        ylabel="hypervolume / the true front's",
        ylim=(0.6, 1.005),
        xlim=(1, None),
    )
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)

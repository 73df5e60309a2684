"""Hypervolume against native time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt

COLOURS = {"ladder": "#0072b2", "nsga2": "#d55e00", "random": "#8c8c8c"}
NAMES = {"ladder": "ladder", "nsga2": "native only, nsga2", "random": "native only, random"}

Curve = Sequence[tuple[float, float]]


def draw(title: str, curves: Mapping[str, Sequence[Curve]], goal: float, path: Path) -> None:
    """A step for each batch that was told. goal: hypervolume to be reached, drawn as a line."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for way, runs in curves.items():
        for place, run in enumerate(runs):
            times, volumes = zip(*run, strict=True)
            label = NAMES[way] if place == 0 else None
            axes.step(times, volumes, where="post", color=COLOURS[way], label=label, linewidth=1.6)
    axes.axhline(goal, color="black", linewidth=0.8, linestyle=":")
    axes.annotate("95 % of nsga2's last", (0, goal), xytext=(4, 3), textcoords="offset points", fontsize=9)
    axes.set(
        title=title,
        xlabel="native time (s)",
        ylabel="hypervolume, by values measured once more",
        xlim=(0, None),
    )
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)

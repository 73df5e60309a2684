"""Share of the final hypervolume over native time."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
import numpy as np

from tests.bench.ladder.course import SHARE, Course, at
from tests.bench.ladder.race import UNTAUGHT

COLOURS: Final = {"ladder": "#0072b2", "nsga2": "#d55e00", "random": "#8c8c8c", UNTAUGHT: "#cc79a7"}
NAMES: Final = {
    "ladder": "ladder",
    "nsga2": "native only, nsga2",
    "random": "native only, random",
    UNTAUGHT: "native only, nsga2 without presets and defaults",
}
_STEPS: Final = 400
_LINE: Final = 80  # characters that fit above the plot


def draw(title: str, runs: Sequence[Mapping[str, Course]], path: Path) -> None:
    """The median over the runs and, of more than one, the quartiles."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    end_s = min(course[-1][0] for run in runs for course in run.values())
    times = np.linspace(0, end_s, _STEPS)
    for way in runs[0]:
        colour = COLOURS[way]
        shares = np.array([[at(run[way], float(time_s)) for time_s in times] for run in runs])
        low, middle, high = np.quantile(shares, (0.25, 0.5, 0.75), axis=0)
        axes.step(times, middle, where="post", color=colour, label=NAMES[way], linewidth=1.8)
        axes.fill_between(times, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
    axes.axhline(SHARE, color="black", linewidth=0.8, linestyle=":")
    many = f"median and quartiles of {len(runs)} seeds" if len(runs) > 1 else "one seed"
    axes.set(
        title=textwrap.fill(title, _LINE),
        xlabel="native time (s)",
        ylabel=f"share of the final hypervolume\n({many})",
        xlim=(0, end_s),
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)

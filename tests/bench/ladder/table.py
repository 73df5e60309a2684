"""When each way reached a goal, in words and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table

from tests.bench.ladder.course import SHARE, Course, reached


def table(runs: Sequence[Mapping[str, Course]], kind: str) -> Table:
    """Medians over the runs, with quartiles. kind: where native time was spent."""
    grid = Table(
        title=f"{kind}; seeds: {len(runs)}. Shares are of the final hypervolume; median (quartiles), for good",
        title_justify="left",
    )
    ways = list(runs[0])
    others = [way for way in ways if way != "ladder"]
    heads = (
        "share at the end",
        f"s to {SHARE:.0%}",
        *(f"s to {SHARE:.0%} of {way}'s end" for way in others),
    )
    grid.add_column("way")
    for head in heads:
        grid.add_column(head, justify="right")
    for way in ways:
        goals = [[SHARE] * len(runs), *([SHARE * run[other][-1][1] for run in runs] for other in others)]
        grid.add_row(
            way,
            _words([run[way][-1][1] for run in runs], "{:.3f}"),
            *(_times([reached(run[way], goal) for run, goal in zip(runs, of, strict=True)]) for of in goals),
        )
    return grid


def _times(times_s: Sequence[float]) -> str:
    return f"{_words(times_s, '{:.0f}')}, {sum(map(math.isfinite, times_s))} of {len(times_s)}"


def _words(values: Sequence[float], form: str) -> str:
    """Median and quartiles, each one of the values: there is no mean of a number and never."""
    found = np.quantile(values, (0.5, 0.25, 0.75), method="inverted_cdf")
    middle, low, high = ("never" if math.isinf(value) else form.format(value) for value in found)
    return middle if len(values) == 1 else f"{middle} ({low} .. {high})"

"""When each way reached a goal, in words and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table

from tests.bench.ladder.course import SHARE, Course, reached
from tests.bench.ladder.race import WAYS


def table(runs: Sequence[Mapping[str, Course]], kind: str) -> Table:
    """Medians over the runs, with quartiles. kind: where native time was spent."""
    grid = Table(title=f"{kind}; {len(runs)} seeds, median (quartiles)", title_justify="left")
    for head in (
        "way",
        "share of the final hypervolume at the end",
        f"s to {SHARE:.0%} of it",
        f"s to {SHARE:.0%} of what nsga2 ends with",
        "of nsga2's whole time",
    ):
        grid.add_column(head, justify="left" if head == "way" else "right")
    for way in WAYS:
        finals = [reached(run[way], SHARE) for run in runs]
        ends = [reached(run[way], SHARE * run["nsga2"][-1][1]) for run in runs]
        parts = [time_s / run["nsga2"][-1][0] for time_s, run in zip(ends, runs, strict=True)]
        grid.add_row(
            way,
            _words([run[way][-1][1] for run in runs], "{:.3f}"),
            f"{_words(finals, '{:.0f}')}, {sum(map(math.isfinite, finals))} of {len(runs)}",
            f"{_words(ends, '{:.0f}')}, {sum(map(math.isfinite, ends))} of {len(runs)}",
            _words(parts, "{:.0%}"),
        )
    return grid


def _words(values: Sequence[float], form: str) -> str:
    """Median and quartiles, each one of the values: there is no mean of a number and never."""
    found = np.quantile(values, (0.5, 0.25, 0.75), method="inverted_cdf")
    middle, low, high = ("never" if math.isinf(value) else form.format(value) for value in found)
    return f"{middle} ({low} .. {high})"

"""What a person reads first in MLflow: the recommendation, and where the rest is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from sweep.judge import Standing
from sweep.report import tables

_FILES: Final = {
    "report.html": "the report: why this one, what else was measured, what was infeasible",
    "front.html": "the front; hovering shows the configuration",
    "recommended.yaml": "the recommended configuration, to be fed back (`simulate --config`)",
    "trials.parquet": "every trial with every metric",
}
"""What is worth a link, most wanted first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study stands in MLflow, as its UI addresses it."""

    experiment_id: str
    run_id: str

    def page(self, *tail: str) -> str:
        """Of the study's run, from `#` on: the overview, or the tab and file of `tail`."""
        return "#/" + "/".join(("experiments", self.experiment_id, "runs", self.run_id, *tail))

    def comparison(self, run_ids: Sequence[str]) -> str:
        """The page that compares runs, with their parallel coordinates."""
        runs, experiments = json.dumps(list(run_ids)), json.dumps([self.experiment_id])
        return f"#/compare-runs?runs={quote(runs)}&experiments={quote(experiments)}"


def while_running(name: str) -> str:
    """Before there is a recommendation."""
    return (
        f"The study `{name}` is running. Its figures are **simulated**. *Model metrics* shows how the front "
        "grows; the recommendation, the front and the report come when it ends."
    )


def note(now: Standing, place: Place, files: Sequence[str], labelled_run_ids: Sequence[str]) -> str:
    """Markdown. files: names of the artifacts that are there."""
    lines = [f"**{tables.advice(now)}**", "", "Where to look:", ""]
    lines += [
        f"- [{name}]({place.page('artifacts', name)}): {text}"
        for name, text in _FILES.items()
        if name in files
    ]
    lines.append(f"- [Model metrics]({place.page('model-metrics')}): how the front grew with the trials")
    if labelled_run_ids:
        lines.append(
            f"- [Parallel coordinates]({place.comparison(labelled_run_ids)}) of the front, the baseline and "
            "what kernels do: the child runs of this one"
        )
    return "\n".join(lines)

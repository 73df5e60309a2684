"""The labelled points of a study side by side, as a shared view of the MLflow UI.

The UI keeps a view in a tag of the experiment, as JSON: what the Share button writes, uncompressed. Nothing
documents its form, which is MLflow 3.17's; the test in a browser tells when it changes. Another version shows
the runs without it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sweep.track.labelled import MAX_LABELLED

TAG: Final = "mlflow.sharedViewState."
_SECTION: Final = "labelled"


def view(run_id: str, objectives: Sequence[str]) -> str:
    """Parallel coordinates over the policy and the ratios to the baseline, and each pair of these against
    each other, of the child runs of `run_id`."""
    ratios = [f"{name}.ratio" for name in objectives]
    parallel: dict[str, object] = {
        "type": "PARALLEL",
        "selectedParams": ["policy"],
        "selectedMetrics": ratios,
    }
    scatters: list[dict[str, object]] = [
        {"type": "SCATTER", "xaxis": _axis(x), "yaxis": _axis(y)}
        for i, x in enumerate(ratios)
        for y in ratios[i + 1 :]
    ]
    common = {"runsCountToCompare": MAX_LABELLED, "metricSectionId": _SECTION, "deleted": False}
    charts = [
        {"uuid": f"{_SECTION}-{place}", "isGenerated": False, **common, **chart}
        for place, chart in enumerate([parallel, *scatters])
    ]
    section = {"uuid": _SECTION, "name": "Front, baseline and kernels", "columns": 2, "cardHeight": 460}
    state = {
        "searchFilter": f"tags.mlflow.parentRunId = '{run_id}'",
        "orderByKey": f"metrics.`{ratios[0]}`",  # ordered by time they would be folded into their parent
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": ["params.`policy`", *(f"metrics.`{name}`" for name in ratios)],
        "runsHiddenMode": "SHOW_ALL",
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
        "compareRunSections": [
            section | {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
        ],
        "compareRunCharts": charts,
    }
    return json.dumps(state)


def _axis(name: str) -> dict[str, str]:
    return {"type": "METRIC", "key": name}

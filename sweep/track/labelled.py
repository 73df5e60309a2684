"""The points of a study that people look at one by one, each with what is shown of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sweep.report import tables, words
from sweep.standing import Point, Standing

MAX_LABELLED: Final = 60
"""The MLflow UI is slow with more than about a hundred runs."""

MAX_METRICS: Final = 200
"""Of one point. Where all metrics of all scenarios are more, the objectives of each are shown."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A point as it is shown. Metrics: the mean ratio to the baseline by objective
    (`retained_bytes.mean.ratio`), of noisy ones with the ends of its interval (`.low`, `.high`) and the probability
    `on_front`, what the study judges by where that is another thing
    (`retained_bytes.mean.regret`), then what each scenario measured (`make-j2 on phone/retained_bytes.mean`)."""

    key: str  # of its configuration
    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def labelled(now: Standing, limit: int = MAX_LABELLED) -> list[Labelled]:
    """The recommended point, the baseline and what kernels do, and the front, the best known first; of a
    front that is too long, points that lie evenly on it."""
    rows = tables.rows(now)
    marked = [point for point in rows if tables.label(point, now) != "front"]
    marked.sort(key=lambda point: (point is not now.recommended, point.trial.origin != "baseline"))
    front = sorted((point for point in rows if point not in marked), key=lambda point: point.ratios)
    shown = [*marked, *_evenly(front, limit - len(marked))]
    return [_labelled(point, now) for point in shown[:limit]]


def _evenly(points: Sequence[Point], count: int) -> Sequence[Point]:
    if len(points) <= count:
        return points
    return [points[i * (len(points) - 1) // max(count - 1, 1)] for i in range(max(count, 0))]


def _labelled(point: Point, now: Standing) -> Labelled:
    configuration, label = point.trial.configuration, tables.label(point, now)
    values = [(f"{name}.ratio", r) for name, r in zip(now.objectives, point.ratios, strict=True)]
    if now.combine != "mean":
        values += [(f"{name}.{now.combine}", v) for name, v in zip(now.objectives, point.values, strict=True)]
    if known := now.certainty.get(point.trial.number):
        if known.on_front is not None:
            values.append(("on_front", known.on_front))
        what = "ratio" if now.combine == "mean" else now.combine
        for name, interval in zip(now.objectives, known.values, strict=True):
            values += [
                (f"{name}.{what}.low", interval.low),
                (f"{name}.{what}.high", interval.high),
            ]
    measured = [
        (scenario, name, float(value))
        for scenario, m in point.measurements
        for name, value in m.flat().items()
        if name not in now.unmeasured
    ]
    if len(measured) > MAX_METRICS:
        measured = [each for each in measured if each[1] in now.objectives]
    values += [(f"{_section(scenario)}/{name}", value) for scenario, name, value in measured]
    return Labelled(
        key=configuration.key(),
        name=f"{label}: {configuration}",
        tags={
            "label": label,
            "trial": str(point.trial.number),
            "origin": point.trial.origin,
            "feasible": str(point.feasible).lower(),
            "figures": words.figures(now),
        },
        params={"policy": configuration.policy}
        | {name: str(value).lower() for name, value in configuration.params},
        metrics=dict(values),
    )


def _section(scenario: str) -> str:
    """A scenario's name in the letters that MLflow takes in a metric's; a slash would end the section."""
    return re.sub(r"^\.+|[^\w.\- ]", "-", re.sub(r"\s*@\s*", " on ", scenario))

"""The files of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.backends.evaluator import Scenario
from sweep.report import page, plots, recommendation, tables
from sweep.report.bench import Bench
from sweep.report.charts import detailed
from sweep.report.evidence import Evidence
from sweep.report.facts import Facts, Place, gather
from sweep.standing import SIMULATED, Standing
from sweep.study import Study


def write(
    study: Study,
    scenarios: Sequence[Scenario],
    standing: Standing,
    course: Sequence[tuple[int, float]],
    evidence: Evidence,
    directory: Path,
) -> list[Path]:
    """Write the report of a study, and what belongs to it, into `directory`; the paths, report.html first.

    scenarios: in the study's order. standing: with its points. course: hypervolume after so many trials. What
    a report shows beyond the study's trials is measured here: the steps of the path from the baseline, and the
    course of the recommendation and of the baseline in each scenario. The same arguments give the same bytes.

    Raises OSError where a file cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    bench = Bench(study, scenarios, standing)
    facts = gather(study, scenarios, standing, course, evidence, bench)
    written = [directory / "report.html", directory / "report.md"]
    written[0].write_text(page.html(facts, _courses(facts, bench)), encoding="utf-8")
    written[1].write_text(page.markdown(facts), encoding="utf-8")
    recommended = recommendation.recommendation(study, scenarios, standing, evidence.measured_on)
    if recommended is not None:
        written.append(directory / "recommended.yaml")
        recommendation.write(recommended, written[-1])
    if standing.front:
        front = [directory / f"front.{suffix}" for suffix in ("parquet", "html", "png")]
        pq.write_table(tables.points_table(standing.front, standing), front[0])
        plots.write_html(standing, front[1], study.name)
        plots.write_png(standing, front[2], study.name)
        written += front
    return written


def _courses(facts: Facts, bench: Bench) -> list[tuple[Place, list[tuple[str, pa.Table]]]]:
    """Of the recommendation and the baseline, in each scenario that is shown in detail."""
    best, baseline = facts.standing.recommended, facts.standing.baseline
    if best is None or baseline is None or facts.standing.level != SIMULATED:
        return []
    shown = detailed(facts)
    scenarios = [place.scenario for place in shown]
    ours = bench.series(best.trial.configuration, scenarios)
    theirs = bench.series(baseline.trial.configuration, scenarios)
    return [
        (place, [("recommended", a), ("baseline", b)])
        for place, a, b in zip(shown, ours, theirs, strict=True)
    ]

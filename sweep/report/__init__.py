"""What a study leaves behind for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.report.evidence import Evidence

if TYPE_CHECKING:
    from sweep.backends.evaluator import Scenario
    from sweep.judge import Standing
    from sweep.study import Study

__all__ = ["Evidence", "write"]


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
    from sweep.report import files

    return files.write(study, scenarios, standing, course, evidence, directory)

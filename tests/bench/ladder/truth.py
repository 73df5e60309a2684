"""True values of what was shown as a front: measured once more, after the race and apart from it.

A front of noisy points is chosen for its good values, so those values are too good. What is measured again is not
chosen by what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sweep.execute.port import Evaluate, Task, attempt
from sweep.judge import judge
from sweep.store.files import FileStore
from sweep.study import Study
from sweep.trial import Attempt, Configuration, Trial


def measured(
    study: Study, evaluate: Evaluate, wanted: Iterable[Configuration], baseline: Configuration, place: Path
) -> dict[Configuration, tuple[float, ...]]:
    """Values of those that keep the constraints. What `place` holds already is not measured again."""
    store = FileStore(place)
    try:
        found = {a.trial.configuration: a for a in store.attempts()}
        for configuration in dict.fromkeys([baseline, *wanted]):
            if configuration not in found:
                origin = "sampler" if found else "baseline"
                made = attempt(evaluate, Task(Trial(len(found), configuration, origin)), "here")
                store.append([made])
                found[configuration] = made
    finally:
        store.close()
    return _values(study, list(found.values()))


def _values(study: Study, attempts: list[Attempt]) -> dict[Configuration, tuple[float, ...]]:
    now = judge(attempts, study.objectives, study.combine, study.bounds(), study.space())
    return {p.trial.configuration: p.values for p in now.points if p.feasible}

"""A ladder's lower level, as a study of its own."""

from __future__ import annotations

from typing import Final

from sweep.study import Budget, Study

SUFFIX: Final = ".simulator"
_BATCH_SIZE: Final = 16  # as of any simulated study: its workers are many and its trials short


def simulated(study: Study) -> Study:
    """The same question asked of the simulator. It is kept, resumed and reported like any other study, beside the
    one that is measured."""
    return study.model_copy(
        update={
            "name": study.name + SUFFIX,
            "description": f"What {study.name} chooses from, simulated",
            "backend": "simulator",
            "native": None,
            "ladder": None,
            "promotion": None,
            "budget": Budget(trials=study.budget.trials, wall_time_s=study.budget.wall_time_s),
            "batch_size": max(study.batch_size, _BATCH_SIZE),
        }
    )

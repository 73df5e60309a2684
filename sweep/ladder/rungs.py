"""The levels of a ladder: each but the last as a study of its own, and what goes from one to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sweep import machine
from sweep.agreement import model as agreement
from sweep.agreement.model import Agreement, AgreementError
from sweep.ladder.errors import STATED, Error, ErrorModel, Prior
from sweep.ladder.promote import Promoter, Rules
from sweep.levels import Backend, Budget
from sweep.propose import Observation, Proposer, make
from sweep.standing import REFERENCE, Standing
from sweep.study import Study

MAX_WEIGHT: Final = 20.0
"""Of an agreement, in configurations measured at both levels: its sample lies all over the space, and what is
promoted lies where the simulator says that the front is."""

MIN_SPREAD: Final = 0.02
"""Of an agreement: no simulator is exact."""

_BATCH_SIZE: Final = 16  # as of any simulated study: its workers are many and its trials short


def below(study: Study) -> Study:
    """The same question asked of the level below the last: of the simulator, or of a shorter ladder. It is kept, resumed
    and reported like any other study, beside the one that is measured."""
    assert study.ladder is not None
    lower: tuple[Backend, ...] = study.ladder[:-1]
    return _simulated(study) if len(lower) == 1 else _shorter(study, lower[-1], study.backend)


def _simulated(study: Study) -> Study:
    return study.model_copy(
        update={
            "name": f"{study.name}.simulator",
            "description": f"What {study.name} chooses from, simulated",
            "backend": "simulator",
            "native": None,
            "kernel": None,
            "ladder": None,
            "promotion": None,
            "budget": Budget(trials=study.budget.trials, wall_time_s=study.budget.wall_time_s),
            "batch_size": max(study.batch_size, _BATCH_SIZE),
        }
    )


def _shorter(study: Study, level: Backend, last: Backend) -> Study:
    without = {f"{last}_time_s": None, f"{last}_blocks": None}
    return study.model_copy(
        update={
            "name": f"{study.name}.{level}",
            "description": f"What {study.name} chooses from, measured at level {level}",
            "backend": level,
            "ladder": ("simulator", level),
            last: None,
            "budget": study.budget.model_copy(update=without),
        }
    )


def promoter(study: Study, below: Standing, host: str) -> Promoter:
    """Chooses what a ladder measures at its last level. below: how the study of the level below stands, with points;
    host: key of the fingerprint of the machine that measures.

    Raises AgreementError where the agreement that the study names is not one of this machine and these
    objectives, and ValueError as `propose.make`.
    """
    how, reference = study.how_promoted(), REFERENCE[study.combine]

    def sampler() -> Proposer:
        nr_objectives = len(study.objectives)
        return make(study.sampler, study.space(), nr_objectives, study.seed, study.population, reference)

    sampler()
    # The baseline is 1 at both levels, whatever the simulator's error.
    points = [p for p in below.points if p.trial.origin != "baseline"]
    return Promoter(
        study.space(),
        [Observation(p.trial.configuration, p.values, p.excess) for p in points],
        ErrorModel(priors(study, host)),
        Rules(how.min_correlation, how.judge_after, how.repeats, reference),
        sampler,
        study.seed,
    )


def priors(study: Study, host: str) -> list[Prior]:
    """Of each objective: as the agreement says that the study names, or as stated. Raises AgreementError."""
    path = study.how_promoted().agreement
    if path is None or study.levels[-2:] == ("native", "kernel"):
        # An agreement says how the simulator errs, not how user space differs from a kernel.
        return [STATED] * len(study.objectives)
    found = agreement.load(Path(path))
    if found.machine_key != host:
        raise AgreementError(
            f"{path}: measured on another machine (fingerprint {found.machine_key}) than this one ({host}); run "
            "`python -m sweep agree` here, or leave promotion.agreement out"
        )
    profiles = [machine.load(name).name for name in study.machines]
    if found.machine not in profiles:
        raise AgreementError(
            f"{path}: tells how profile {found.machine} errs, and this study simulates {', '.join(profiles)}"
        )
    return [_prior(found, name, path) for name in study.objectives]


def _prior(found: Agreement, name: str, path: str) -> Prior:
    try:
        known = found.part("all").metric(name)
    except KeyError:
        raise AgreementError(f"{path}: does not compare {name}, which is an objective here") from None
    error = known.relative
    return Prior(Error(error.bias, max(error.spread, MIN_SPREAD)), min(float(error.pairs), MAX_WEIGHT))

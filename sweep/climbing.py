"""The studies of a ladder in a store, and what is known of the way from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sweep import kept as keeping
from sweep import ladder
from sweep.agreement.model import AgreementError
from sweep.judge import Judge
from sweep.kept import Kept
from sweep.ladder import Climb, Promoter
from sweep.study_file import StudyError
from sweep.trial import Attempt


def below(kept: Kept) -> Kept:
    """The study of the level below a ladder's last. Raises StudyError where it is not in the store."""
    return keeping.find(kept.directory.parent, ladder.below(kept.study).name)


def promoter(kept: Kept) -> Promoter:
    """Chooses what is measured next, told nothing of what was measured. Raises StudyError, StoreError and
    AgreementError."""
    host = kept.host.key() if kept.host else ""
    try:
        return ladder.promoter(kept.study, below(kept).standing(), host)
    except (ValueError, ImportError) as error:
        if isinstance(error, StudyError | AgreementError):
            raise
        raise StudyError(f"sampler {kept.study.sampler}: {error}") from error


def climb(kept: Kept, attempts: Sequence[Attempt]) -> Climb | None:
    """How far a ladder was climbed; None where nothing was measured yet, or of another study. Raises as
    `promoter`."""
    study = kept.study
    settled = sorted((a for a in attempts if a.settles), key=lambda a: a.trial.number)
    if study.ladder is None or not settled or settled[0].trial.number or settled[0].failure is not None:
        return None
    batches = [list(batch) for _, batch in groupby(settled, lambda a: a.trial.number // study.batch_size)]
    lower = below(kept)
    judge = Judge(study.objectives, study.combine, study.bounds(), study.space())
    return ladder.climb(lower.study.name, lower.standing(), promoter(kept), judge, batches)

"""How a ladder was climbed, as values for those who tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sweep.judge import Judge, observed
from sweep.ladder.errors import Error
from sweep.ladder.promote import Promoter
from sweep.standing import Standing
from sweep.trial import Attempt, Configuration

_LIKELY: Final = 0.1
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Climb:
    """simulated: configurations that were simulated, and their values over all scenarios, by key. promoted: how
    many of them were measured, of those that the study may choose or compares with. beyond: measured ones that
    were never simulated. errors: of each objective, log(measured / simulated) as it is known now;
    correlation: Spearman's, over what was measured at both levels, corrected for noise. stopped: why promotion
    has stopped, if it has. chances: of the likeliest candidates that were not measured, the probability to be on the front.
    """

    study: str
    simulated: Mapping[str, tuple[float, ...]]
    promoted: int
    beyond: int
    errors: tuple[Error, ...]
    correlation: tuple[float | None, ...]
    stopped: str
    chances: tuple[tuple[Configuration, float], ...]


def climb(
    study: str, below: Standing, promoter: Promoter, judge: Judge, batches: Sequence[Sequence[Attempt]]
) -> Climb:
    """From the settled attempts at the upper level, in the batches in which they were told. promoter, judge:
    told nothing yet. study: name of the simulated one."""
    for batch in batches:
        promoter.observe(observed(judge, batch, ()))
    simulated = {p.trial.configuration.key(): p.values for p in below.points}
    now = judge.standing()
    beyond = sum(p.trial.configuration.key() not in simulated for p in now.points)
    chances = sorted(promoter.chances().items(), key=lambda item: -item[1])
    return Climb(
        study,
        simulated,
        now.measured - beyond,
        beyond,
        promoter.errors.overall(),
        promoter.errors.correlation(),
        promoter.stopped,
        tuple((configuration, share) for configuration, share in chances if share >= _LIKELY)[:_SHOWN],
    )

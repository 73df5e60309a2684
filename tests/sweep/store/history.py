"""A history of attempts to write, and to compare with what is found afterwards."""

import dataclasses
from functools import cache

from sweep.trial import Attempt, Cause, Failure
from tests.sweep.conftest import attempt


def old() -> list[Attempt]:
    """What stands in the directories version-1 and version-2, which those versions of the store wrote."""
    lost = dataclasses.replace(attempt(2), failure=Failure(Cause.NODE_LOST, "node ä lost"), measurements=())
    bound = attempt(3)
    bound = dataclasses.replace(
        bound, failure=Failure(Cause.CONFIGURATION, "bound exceeded"), measurements=bound.measurements[:1]
    )
    return [attempt(0), attempt(1), lost, attempt(2, 1), bound, attempt(4), attempt(5)]


@cache
def history(count: int) -> tuple[Attempt, ...]:
    """So many trials; every seventh one lost its node the first time, every eleventh failed by itself."""
    made = []
    for trial in range(count):
        if trial % 7 == 3:
            lost = Failure(Cause.NODE_LOST, "gone")
            made.append(dataclasses.replace(attempt(trial), failure=lost, measurements=(), worker="b/2"))
        last = attempt(trial, int(trial % 7 == 3))
        if trial % 11 == 5:
            failure = Failure(Cause.CONFIGURATION, f"bound {trial} exceeded")
            last = dataclasses.replace(last, failure=failure, measurements=last.measurements[: trial % 2])
        made.append(last)
    return tuple(made)

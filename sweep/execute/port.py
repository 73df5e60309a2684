"""What every executor promises."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from sweep.backends.evaluator import EvaluationError
from sweep.trial import Attempt, Cause, Configuration, Failure, Measurement, Trial

Evaluate: TypeAlias = Callable[[Configuration], tuple[tuple[str, Measurement], ...]]
"""Measures a configuration in every scenario; raises EvaluationError where it fails by itself."""

MAX_ATTEMPTS: Final = 3
"""Tries at a trial in one run, for as long as machines are what fails."""

NO_ATTEMPTS: Final[Mapping[int, int]] = MappingProxyType({})


def never() -> bool:
    """Go on until all trials have ended."""
    return False


class ExecutorError(RuntimeError):
    """No workers could be started, or a cluster could not be joined."""


class Executor(ABC):
    """Runs trials.

    * Every trial given to `run` comes back settled exactly once, or with its last allowed attempt.
    * Attempts come in the order in which they end, each as soon as it has ended.
    * Once `stop()` is true nothing new is begun; what is running still comes back.
    * An attempt that a machine failed (a crash, a lost node, no memory) is made again elsewhere, at most
      MAX_ATTEMPTS times; each is yielded with its cause. A configuration's own failure is final.
    """

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many trials run at once."""

    @abstractmethod
    def run(
        self,
        trials: Sequence[Trial],
        *,
        made_before: Mapping[int, int] = NO_ATTEMPTS,
        stop: Callable[[], bool] = never,
    ) -> Iterator[Attempt]:
        """Run these and yield attempts as they end.

        made_before: attempts made in earlier runs by trial number; new ones are numbered after them.
        """

    @abstractmethod
    def close(self) -> None:
        """End the workers; may be called twice."""


def attempt(
    evaluate: Evaluate, trial: Trial, number: int, worker: str, clock: Callable[[], float] = time.time
) -> Attempt:
    """One try here and now."""
    started = clock()
    failure = None
    measurements: tuple[tuple[str, Measurement], ...] = ()
    try:
        measurements = evaluate(trial.configuration)
    except EvaluationError as error:
        failure = Failure(Cause.CONFIGURATION, str(error))
    except MemoryError as error:
        failure = Failure(Cause.OUT_OF_MEMORY, str(error) or "out of memory")
    except (
        Exception
    ) as error:  # a defect of ours or of the installation: nothing that the sampler should learn
        failure = Failure(Cause.ENVIRONMENT, f"{type(error).__name__}: {error}")
    return Attempt(trial, number, measurements, failure, worker, started, clock() - started)

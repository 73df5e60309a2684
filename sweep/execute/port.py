"""What every executor promises."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from sweep.backends.evaluator import Evaluation, EvaluationError
from sweep.trial import Attempt, Cause, Configuration, Evidence, Failure, Measurement, Trial

Evaluate: TypeAlias = Callable[[Configuration, Mapping[str, Measurement]], Evaluation]
"""Measures a configuration in every scenario but those given, and returns all, in the study's order, with the
evidence of what it measured with noise; raises EvaluationError where it fails, with the cause."""

MAX_ATTEMPTS: Final = 3
"""Tries at a trial in one run, for as long as machines are what fails."""


class ExecutorError(RuntimeError):
    """No workers could be started, or a cluster could not be joined."""


@dataclass(frozen=True, slots=True)
class Task:
    """A trial to be run.

    number: of its first attempt here. have: scenarios that were measured before, which are not measured
    again; evidence: what those rest on, where they were noisy.
    """

    trial: Trial
    number: int = 0
    have: tuple[tuple[str, Measurement], ...] = ()
    evidence: tuple[tuple[str, Evidence], ...] = ()


class Executor(ABC):
    """Runs trials. Used by one thread.

    * Every task submitted comes back settled exactly once, or with its last allowed attempt, unless it was
      withdrawn before it began.
    * Attempts come in the order in which they end. Which worker runs what, and when, changes nothing in
      what is measured.
    * An attempt that a machine failed (a crash, a lost node, no memory) is made again elsewhere, at most
      MAX_ATTEMPTS times; each is returned with its cause. A configuration's own failure is final.
    """

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many trials run at once."""

    @abstractmethod
    def submit(self, tasks: Sequence[Task]) -> None:
        """Queue these after what is queued already. Never waits for a trial."""

    @abstractmethod
    def collect(self, timeout_s: float | None = None) -> list[Attempt]:
        """Attempts that have ended and were not collected yet. Waits until there is one, at most
        `timeout_s`. Empty when that is over, or when nothing is queued or running."""

    @property
    @abstractmethod
    def pending(self) -> bool:
        """Whether anything is queued, running, or ended and not collected yet."""

    @abstractmethod
    def withdraw(self) -> None:
        """Forget what has not begun, retries too. What is running still comes back."""

    @abstractmethod
    def all_busy(self) -> float:
        """The part of the time, from the first submit to the last attempt's end, in which no worker waited
        for a trial; 0 .. 1."""

    @abstractmethod
    def close(self) -> None:
        """End the workers; may be called twice."""


def attempt(evaluate: Evaluate, task: Task, worker: str, clock: Callable[[], float] = time.time) -> Attempt:
    """One try here and now."""
    started = clock()
    failure = None
    found = Evaluation(())
    try:
        found = evaluate(task.trial.configuration, dict(task.have))
    except EvaluationError as error:
        failure = Failure(error.cause, str(error))
    except MemoryError as error:
        failure = Failure(Cause.OUT_OF_MEMORY, str(error) or "out of memory")
    except (
        Exception
    ) as error:  # a defect of ours or of the installation: nothing that the sampler should learn
        failure = Failure(Cause.ENVIRONMENT, f"{type(error).__name__}: {error}")
    elapsed_s = clock() - started
    rests_on = dict(task.evidence) | dict(found.evidence)
    evidence = tuple((name, rests_on[name]) for name, _ in found.measurements if name in rests_on)
    return Attempt(task.trial, task.number, found.measurements, failure, worker, started, elapsed_s, evidence)

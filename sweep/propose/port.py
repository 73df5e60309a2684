"""What every proposer promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sweep.trial import Trial


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial came to: objectives to be minimised, or None where it failed by itself.

    violations: objects freed while a reader could hold them; the trial is feasible only with 0.
    """

    objectives: tuple[float, ...] | None
    violations: int = 0


class Proposer(ABC):
    """Proposes configurations.

    * Trials are numbered from 0 in the order of asking; every parameter has a value within its bounds.
    * The same seed, and the same outcomes told in the same order, give the same trials.
    * A trial is told once, and only after it was asked; failures of machines are never told.
    """

    @abstractmethod
    def ask(self, count: int) -> list[Trial]:
        """The next `count` trials."""

    @abstractmethod
    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """What that trial came to. Raises ValueError for one not asked, or told before."""

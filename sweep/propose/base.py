"""The port: what a proposer is told and what it guarantees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from sweep.trial import Configuration


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of a configuration, as far as a proposer is concerned.

    values: the objectives, finite, smaller is better. excess: how far the constraints are exceeded;
    feasible at 0 or below.
    """

    configuration: Configuration
    values: tuple[float, ...]
    excess: float = 0.0

    @property
    def feasible(self) -> bool:
        return self.excess <= 0


class Proposer(ABC):
    """Decides which configurations to try next. Used by one thread.

    Guarantees of every implementation:

    * What `ask` returns depends on the seed, the space, the numbers asked for, and what was observed
      before, in its order; not on time, on process, or on what else was asked. So a proposer that is told
      the history from a store goes on exactly where another one stopped, and a batch whose answers
      were lost is asked again.
    * Configurations are in the space and complete; parameters that do not matter stand at their defaults.
    * No configuration comes twice in a batch or after it was observed, while the space has others
      that a bounded number of draws finds.
    * Anything in the space may be observed, whoever proposed it. What lies outside is ignored.
    """

    @abstractmethod
    def ask(self, numbers: Sequence[int]) -> list[Configuration]:
        """A configuration for each of these trial numbers."""

    @abstractmethod
    def observe(self, observations: Sequence[Observation]) -> None:
        """Learn from finished trials, in this order.

        Raises ValueError where the values are not finite or not as many as the objectives.
        """

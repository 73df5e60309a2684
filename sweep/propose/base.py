"""The port: what a proposer is told and what it guarantees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from sweep.trial import Configuration


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of a configuration, as far as a proposer is concerned.

    values: the objectives, finite, smaller is better; none where the trial failed, which says only that it
    is not to be proposed again. excess: how far the constraints are exceeded; feasible at 0 or below. spreads: of
    noisy values, the standard deviations of their logarithms; none where they are exact.
    """

    configuration: Configuration
    values: tuple[float, ...]
    excess: float = 0.0
    spreads: tuple[float, ...] = ()

    @property
    def feasible(self) -> bool:
        return self.excess <= 0


class Proposer(ABC):
    """Decides which configurations to try next. Used by one thread.

    Guarantees of every implementation:

    * What `ask` returns depends on the seed, the space, its arguments, and what was observed before, in
      its order; not on time, on process, or on what else was asked. So a proposer that is told the
      history from a store goes on exactly where another one stopped, without asking again for what
      is in the store.
    * Configurations are in the space and complete; parameters that do not matter stand at their defaults.
    * No configuration comes twice in a batch, while it is pending, or after it was observed.
    * Anything in the space may be observed, whoever proposed it. What lies outside is ignored.
    * A configuration that is observed again takes the new values: under regret they change as better
      ones are found.
    * What `ask` looks through is bounded: its cost does not grow with the number of observations.
      (Where a sampler's model needs the history, the bound is said in its docstring.)
    """

    @abstractmethod
    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        """A configuration for each of these trial numbers, in their order; fewer only where the space has
        no others left.

        pending: asked for earlier, and not observed yet.
        """

    @abstractmethod
    def observe(self, observations: Sequence[Observation]) -> None:
        """Learn from finished trials, in this order; in how many calls makes no difference.

        Raises ValueError where the values are not finite or not as many as the objectives.
        """

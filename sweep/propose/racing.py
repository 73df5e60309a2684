"""Which policy next: every one that may have something to give, and rarely one that has not.

A policy is given up, nearly, when even its best values, all of them together in one point and a little better
than they are, would be dominated.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import le
from random import Random

from sweep.propose.genome import Genome
from sweep.propose.unseen import Seen, Unseen

_OPTIMISM = 0.05  # how much better than what was seen a policy is taken to become
_HOPELESS = 0.02  # the weight of a policy that would be dominated even so
_TRIES = 3  # of a policy of which nothing feasible is known

Values = tuple[float, ...]


class Race:
    """Each policy's best values so far, whatever the number of its trials."""

    def __init__(self, genome: Genome, seen: Seen) -> None:
        self._genome = genome
        self._seen = seen
        self._ideal: dict[str, Values] = {}

    def learn(self, policy: str, values: Values) -> None:
        """A feasible configuration of that policy has these."""
        self._ideal[policy] = tuple(map(min, self._ideal.get(policy, values), values))

    def hopeful(self, front: Sequence[Values]) -> set[str]:
        """Policies that may still add to this front."""
        return {policy for policy in self._genome.axes if self._may_add(policy, front)}

    def _may_add(self, policy: str, front: Sequence[Values]) -> bool:
        ideal = self._ideal.get(policy)
        if ideal is None:
            return self._seen.used(policy) < _TRIES
        hoped = [value * (1 - _OPTIMISM) for value in ideal]
        return not any(all(map(le, each, hoped)) for each in front)

    def draw(self, hopeful: set[str], unseen: Unseen, random: Random) -> str:
        """A policy that has something left: the more parameters it has and the fewer trials it had, the
        more likely."""
        policies = unseen.policies()
        weights = [
            (1.0 if policy in hopeful else _HOPELESS)
            * max(len(self._genome.axes[policy]), 1)
            / (1 + self._seen.used(policy))
            for policy in policies
        ]
        return random.choices(policies, weights)[0]

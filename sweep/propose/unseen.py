"""What may still be proposed: nothing comes twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

from sweep.propose.space import Space
from sweep.trial import Configuration

_DRAWS = 20  # before looking through what is left


class Seen:
    """The configurations that were observed, as counts and short keys: two parameters that differ where it does
    not matter are the same."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._keys: set[str] = set()
        self._used: Counter[str] = Counter()
        self._count = {policy: space.count(policy) for policy in space.policies}

    def add(self, configuration: Configuration) -> None:
        """One that is in the space."""
        key = self._key(configuration)
        if key not in self._keys:
            self._keys.add(key)
            self._used[configuration.policy] += 1

    def __contains__(self, configuration: object) -> bool:
        return isinstance(configuration, Configuration) and self._key(configuration) in self._keys

    def unseen(self, pending: Iterable[Configuration]) -> Unseen:
        """For one batch."""
        return Unseen(self, pending)

    def left(self, policy: str) -> int:
        """How many of a policy's configurations were not observed."""
        return self._count[policy] - self._used[policy]

    def _key(self, configuration: Configuration) -> str:
        return self.space.canonical(configuration.policy, configuration.mapping()).key()


class Unseen:
    """What is left for one batch: neither observed, nor pending, nor in the batch already."""

    def __init__(self, seen: Seen, pending: Iterable[Configuration]) -> None:
        self._seen = seen
        self._taken: set[Configuration] = set()
        self._left = {policy: seen.left(policy) for policy in seen.space.policies}
        for each in pending:
            if each in seen.space:
                each = seen.space.canonical(each.policy, each.mapping())
                if each not in seen:
                    self.take(each)

    def policies(self) -> list[str]:
        """Those that have something left."""
        return [policy for policy, left in self._left.items() if left > 0]

    def left(self, policy: str) -> int:
        """How many of that policy's configurations may still be proposed."""
        return self._left[policy]

    def __contains__(self, configuration: Configuration) -> bool:
        return configuration not in self._taken and configuration not in self._seen

    def take(self, configuration: Configuration) -> None:
        """It is in the batch, or pending."""
        if configuration not in self._taken:
            self._taken.add(configuration)
            self._left[configuration.policy] -= 1

    def first(self, policy: str, draw: Callable[[], Configuration], random: Random) -> Configuration:
        """The first of some draws that is left, else one of the policy's that is; it is taken.

        policy: one that has something left. Looks further than a few draws only where most is used up.
        """
        for _ in range(_DRAWS):
            configuration = draw()
            if configuration in self:
                break
        else:
            configuration = self._any(policy, random)
        self.take(configuration)
        return configuration

    def _any(self, policy: str, random: Random) -> Configuration:
        space = self._seen.space
        count = space.count(policy)
        first = random.randrange(count)
        return next(
            configuration
            for step in range(count)
            if (configuration := space.nth(policy, (first + step) % count)) in self
        )

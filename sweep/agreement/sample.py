"""Configurations over all policies: defaults, what kernels do, and points spread over every parameter."""

from __future__ import annotations

from itertools import count

import policies
from sweep.propose import Range, Space
from sweep.propose.genome import Genome
from sweep.propose.start import Start
from sweep.propose.unseen import Seen
from sweep.trial import Configuration


def baseline() -> Configuration:
    """What every configuration is compared to."""
    return Configuration.of(policies.BASELINE, policies.policy(policies.BASELINE).defaults())


def configurations(nr: int, seed: int) -> tuple[Configuration, ...]:
    """`nr` distinct ones, the baseline first; the same for the same seed.

    Every policy's defaults and every preset, then a Latin hypercube over the parameters of each policy, in turn
    over the policies; further ones while these do not suffice. Raises ValueError where `nr` is fewer than there
    are policies and presets, or more than there are configurations.
    """
    space = Space(
        {name: tuple(map(Range.whole, policy.params)) for name, policy in policies.catalogue().items()}
    )
    presets = (Configuration.of(each.policy, dict(each.params)) for each in policies.presets().values())
    named = dict.fromkeys([baseline(), *map(space.start, space.policies), *presets])
    if not len(named) <= nr <= space.size():
        raise ValueError(
            f"{nr} configurations: expected {len(named)} (defaults and presets) to {space.size():,}"
        )
    genome = Genome(space)
    chosen = list(named)
    for again in count():
        if len(chosen) >= nr:
            return tuple(chosen[:nr])
        unseen = Seen(space, genome).unseen(chosen)
        chosen += Start(genome, seed + again, per_parameter=2, at_most=nr).next(
            nr - len(chosen), set(space.policies), unseen
        )
    raise AssertionError

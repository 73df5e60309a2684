"""Samplers by their names in a study."""

from __future__ import annotations

import math
from typing import Final

from sweep.propose.base import Proposer
from sweep.propose.space import Space

SAMPLERS: Final = ("parzen", "nsga2", "tpe", "gp", "random", "grid")


def make(
    sampler: str, space: Space, nr_objectives: int, seed: int, population: int, reference: float = math.inf
) -> Proposer:
    """The proposer of that name; what only one of them needs is imported here.

    population: of nsga2. reference: values above it are worth nothing, as for the hypervolume. Raises
    ValueError for an unknown name, where the sampler does not take the space, and where a library is missing.
    """
    if sampler == "random":
        from sweep.propose.blind import RandomProposer

        return RandomProposer(space, nr_objectives, seed)
    if sampler == "grid":
        from sweep.propose.blind import GridProposer

        return GridProposer(space, nr_objectives, seed)
    if sampler == "parzen":
        from sweep.propose.parzen import Parzen

        return Parzen(space, nr_objectives, seed, reference)
    if sampler == "nsga2":
        from sweep.propose.evolution import Evolution

        return Evolution(space, nr_objectives, seed, population, reference)
    if sampler in ("tpe", "gp"):
        from sweep.propose.model import ModelProposer

        return ModelProposer("gp" if sampler == "gp" else "tpe", space, nr_objectives, seed, reference)
    raise ValueError(f"there is no sampler {sampler!r}; known: {', '.join(SAMPLERS)}")

"""The few points of a front that make most of its hypervolume."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweep.propose.individual import Individual

_SAMPLES = 512


def spread(front: Sequence[Individual], wanted: int, reference: float) -> list[Individual]:
    """One after the other the one that adds most to the hypervolume of those before it.

    Greedy, so within 1 - 1/e of the best subset (Guerreiro, Fonseca and Paquete, "Greedy hypervolume subset
    selection in low dimensions", 2016); the volume is counted in points that are the same at every call.
    reference: values above it are worth nothing; where it is infinite, the worst of the front take its place.
    """
    if len(front) <= wanted:
        return list(front)
    values = np.array([each.values for each in front])
    low, high = values.min(axis=0), values.max(axis=0)
    high = np.full_like(high, reference) if math.isfinite(reference) else high + 0.1 * (high - low)
    samples = low + (high - low) * np.random.default_rng(0).random((_SAMPLES, values.shape[1]))
    covers = (values[:, None] <= samples[None]).all(axis=2)
    chosen: list[int] = []
    for _ in range(wanted):
        gains = covers.sum(axis=1)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        covers &= ~covers[chosen[-1]]
    return [front[place] for place in chosen]

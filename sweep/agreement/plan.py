"""In which order a machine is measured, so that its drift does not look like an effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from sweep.trial import Configuration

BETWEEN_BASELINES: Final = 12
"""Measurements from one of the baseline to the next, in turn over the workloads."""


@dataclass(frozen=True, slots=True)
class Item:
    """One pass of one configuration in one workload. repeat: from 0, of that pair; those of the baseline beyond
    the others' show drift only (drift)."""

    workload: str
    configuration: Configuration
    repeat: int
    drift: bool = False


def order(
    pairs: Sequence[tuple[str, Configuration]], repeats: int, baseline: Configuration, seed: int
) -> Iterator[Item]:
    """Every (workload, configuration) once in a random order, then again in another one, `repeats` times; the
    baseline in between.

    So repeats of a pair lie far apart, and what has been measured at any time is spread over all.
    """
    random = Random(seed)
    workloads = list(dict.fromkeys(workload for workload, _ in pairs))
    again = 0
    count = 0
    for repeat in range(repeats):
        items = [Item(workload, each, repeat) for workload, each in pairs]
        random.shuffle(items)
        for item in items:
            if count % BETWEEN_BASELINES == 0:
                turn, place = divmod(again, len(workloads))
                yield Item(workloads[place], baseline, turn, drift=True)
                again += 1
            yield item
            count += 1

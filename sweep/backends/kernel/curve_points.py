"""What the trials of a curve say together: intervals over blocks, and what is retained over time."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Final

import numpy as np

from sweep.backends import statistics as blocks
from sweep.backends.kernel.curve import CurveTrial, Look
from sweep.backends.kernel.errors import LabError
from sweep.trial import Interval

MIN_COUNTED: Final = 640
"""Areas that show in slabinfo, which counts whole partial slabs of the CPUs as in use: some hundred objects."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """All trials of one kind, with 95 % intervals over blocks. total_ns, removal_ns, share (removal / total): of
    the probed trials. overhead: wall time of the probed trials / that of those beside them without probes.
    looks: medians over the trials without probes."""

    n: int
    how: str
    touched: bool
    trials: int
    total_ns: Interval
    removal_ns: Interval
    share: Interval
    wall_ns: Interval
    overhead: Interval
    looks: tuple[Look, ...]

    @property
    def removal_ns_per_area(self) -> Interval:
        """removal_ns / n. In an exit the program's own VMAs, about ten, die with them."""
        r = self.removal_ns
        return Interval(r.value / self.n, r.low / self.n, r.high / self.n)

    @property
    def mean_dead_age_ns(self) -> float | None:
        """For how long a VMA was retained, in the mean: what was retained, integrated over time (trapezoids between
        looks at slabinfo, beyond what the last look saw; until the first, what it saw), / n. The looks are
        milliseconds apart: a coarse figure. None for fewer than MIN_COUNTED areas."""
        if self.n < MIN_COUNTED:
            return None
        rest = self.looks[-1].vmas
        looks = (replace(self.looks[0], t_ns=0), *self.looks)
        areas = ((b.t_ns - a.t_ns) * (a.vmas + b.vmas - 2 * rest) / 2 for a, b in pairwise(looks))
        return max(sum(areas) / self.n, 0.0)


def points(trials: Iterable[CurveTrial], rng: np.random.Generator) -> list[CurvePoint]:
    """By way, touched, and n. rng: of the bootstrap. Raises LabError unless every block of a kind has trials with
    probes and without, and there are at least two blocks."""

    def kind(trial: CurveTrial) -> tuple[str, bool, int]:
        return trial.how, trial.touched, trial.n

    return [_point(list(group), rng) for _, group in groupby(sorted(trials, key=kind), key=kind)]


def _point(trials: Sequence[CurveTrial], rng: np.random.Generator) -> CurvePoint:
    first = trials[0]
    probed = [trial for trial in trials if trial.total_ns is not None]
    plain = [trial for trial in trials if trial.total_ns is None]
    numbers = {trial.block for trial in trials}
    if len(numbers) < blocks.MIN_BLOCKS or any(
        {trial.block for trial in part} != numbers for part in (probed, plain)
    ):
        raise LabError(f"{first.how} of {first.n} areas: expected two blocks, with probes and without")
    total = _by_block(probed, lambda trial: trial.total_ns or 0)
    removal = _by_block(probed, lambda trial: trial.removal_ns or 0)
    wall = _by_block(plain, lambda trial: trial.wall_ns)
    probed_wall = _by_block(probed, lambda trial: trial.wall_ns)
    of_total, of_removal, of_wall = blocks.means(np.array([total, removal, wall]), rng)
    share, overhead = blocks.ratios(np.array([removal, probed_wall]), np.array([total, wall]), rng)
    assert share is not None  # nothing takes no time
    assert overhead is not None
    return CurvePoint(
        n=first.n,
        how=first.how,
        touched=first.touched,
        trials=len(trials),
        total_ns=of_total,
        removal_ns=of_removal,
        share=share,
        wall_ns=of_wall,
        overhead=overhead,
        looks=_median_looks(plain),
    )


def _by_block(trials: Sequence[CurveTrial], value: Callable[[CurveTrial], int]) -> list[float]:
    """Means, in the order of the blocks."""
    ordered = sorted(trials, key=lambda trial: trial.block)
    return [
        statistics.fmean(value(trial) for trial in group)
        for _, group in groupby(ordered, key=lambda trial: trial.block)
    ]


def _median_looks(trials: Sequence[CurveTrial]) -> tuple[Look, ...]:
    return tuple(
        Look(
            t_ns=statistics.median_low(look.t_ns for look in looks),
            vmas=statistics.median_low(look.vmas for look in looks),
            locks=statistics.median_low(look.locks for look in looks),
        )
        for looks in zip(*(trial.looks for trial in trials), strict=True)
    )

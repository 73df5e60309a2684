"""From what both backends said of the same configurations in the same workloads, how well they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweep import pareto
from sweep.agreement import statistics
from sweep.agreement.model import FrontShare, MetricAgreement, Part, PartAgreement, Role
from sweep.trial import METRICS, Configuration, Measurement

REFERENCE = 2.0
"""Hypervolume is measured from twice the baseline in each objective, as in a study (sweep/judge.py)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One configuration in one workload: what the machine measured, pass by pass, and what was simulated of
    the same rows. unmeasured: metrics without a meaning on that machine."""

    workload: str
    role: Role
    configuration: Configuration
    passes: tuple[Measurement, ...]
    simulated: Measurement
    unmeasured: frozenset[str] = frozenset()

    def measured(self, metric: str) -> float:
        """The mean over the passes."""
        return float(np.mean([each.get(metric) for each in self.passes]))


def part(
    name: Part, pairs: Sequence[Pair], baseline: Configuration, objectives: Sequence[str], seed: int
) -> PartAgreement:
    """Agreement over the pairs of a part, which must have the baseline in every workload.

    seed: of the random choices that fronts are compared with. Raises ValueError for no pairs, KeyError without
    the baseline.
    """
    if not pairs:
        raise ValueError("no pairs to compare")
    for without in set(_workloads(pairs)) - {p.workload for p in pairs if p.configuration == baseline}:
        raise KeyError(without)
    differ = sum(
        (pair.measured("violations") > 0) != (pair.simulated.violations > 0)
        for pair in pairs
        if "violations" not in pair.unmeasured
    )
    return PartAgreement(
        part=name,
        workloads=_workloads(pairs),
        configurations=len({pair.configuration for pair in pairs}),
        violations_agree=len(pairs) - differ,
        violations_differ=differ,
        metrics=tuple(
            _metric(metric, there, baseline)
            for metric in METRICS
            if metric != "violations" and (there := _comparable(metric, pairs, baseline))
        ),
        fronts=_fronts(pairs, baseline, objectives, seed),
    )


def _comparable(metric: str, pairs: Sequence[Pair], baseline: Configuration) -> list[Pair]:
    """Where both sides mean the same by a metric: none where the baseline of a workload has no figure."""
    there = [pair for pair in pairs if metric not in pair.unmeasured]
    based = {pair.workload for pair in there if pair.configuration == baseline}
    return [pair for pair in there if pair.workload in based]


def _workloads(pairs: Sequence[Pair]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pair.workload for pair in pairs))


def _metric(metric: str, pairs: Sequence[Pair], baseline: Configuration) -> MetricAgreement:
    measured = np.array([pair.measured(metric) for pair in pairs])
    simulated = np.array([float(pair.simulated.get(metric)) for pair in pairs])
    workload = np.array([pair.workload for pair in pairs])
    policy = np.array([pair.configuration.policy for pair in pairs])
    logs = statistics.log_ratios(measured, simulated)
    within = tuple(
        (name, statistics.correlation(measured[workload == name], simulated[workload == name]))
        for name in _workloads(pairs)
    )
    median, smallest = statistics.over([each for _, each in within])
    middle, high = statistics.errors(logs)
    base = {pair.workload: place for place, pair in enumerate(pairs) if pair.configuration == baseline}
    at_base = np.array([base[name] for name in workload])
    compared = (measured[at_base] > 0) & (simulated[at_base] > 0)
    relative = statistics.log_ratios(
        measured[compared] / measured[at_base][compared], simulated[compared] / simulated[at_base][compared]
    )
    return MetricAgreement(
        metric=metric,
        pairs=len(pairs),
        left_out=len(pairs) - len(logs),
        pooled=statistics.correlation(measured, simulated),
        within=within,
        within_median=median,
        within_min=smallest,
        median_error=middle,
        p90_error=high,
        absolute=statistics.log_error(logs),
        relative=statistics.log_error(relative),
        by_policy=tuple(
            (
                name,
                statistics.log_error(
                    statistics.log_ratios(measured[policy == name], simulated[policy == name])
                ),
            )
            for name in sorted(set(policy.tolist()))
        ),
        noise=statistics.noise([_passes(pair, metric) for pair in pairs]),
        repeat=statistics.repeat(
            [[_passes(pair, metric) for pair in pairs if pair.workload == name] for name in _workloads(pairs)]
        ),
    )


def _passes(pair: Pair, metric: str) -> list[float]:
    return [float(each.get(metric)) for each in pair.passes]


# -- fronts --


def _fronts(
    pairs: Sequence[Pair], baseline: Configuration, objectives: Sequence[str], seed: int
) -> tuple[FrontShare, ...]:
    """For each workload, and over their mean; of configurations that free nothing too early on either side."""
    points: dict[str, dict[Configuration, tuple[tuple[float, ...], tuple[float, ...]]]] = {}
    for name in _workloads(pairs):
        there = [pair for pair in pairs if pair.workload == name]
        base = next(pair for pair in there if pair.configuration == baseline)
        if any(base.measured(m) <= 0 or base.simulated.get(m) <= 0 for m in objectives):
            continue  # no ratio to it
        points[name] = {
            pair.configuration: (
                tuple(pair.measured(m) / base.measured(m) for m in objectives),
                tuple(pair.simulated.get(m) / base.simulated.get(m) for m in objectives),
            )
            for pair in there
            if not pair.simulated.violations and not pair.measured("violations")
        }
    shares = [_share(name, list(there.values()), seed) for name, there in points.items()]
    if len(points) > 1:
        everywhere = set.intersection(*(set(there) for there in points.values()))
        means = [
            (
                _mean([there[each][0] for there in points.values()]),
                _mean([there[each][1] for there in points.values()]),
            )
            for each in sorted(everywhere, key=Configuration.key)
        ]
        shares.append(_share("mean", means, seed))
    return tuple(shares)


def _mean(values: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(np.mean(values, axis=0).tolist())


def _share(
    where: str, points: Sequence[tuple[tuple[float, ...], tuple[float, ...]]], seed: int
) -> FrontShare:
    measured = [point for point, _ in points]
    found = pareto.non_dominated([point for _, point in points])
    real = pareto.non_dominated(measured)
    reference = (REFERENCE,) * len(measured[0]) if measured else ()
    return FrontShare(
        where=where,
        share=statistics.share(measured, found, reference),
        by_chance=statistics.share_by_chance(measured, len(found), reference, np.random.default_rng(seed)),
        measured=len(real),
        simulated=len(found),
        both=len(set(real) & set(found)),
    )

"""A configuration beside the baseline, repeated until it is known well enough.

One block is four passes in the order configuration, baseline, baseline, configuration (ABBA): both sides have
the same mean time, so a machine that slowly gets slower or faster favours neither. Blocks in which something
else used the machine are repeated and counted. Pure of processes: a callable measures, another finds faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

import policies
from sweep.backends import statistics
from sweep.trial import METRICS, Configuration, Evidence, Interval, Measurement


class Pass(Protocol):
    """One pass over a workload. unmeasured: metrics without a meaning there, 0 in `measurement`. details: all else
    that the backend says of it, by name."""

    @property
    def measurement(self) -> Measurement: ...

    @property
    def unmeasured(self) -> tuple[str, ...]: ...

    @property
    def details(self) -> Mapping[str, Any]: ...


P = TypeVar("P", bound=Pass)
P_co = TypeVar("P_co", bound=Pass, covariant=True)


def baseline() -> Configuration:
    """What every configuration is measured beside: `per_object` with its defaults, as in every study."""
    return Configuration.of(policies.BASELINE, policies.policy(policies.BASELINE).defaults())


@dataclass(frozen=True, slots=True)
class Plan:
    """When enough is known.

    min_blocks .. max_blocks: undisturbed ones; as many disturbed ones as max_blocks may come on top.
    ratio_width: of the 95 % interval of each wanted metric's ratio, as a part of the ratio.
    """

    min_blocks: int
    max_blocks: int
    ratio_width: float
    wanted: tuple[str, ...]

    def __post_init__(self) -> None:
        if not statistics.MIN_BLOCKS <= self.min_blocks <= self.max_blocks:
            raise ValueError(
                f"blocks {self.min_blocks} .. {self.max_blocks}: expected at least {statistics.MIN_BLOCKS}"
            )


@dataclass(frozen=True, slots=True)
class Block(Generic[P_co]):
    """Two passes of the configuration, two of the baseline; why they do not count, if they do not."""

    candidate: tuple[P_co, ...]
    baseline: tuple[P_co, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Generic[P_co]):
    """What all blocks come to.

    used: the undisturbed blocks; all of them where those stayed below the plan's minimum (`quiet` is false
    then). blocks, disturbed: undisturbed and disturbed ones. values, ratios: of each metric that has a
    meaning here; a ratio only where the baseline is not 0.
    """

    used: tuple[Block[P_co], ...]
    blocks: int
    disturbed: int
    quiet: bool
    measurement: Measurement
    values: tuple[tuple[str, Interval], ...]
    ratios: tuple[tuple[str, Interval], ...]
    unmeasured: tuple[str, ...]
    faults: tuple[str, ...]


def _no_faults(found: Pass) -> tuple[str, ...]:
    return ()


def compare(
    measure: Callable[[Configuration], P],
    candidate: Configuration,
    baseline: Configuration,
    plan: Plan,
    rng: np.random.Generator,
    *,
    faults: Callable[[P], Sequence[str]] = _no_faults,
    told: Callable[[Block[P]], None] = lambda _: None,
) -> Comparison[P]:
    """Measure until every wanted ratio is known to `plan.ratio_width`, or the blocks are used up.

    faults: why a pass does not count, in words. told: after each block. Violations end it early: no further repeat
    makes them undone. Raises what `measure` raises.
    """
    measure(baseline)  # warm-up: program and library come from disk, an idle CPU from a low frequency
    blocks: list[Block[P]] = []
    while True:
        block = _block(measure, candidate, baseline, faults)
        blocks.append(block)
        told(block)
        quiet = sum(not each.faults for each in blocks)
        over = quiet == plan.max_blocks or len(blocks) - quiet == plan.max_blocks
        if quiet < plan.min_blocks and not over:
            continue
        found = _summed_up(blocks, plan.min_blocks, rng)
        if over or found.measurement.violations or _known(found, plan):
            return found


def _block(
    measure: Callable[[Configuration], P],
    candidate: Configuration,
    baseline: Configuration,
    faults: Callable[[P], Sequence[str]],
) -> Block[P]:
    first, second, third, fourth = (measure(each) for each in (candidate, baseline, baseline, candidate))
    found = [fault for each in (first, second, third, fourth) for fault in faults(each)]
    return Block((first, fourth), (second, third), tuple(dict.fromkeys(found)))


def _known(found: Comparison[Pass], plan: Plan) -> bool:
    return all(
        statistics.width(interval) <= plan.ratio_width
        for metric, interval in found.ratios
        if metric in plan.wanted
    )


def _summed_up(blocks: Sequence[Block[P]], min_blocks: int, rng: np.random.Generator) -> Comparison[P]:
    undisturbed = [block for block in blocks if not block.faults]
    quiet = len(undisturbed) >= min_blocks
    used = undisturbed if quiet else list(blocks)
    unmeasured = {name for block in used for each in block.candidate for name in each.unmeasured}
    # Violations are counted, not estimated; they stand in the measurement.
    names = [name for name in METRICS if name not in unmeasured and name != "violations"]
    candidate = _table(names, (block.candidate for block in used))
    baseline = _table(names, (block.baseline for block in used))
    compared = zip(names, statistics.ratios(candidate, baseline, rng), strict=True)
    return Comparison(
        used=tuple(used),
        blocks=len(undisturbed),
        disturbed=len(blocks) - len(undisturbed),
        quiet=quiet,
        measurement=_measurement(names, candidate, blocks),
        values=tuple(zip(names, statistics.means(candidate, rng), strict=True)),
        ratios=tuple((name, interval) for name, interval in compared if interval is not None),
        unmeasured=tuple(name for name in METRICS if name in unmeasured),
        faults=tuple(dict.fromkeys(fault for block in blocks for fault in block.faults)),
    )


def _table(names: Sequence[str], blocks: Iterable[tuple[P, ...]]) -> statistics.Floats:
    """(metrics, blocks): the mean of each block's passes."""
    rows = [
        np.mean([[each.measurement.get(name) for name in names] for each in passes], axis=0)
        for passes in blocks
    ]
    return np.array(rows, dtype=np.float64).T


def _measurement(
    names: Sequence[str], candidate: statistics.Floats, blocks: Sequence[Block[P]]
) -> Measurement:
    """Means over the blocks, a maximum or peak too: the largest of all passes would grow with their number.
    Counts are rounded. Violations are summed over every pass, the disturbed ones too."""
    found = dict(zip(names, candidate.mean(axis=-1), strict=True))
    values: dict[str, float | int] = {
        name: round(found.get(name, 0.0)) if metric.integral else float(found.get(name, 0.0))
        for name, metric in METRICS.items()
    }
    values["violations"] = sum(each.measurement.violations for block in blocks for each in block.candidate)
    return Measurement.from_flat(values)


def evidence(found: Comparison[Pass], level: str, machine: str) -> Evidence:
    """What a comparison rests on, measured at this level on the machine with this key. Where `blocks` is below the
    plan's minimum, the machine was never quiet and the disturbed blocks were used as well."""
    return Evidence(
        level=level,
        machine=machine,
        blocks=found.blocks,
        disturbed=found.disturbed,
        values=found.values,
        ratios=found.ratios,
        unmeasured=found.unmeasured,
    )

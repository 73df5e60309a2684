"""How well the simulator predicts what a machine measures: frozen values, written as JSON and read again.

A ratio is always measured / simulated: above 1, the simulator is too optimistic. Logarithms are natural.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

Role: TypeAlias = Literal["development", "held_out"]
Part: TypeAlias = Literal["all", "development", "held_out"]
"""development: workloads on which faults of the simulator are looked for; held_out: those that only score."""

USER_SPACE: Final = "user space"
"""Where the native benchmark measures."""

PARTS: Final[tuple[Part, ...]] = ("all", "development", "held_out")


class AgreementError(ValueError):
    """What agreement needs is not there or not valid; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Rank correlations (Spearman's rho, Kendall's tau-b); None where all values of a side are equal."""

    spearman: float | None
    kendall: float | None


@dataclass(frozen=True, slots=True)
class LogError:
    """log(measured / simulated) over some pairs: its median and, as its spread, 1.4826 times the median absolute
    deviation from that (the standard deviation, were it normal). Without pairs both are 0."""

    bias: float
    spread: float
    pairs: int

    @property
    def factor(self) -> float:
        """By how much the machine's figure is the larger one, in the middle."""
        return math.exp(self.bias)


@dataclass(frozen=True, slots=True)
class MetricAgreement:
    """One metric over the workloads of a part.

    pairs: (configuration, workload). left_out: of these, how many have no ratio because a side is 0.
    pooled: over all pairs. within: for each workload, over its configurations alone; within_median and
    within_min over these. median_error, p90_error: of |log ratio|, as a ratio less 1; None without ratios.
    absolute: of the figures as they are. relative: of both divided by their own baseline's in that workload,
    as studies compare. by_policy: absolute, by name of policy. noise: median of |log| between repeated
    measurements of one pair, as a ratio less 1; no simulator can be nearer than that. repeat: Spearman's between the
    first passes and the second ones over the configurations of one workload, the median over workloads: how well a
    pass on the machine ranks what the next one measures. None without repeats.
    """

    metric: str
    pairs: int
    left_out: int
    pooled: Correlation
    within: tuple[tuple[str, Correlation], ...]
    within_median: Correlation
    within_min: Correlation
    median_error: float | None
    p90_error: float | None
    absolute: LogError
    relative: LogError
    by_policy: tuple[tuple[str, LogError], ...]
    noise: float | None
    repeat: float | None = None


@dataclass(frozen=True, slots=True)
class FrontShare:
    """What of the measured front the simulator's front finds.

    where: a workload, or "mean": objectives are then means of the ratios over workloads, as in a study.
    share: hypervolume of the configurations on the simulated front, as measured, over that of the measured
    front, both up to twice the baseline. by_chance: the same for as many configurations drawn at random, in
    the mean; a share means little where this is high too. None where the measured front has no volume.
    measured, simulated: configurations on each front; both: on both.
    """

    where: str
    share: float | None
    by_chance: float | None
    measured: int
    simulated: int
    both: int


@dataclass(frozen=True, slots=True)
class PartAgreement:
    """The workloads of one role, or all."""

    part: Part
    workloads: tuple[str, ...]
    configurations: int
    violations_agree: int
    violations_differ: int
    metrics: tuple[MetricAgreement, ...]
    fronts: tuple[FrontShare, ...]

    def metric(self, name: str) -> MetricAgreement:
        """Raises KeyError where that metric was not compared."""
        return {each.metric: each for each in self.metrics}[name]


@dataclass(frozen=True, slots=True)
class Drift:
    """The baseline, measured again and again over a campaign in one workload: a metric's median, and its
    smallest and largest value over that."""

    workload: str
    metric: str
    measurements: int
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """One comparison of the simulator with a machine.

    machine: the profile. machine_key: of the fingerprint of the machine that was measured. simulator, bench:
    builds. measured_on: date of the last measurement, ISO 8601. objectives: of the fronts. passes: that were
    measured, the baseline's further ones included; disturbed: of these, how many something else disturbed each
    time that they were tried. They are used only where a pair has no others. where: what was measured on, in words.
    """

    machine: str
    machine_key: str
    simulator: str
    bench: str
    measured_on: str
    seed: int
    objectives: tuple[str, ...]
    passes: int
    disturbed: int
    parts: tuple[PartAgreement, ...]
    drift: tuple[Drift, ...]
    where: str = USER_SPACE

    def part(self, name: Part) -> PartAgreement:
        """Raises KeyError where no workload has that role."""
        return {each.part: each for each in self.parts}[name]


_ADAPTER: Final = TypeAdapter(Agreement)


def dump(agreement: Agreement) -> str:
    """As a JSON document that `load` reads."""
    return _ADAPTER.dump_json(agreement).decode() + "\n"


def load(path: Path) -> Agreement:
    """From a file that `python -m sweep agree` wrote. Raises AgreementError."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except OSError as error:
        raise AgreementError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise AgreementError(
            f"{path}: not an agreement as `python -m sweep agree` writes it: {where}: {first['msg']}"
        ) from None

"""What a sweep is made of: a configuration, its trial, the attempts at it, what they measured.

Frozen values that know nothing of how they are proposed, run, kept or shown.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Self, TypeAlias, get_type_hints

ParamValue: TypeAlias = int | bool | str
"""A policy's parameter: PARAM_INT, PARAM_BOOL or the word of a PARAM_CHOICE."""


_KEY_TEXT: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A policy with a value for each of its parameters, in order of their names."""

    policy: str
    params: tuple[tuple[str, ParamValue], ...] = ()
    _key: str | None = dataclasses.field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, policy: str, params: Mapping[str, ParamValue] = MappingProxyType({})) -> Self:
        """The same configuration whatever the order of `params`."""
        return cls(policy, tuple(sorted(params.items())))

    def mapping(self) -> dict[str, ParamValue]:
        """Parameter values by name."""
        return dict(self.params)

    def key(self) -> str:
        """16 hexadecimal digits that name this configuration on every machine and for ever."""
        if self._key is None:
            text = _KEY_TEXT.encode([self.policy, self.params])
            object.__setattr__(self, "_key", hashlib.sha256(text.encode()).hexdigest()[:16])
            assert self._key is not None
        return self._key

    def __str__(self) -> str:
        return " ".join([self.policy, *(f"{name}={_word(value)}" for name, value in self.params)])


def _word(value: ParamValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# -- metrics ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution: mean and nearest-rank percentiles, all 0 where nothing was seen."""

    mean: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Ages:
    """A distribution without its mean."""

    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Level:
    """An amount over time: time-weighted mean, and peak."""

    mean: float = 0.0
    peak: float = 0.0


@dataclass(frozen=True, slots=True)
class Split:
    """Time-weighted means of the parts of `retained_bytes`, which they sum to."""

    postponed: float = 0.0
    waiting: float = 0.0
    ready: float = 0.0
    policy_memory: float = 0.0  # what the policy allocated for the dead objects' sake


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one configuration did in one scenario; the same names and units on every backend.

    Units are in `METRICS`, which has one entry per leaf (`exit_latency_ns.p99`).
    """

    exit_latency_ns: Summary = Summary()
    exit_ns_per_object: Summary = Summary()
    munmap_latency_ns: Summary = Summary()
    retained_bytes: Level = Level()
    retained_split: Split = Split()
    pinned_slab_bytes: Level = Level()
    dead_age_ns: Ages = Ages()
    cpu_ns_per_object: float = 0.0
    max_stall_ns: float = 0.0
    grace_periods: int = 0
    callbacks: int = 0
    wakeups: int = 0
    lock_waits: int = 0
    violations: int = 0

    def get(self, name: str) -> float | int:
        """The metric of that flat name. Raises KeyError for a name that is not in `METRICS`."""
        if name not in METRICS:
            raise KeyError(name)
        group, _, leaf = name.partition(".")
        value = getattr(self, group)
        number: float | int = getattr(value, leaf) if leaf else value
        return number

    def nested(self) -> dict[str, Any]:
        """`{"exit_latency_ns": {"mean": ...}, ..., "violations": 0}`."""
        return dataclasses.asdict(self)

    def flat(self) -> dict[str, float | int]:
        """`{"exit_latency_ns.mean": ..., ..., "violations": 0}`, in the order of `METRICS`."""
        values: dict[str, float | int] = {}
        for name, value in self.nested().items():
            if isinstance(value, dict):
                values.update({f"{name}.{leaf}": number for leaf, number in value.items()})
            else:
                values[name] = value
        return values

    @classmethod
    def from_flat(cls, values: Mapping[str, float | int]) -> Self:
        """The inverse of `flat()`. Raises ValueError unless exactly the names of `METRICS` are there."""
        if values.keys() != METRICS.keys():
            missing = sorted(METRICS.keys() - values.keys())
            unknown = sorted(values.keys() - METRICS.keys())
            raise ValueError(f"not a measurement: missing {missing}, unknown {unknown}")
        fields: dict[str, Any] = {}
        for name, kind in get_type_hints(cls).items():
            if kind is int or kind is float:
                fields[name] = kind(values[name])
            else:
                leaves = (leaf.name for leaf in dataclasses.fields(kind))
                fields[name] = kind(**{leaf: float(values[f"{name}.{leaf}"]) for leaf in leaves})
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Metric:
    """One leaf of a measurement."""

    name: str
    unit: str  # "ns", "bytes", "ns/object", or "" for a count
    help: str
    integral: bool = False


_GROUPS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "exit_latency_ns": (
            "ns",
            "time an exiting task spends disposing of one address space's dead objects",
        ),
        "exit_ns_per_object": ("ns/object", "exit latency divided by the objects of that teardown"),
        "munmap_latency_ns": ("ns", "the same for calls that free objects with the address space alive"),
        "retained_bytes": (
            "bytes",
            "dead objects that are not yet back in the allocator, and the policy's own memory for them",
        ),
        "retained_split": (
            "bytes",
            "mean retained bytes by state: postponed, waiting for a grace period, ready; policy's own memory",
        ),
        "pinned_slab_bytes": (
            "bytes",
            "slab pages without a live object that the page allocator has not got back",
        ),
        "dead_age_ns": ("ns", "time from an object's unlinking to its free"),
        "cpu_ns_per_object": (
            "ns/object",
            "all CPU time spent on disposal, the freeing task's and the callbacks'",
        ),
        "max_stall_ns": ("ns", "longest stretch in which callback processing could not be preempted"),
        "grace_periods": ("", "grace periods that ended"),
        "callbacks": ("", "RCU callbacks invoked"),
        "wakeups": ("", "kernel threads woken"),
        "lock_waits": ("", "times that a lock was found held"),
        "violations": ("", "objects freed while a reader could still hold them; must be 0"),
    }
)


def _metrics() -> Iterator[Metric]:
    for name, kind in get_type_hints(Measurement).items():
        unit, text = _GROUPS[name]
        if dataclasses.is_dataclass(kind):
            for leaf in dataclasses.fields(kind):
                yield Metric(f"{name}.{leaf.name}", unit, text)
        else:
            yield Metric(name, unit, text, integral=kind is int)


METRICS: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in _metrics()})
"""Every metric by its flat name, in the order of `Measurement`."""


# -- evidence -----------------------------------------------------------------------------------


EMULATED: Final = "emulated-"
"""How the key of a machine begins whose times are an emulator's."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure of a noisy measurement: its estimate, and the ends of its 95 % interval (bootstrap)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a noisy measurement rests on.

    level: the backend ("native", "kernel"); a simulated measurement has no noise and no evidence.
    machine: key of the fingerprint; figures of unlike machines are never merged. blocks: measured, of the
    configuration. disturbed: blocks that were repeated because something else used the machine. values,
    ratios: by metric name, over the blocks; ratios are to the baseline's blocks beside them (paired), so
    slow drift of the machine is not in them. unmeasured: metrics without a meaning here; they stand as 0 in the
    measurement.
    """

    level: str
    machine: str
    blocks: int
    disturbed: int
    values: tuple[tuple[str, Interval], ...]
    ratios: tuple[tuple[str, Interval], ...]
    unmeasured: tuple[str, ...] = ()

    @property
    def emulated(self) -> bool:
        """Whether its times are an emulator's, and no machine's."""
        return self.machine.startswith(EMULATED)

    def ratio(self, metric: str) -> Interval | None:
        """To the baseline, where it was measured."""
        return dict(self.ratios).get(metric)

    def value(self, metric: str) -> Interval | None:
        """The absolute figure, where it was measured."""
        return dict(self.values).get(metric)


# -- trials -------------------------------------------------------------------------------------


SAMPLER: Final = "sampler"
"""The origin of a trial that a proposer asked for."""

REPEAT: Final = "repeat"
"""The origin of a trial by which a noisy configuration is measured once more, to know it better."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration to be measured in every scenario of a study."""

    number: int  # from 0, in the order of proposing
    configuration: Configuration
    origin: str  # who asked for it: "baseline", "preset:NAME", "default", "from:STUDY", SAMPLER


class Cause(StrEnum):
    """Why an attempt failed. Only CONFIGURATION says anything about the configuration."""

    CONFIGURATION = "configuration"  # the trial itself: a bound exceeded, a bad parameter
    WORKER_CRASHED = "worker_crashed"
    NODE_LOST = "node_lost"
    OUT_OF_MEMORY = "out_of_memory"
    ENVIRONMENT = "environment"  # a worker could not be set up

    @property
    def is_the_machines(self) -> bool:
        """Worth another attempt, and never told to the sampler."""
        return self is not Cause.CONFIGURATION


@dataclass(frozen=True, slots=True)
class Failure:
    """Why, and in which words."""

    cause: Cause
    text: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What attempts took. blocks: of noisy measurements, disturbed ones included."""

    time_s: float = 0.0
    blocks: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.time_s + other.time_s, self.blocks + other.blocks)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a trial: complete measurements, or a failure (with those scenarios that ended)."""

    trial: Trial
    number: int  # from 0, within the trial
    measurements: tuple[tuple[str, Measurement], ...]  # by scenario name, in the study's order
    failure: Failure | None
    worker: str  # where it ran, for people
    started_s: float  # Unix time
    elapsed_s: float
    evidence: tuple[tuple[str, Evidence], ...] = ()  # by scenario name, of those that were noisy

    @property
    def settles(self) -> bool:
        """Whether the trial has ended with this attempt: measured, or the configuration's own failure."""
        return self.failure is None or not self.failure.cause.is_the_machines

    @property
    def spent(self) -> Spent:
        """By this one; nothing where it is a copy of another, which took no time."""
        if not self.elapsed_s:
            return Spent()
        return Spent(self.elapsed_s, sum(e.blocks + e.disturbed for _, e in self.evidence))

    def measurement(self, scenario: str) -> Measurement:
        """Raises KeyError where that scenario was not measured."""
        return dict(self.measurements)[scenario]

"""What a study is: frozen values, checked against what exists. Files are read in study_file.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

import policies
from policies import PolicyError
from sweep import constraint, machine
from sweep.constraint import Constraint
from sweep.fields import Section, unknown
from sweep.levels import (
    LADDERS,
    MEASURED_BATCH_SIZE,
    SLAB_METRICS,
    Backend,
    Budget,
    Kernel,
    Ladder,
    Native,
    Promotion,
)
from sweep.propose import Range, Space
from sweep.propose.narrow import narrowed
from sweep.trial import METRICS, Spent
from sweep.uses import Pressure, ReaderChange, Use, WorkloadUse

Combine: TypeAlias = Literal["mean", "worst", "regret"]
Sampler: TypeAlias = Literal["parzen", "nsga2", "tpe", "gp", "random", "grid"]
Scalar: TypeAlias = bool | int | float | str


Ranges: TypeAlias = Mapping[str, Scalar | tuple[Scalar, ...] | Mapping[str, Scalar]]

_NAME: Final = 64


class Study(Section):
    """One sweep: which configurations, measured where, judged by what, for how long."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="Its directory in the store.")
    description: str = ""
    workloads: tuple[Use, ...] = Field(min_length=1, description="Names, paths, or stretched workloads.")
    machines: tuple[str, ...] = Field(
        min_length=1,
        description="Profiles of conf/machines by name, or YAML files. Every workload runs on each.",
    )
    policies: Literal["all"] | tuple[str, ...] | Mapping[str, Ranges | None] = Field(
        default="all",
        description="all, a list, or for each policy the ranges of its parameters: a value (fixed), a list of "
        "values, or {min:, max:}. Values may have a unit (1 s).",
    )
    readers: ReaderChange | None = Field(default=None, description="mm_ref, rcu_only, or what to change.")
    pressure: Literal["none"] | Pressure | None = Field(
        default=None, description="Memory pressure in place of the workloads' own; none: no pressure."
    )
    objectives: tuple[str, ...] = Field(
        default=("exit_latency_ns.p99", "retained_bytes.mean"),
        min_length=2,
        max_length=4,
        description="Metrics to be minimised.",
    )
    constraints: tuple[str, ...] = Field(
        default=(),
        description="Bounds kept in every scenario, such as `retained_bytes.peak <= 64 MiB`; violations = 0 always.",
    )
    combine: Combine = Field(
        default="mean",
        description="Over scenarios: the mean or the worst ratio to the baseline, or the worst regret, in "
        "baselines, against each scenario's own best.",
    )
    backend: Backend = Field(
        default="simulator",
        description="native: on this machine's CPUs, in user space (docs/measuring.md); kernel: in a kernel, in a guest "
        "(docs/kernel-lab.md).",
    )
    native: Native | None = Field(default=None, description="How native trials are measured.")
    kernel: Kernel | None = Field(default=None, description="How trials in the kernel lab are measured.")
    ladder: Ladder | None = Field(
        default=None,
        description="[simulator, native], [simulator, kernel] or [simulator, native, kernel]: sweep in the simulator, then "
        "measure at each further level what may be on the front.",
    )
    promotion: Promotion | None = Field(default=None, description="How a ladder chooses what to measure.")
    budget: Budget
    sampler: Sampler = "parzen"
    population: int = Field(default=32, ge=4, le=1000, description="Parents that nsga2 keeps.")
    batch_size: int = Field(
        default=16,
        ge=1,
        le=100_000,
        description="Trials that are asked for at once; two batches are under way, so at least the number of workers "
        f"keeps all of them busy. Of measured studies {MEASURED_BATCH_SIZE} by default.",
    )
    seed: int = Field(default=1, ge=0, lt=2**32)
    repeats: int = Field(default=1, ge=1, le=100, description="Seeds with which each scenario is measured.")

    @model_validator(mode="before")
    @classmethod
    def _measured_defaults(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and _is_ladder(data.get("ladder")):
            data = {"backend": data["ladder"][-1]} | dict(data)
        if isinstance(data, Mapping) and data.get("backend") in ("native", "kernel"):
            data = {"batch_size": MEASURED_BATCH_SIZE} | dict(data)
        return data

    @field_validator("ladder", mode="before")
    @classmethod
    def _rungs(cls, levels: Any) -> Any:
        if levels is not None and not _is_ladder(levels):
            known = [f"[{', '.join(each)}]" for each in LADDERS]
            raise ValueError(f"expected {', '.join(known[:-1])} or {known[-1]}, not {levels}")
        return levels

    @field_validator("policies", mode="before")
    @classmethod
    def _shape(cls, wanted: Any) -> Any:
        """Said here, in one message: pydantic would say of each form why it is not that one."""
        if wanted == "all" or (isinstance(wanted, list | tuple) and all(isinstance(p, str) for p in wanted)):
            return wanted
        if not isinstance(wanted, Mapping) or not all(isinstance(name, str) for name in wanted):
            raise ValueError(
                "expected `all`, a list of policies, or policies with the ranges of their parameters"
            )
        for name, ranges in wanted.items():
            if ranges is not None and not isinstance(ranges, Mapping):
                raise ValueError(
                    f"{name}: expected ranges by parameter, such as {{{_a_range(name)}}}, or nothing"
                )
            for param, value in (ranges or {}).items():
                if not isinstance(param, str) or not _is_range(value):
                    raise ValueError(
                        f"{name}.{param}: expected a value, a list of values, or {{min: .., max: ..}}"
                    )
        return wanted

    @field_validator("workloads", "machines", "objectives", "policies", "constraints")
    @classmethod
    def _unique(cls, items: Any) -> Any:
        if isinstance(items, tuple):
            names = [item.label if isinstance(item, WorkloadUse) else item for item in items]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"names {name!r} twice")
        return items

    @field_validator("objectives")
    @classmethod
    def _metrics(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in METRICS:
                raise ValueError(unknown("metric", name, METRICS))
        return names

    @field_validator("constraints")
    @classmethod
    def _constraints(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        constraint.check(Constraint.parse(text) for text in texts)
        return texts

    @field_validator("machines")
    @classmethod
    def _machines(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in machine.names() and not name.endswith((".yaml", ".yml")):
                raise ValueError(unknown("machine", name, machine.names()))
        return tuple(
            str(Path(name).absolute()) if name.endswith((".yaml", ".yml")) else name for name in names
        )

    @field_validator("policies")
    @classmethod
    def _policies(cls, wanted: Any) -> Any:
        if not wanted:
            raise ValueError("is empty: name at least one policy, or write `all`")
        for name in wanted if wanted != "all" else ():
            if name not in policies.catalogue():
                raise ValueError(unknown("policy", name, policies.catalogue()))
        return wanted

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        self.space()
        return self

    @model_validator(mode="after")
    def _levels(self) -> Self:
        """What the sections say of each other."""
        if self.ladder is not None:
            self._check_ladder(self.ladder)
        elif self.promotion is not None:
            raise ValueError("promotion: only with ladder: [simulator, native]")
        unused: tuple[Backend, ...] = ("native", "kernel")
        for level in unused:
            if level not in self.levels:
                self._check_unused(level)
        if "native" in self.levels:
            self._check_allocator(self.how_native().allocator)
        return self

    def _check_ladder(self, levels: Ladder) -> None:
        if self.backend != levels[-1]:
            raise ValueError(f"backend: a ladder ends at its last level: leave it out, or write {levels[-1]}")
        longest = _NAME - len("".join(f".{level}" for level in levels[:-1]))
        if len(self.name) > longest:
            raise ValueError(
                f"name: of a ladder at most {longest} characters: NAME.{levels[-2]} is kept beside it"
            )
        if self.combine == "regret":
            raise ValueError(
                "combine: a ladder needs mean or worst: the simulator's error is known as a factor, and a regret, "
                "which may be 0, has none"
            )
        for level in levels[1:]:
            if not any(self.budget.of(level)):
                raise ValueError(f"budget: a ladder needs {level}_time_s or {level}_blocks")
        if levels == ("simulator", "kernel") and self.promotion and self.promotion.agreement:
            raise ValueError(
                "promotion.agreement: says how the simulator errs about user space, and this ladder has no native "
                "level: leave it out"
            )

    def _check_unused(self, level: Backend) -> None:
        if getattr(self, level) is not None:
            raise ValueError(f"{level}: only with backend: {level}")
        if any(self.budget.of(level)):
            raise ValueError(f"budget: {level}_time_s and {level}_blocks are for backend: {level}")

    def _check_allocator(self, allocator: str) -> None:
        if allocator == "slab":
            return
        typesafe = [name for name in self.policy_names() if policies.policy(name).typesafe]
        if typesafe:
            raise ValueError(
                f"native.allocator: {allocator} has no type-stable memory, which policy {typesafe[0]} needs; choose slab, "
                "or list the policies without it"
            )
        used = [*self.objectives, *(bound.metric for bound in self.bounds())]
        if meaningless := [name for name in used if name in SLAB_METRICS]:
            raise ValueError(
                f"native.allocator: {meaningless[0]} has no meaning with {allocator}; choose slab, or another metric"
            )

    @property
    def levels(self) -> tuple[Backend, ...]:
        """At which it measures: its backend alone, or those of its ladder."""
        return self.ladder or (self.backend,)

    @property
    def nr_trials(self) -> int | None:
        """Trials that end it; None of a ladder, whose measured part ends by its time or blocks."""
        return None if self.ladder else self.budget.trials

    def how_native(self) -> Native:
        """The native section, or its defaults."""
        return self.native or Native()

    def how_kernel(self) -> Kernel:
        """The kernel section, or its defaults."""
        return self.kernel or Kernel()

    def share(self, spent: Spent) -> float:
        """How much of the budget of what it measures with is used; 1 or more where that ends it."""
        return self.budget.share(spent, self.backend)

    def how_promoted(self) -> Promotion:
        """The promotion section, or its defaults."""
        return self.promotion or Promotion()

    def policy_names(self) -> tuple[str, ...]:
        """The policies to be tried, in the catalogue's order."""
        known = tuple(policies.catalogue())
        return known if self.policies == "all" else tuple(p for p in known if p in self.policies)

    def space(self) -> Space:
        """What the sampler may propose. Raises ValueError for a range that a parameter does not have."""
        return Space({name: self._policy_ranges(name) for name in self.policy_names()})

    def _policy_ranges(self, name: str) -> tuple[Range, ...]:
        wanted = (self.policies[name] or {}) if isinstance(self.policies, Mapping) else {}
        policy = policies.policy(name)
        try:
            for param in wanted:
                policy.param(param)
            return tuple(
                narrowed(param, wanted[param.name]) if param.name in wanted else Range.whole(param)
                for param in policy.params
            )
        except PolicyError as error:
            raise ValueError(f"policies.{name}: {error}") from None

    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints, parsed."""
        return tuple(Constraint.parse(text) for text in self.constraints)

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, as it would be written to a file."""
        values = self.model_dump(mode="json", exclude_defaults=False)
        values["workloads"] = [use.shortest() for use in self.workloads]
        if values["policies"] == "all":
            values["policies"] = list(self.policy_names())
        return values


def _is_ladder(levels: Any) -> bool:
    return isinstance(levels, list | tuple) and tuple(levels) in LADDERS


def _is_range(value: Any) -> bool:
    inner = (
        value.values()
        if isinstance(value, Mapping)
        else value
        if isinstance(value, list | tuple)
        else (value,)
    )
    return all(isinstance(each, bool | int | float | str) for each in inner) and (
        not isinstance(value, Mapping) or all(isinstance(key, str) for key in value)
    )


def _a_range(policy: str) -> str:
    """An example, as people write it."""
    params = policies.catalogue()[policy].params if policy in policies.catalogue() else ()
    return f"{params[0].name}: {params[0].default}" if params else "max: 32"

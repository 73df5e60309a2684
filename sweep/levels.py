"""The levels at which a study may measure: the sections of its file that say how, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from sweep.fields import Seconds, Section
from sweep.trial import Spent

NATIVE_BATCH_SIZE: Final = 4
"""Of a native study that does not say: its trials run one after another, so a larger batch is asked for without
knowing what its first trials measured."""

SLAB_METRICS: Final = ("pinned_slab_bytes.mean", "pinned_slab_bytes.peak")
"""Without a meaning where objects are not allocated from the benchmark's slab."""


class Budget(Section):
    """When a study ends: at the first of these."""

    trials: int = Field(
        gt=0,
        le=10_000_000,
        description="Configurations to try, the baseline included; of a ladder, in the simulator.",
    )
    wall_time_s: Seconds | None = Field(
        default=None,
        gt=0,
        description="Seconds, or a text such as 8 h. A study that ends by the clock is a beginning of the "
        "same study without this bound: how far it came depends on the machine.",
    )
    native_time_s: Seconds | None = Field(
        default=None, gt=0, description="That native trials take together, their baseline blocks included."
    )
    native_blocks: int | None = Field(
        default=None, gt=0, le=10_000_000, description="Of native trials together, in all scenarios."
    )

    def share(self, spent: Spent) -> float:
        """How much of the native budget that is; 1 or more where it is used up, 0 where there is none."""
        return max(
            spent.time_s / self.native_time_s if self.native_time_s else 0.0,
            spent.blocks / self.native_blocks if self.native_blocks else 0.0,
        )


class Native(Section):
    """How native trials are measured. The defaults are those of sweep.backends.native.settings."""

    rcu: Literal["kernel_like", "liburcu"] = Field(
        default="kernel_like",
        description="kernel_like: grace periods and callbacks as the machine profile says; liburcu: the library's own.",
    )
    allocator: Literal["slab", "glibc", "jemalloc", "mimalloc"] = Field(
        default="slab", description="slab: ours, after SLUB. Only it has type-stable memory and slab metrics."
    )
    cpus: tuple[int, ...] = Field(
        default=(),
        description="Real CPUs, by number, that the benchmark owns; the machine's CPU i runs on the i-th. Empty: the "
        "first ones that may be used.",
    )
    min_blocks: int = Field(default=2, ge=2, le=1000, description="Of a configuration in one scenario.")
    max_blocks: int = Field(default=16, ge=2, le=1000, description="Where ratio_width is not reached before.")
    ratio_width: float = Field(
        default=0.05,
        gt=0,
        lt=10,
        description="Blocks are added until every objective's 95 % interval is narrower than this part of its ratio.",
    )
    timeout_s: Seconds = Field(default=60.0, gt=0, description="For a pass, beyond the workload's own time.")

    @field_validator("cpus")
    @classmethod
    def _cpus(cls, cpus: tuple[int, ...]) -> tuple[int, ...]:
        for cpu in cpus:
            if cpu < 0 or cpus.count(cpu) > 1:
                raise ValueError(f"{cpu}: expected numbers of CPUs, each once")
        return cpus

    @model_validator(mode="after")
    def _blocks(self) -> Self:
        if self.min_blocks > self.max_blocks:
            raise ValueError(f"min_blocks {self.min_blocks} is above max_blocks {self.max_blocks}")
        return self


class Promotion(Section):
    """How a ladder goes from the simulator to the machine."""

    agreement: str | None = Field(
        default=None,
        description="What `python -m sweep agree` wrote for this machine: the simulator's error as it was measured. "
        "Else the error is learned from the points that are measured at both levels.",
    )
    min_correlation: float = Field(
        default=0.5,
        ge=-1,
        lt=1,
        description="Where Spearman's rank correlation over the promoted points falls below this in an objective, "
        "promotion stops and the study goes on natively only.",
    )
    judge_after: int = Field(
        default=12, ge=4, le=1000, description="Points measured at both levels before correlation counts."
    )
    repeats: float = Field(
        default=0.25,
        ge=0,
        le=0.9,
        description="Of native trials, the part that measures again what may or may not be on the front.",
    )

    @field_validator("agreement")
    @classmethod
    def _absolute(cls, path: str | None) -> str | None:
        return None if path is None else str(Path(path).absolute())

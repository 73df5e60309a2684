"""The levels at which a study may measure: the sections of its file that say how, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator

from sweep import units
from sweep.fields import Seconds, Section
from sweep.trial import Spent

Backend: TypeAlias = Literal["simulator", "native", "kernel"]

Ladder: TypeAlias = (
    tuple[Literal["simulator"], Literal["native"]]
    | tuple[Literal["simulator"], Literal["kernel"]]
    | tuple[Literal["simulator"], Literal["native"], Literal["kernel"]]
)

LADDERS: Final[tuple[tuple[Backend, ...], ...]] = (
    ("simulator", "native"),
    ("simulator", "kernel"),
    ("simulator", "native", "kernel"),
)
"""From the cheap level to the one whose figures are reported."""

MinBlocks: TypeAlias = Annotated[int, Field(ge=2, le=1000, description="Of a configuration in one scenario.")]
MaxBlocks: TypeAlias = Annotated[
    int, Field(ge=2, le=1000, description="Where ratio_width is not reached before.")
]
RatioWidth: TypeAlias = Annotated[
    float,
    Field(
        gt=0,
        lt=10,
        description="Blocks are added until every objective's 95 % interval is narrower than this part of its ratio.",
    ),
]

MEASURED_BATCH_SIZE: Final = 4
"""Of a measured study that does not say: its trials run one after another, so a larger batch is asked for without
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

    kernel_time_s: Seconds | None = Field(
        default=None,
        gt=0,
        description="That trials in the kernel lab take together, their baseline blocks included.",
    )
    kernel_blocks: int | None = Field(
        default=None,
        gt=0,
        le=10_000_000,
        description="Of trials in the kernel lab together, in all scenarios.",
    )

    def of(self, backend: Backend) -> tuple[float | None, int | None]:
        """Seconds and blocks that trials of this backend may take together; None where that is not bounded."""
        if backend == "simulator":
            return None, None
        if backend == "native":
            return self.native_time_s, self.native_blocks
        return self.kernel_time_s, self.kernel_blocks

    def share(self, spent: Spent, backend: Backend = "native") -> float:
        """How much of a backend's budget that is; 1 or more where it is used up, 0 where there is none."""
        time_s, blocks = self.of(backend)
        return max(
            spent.time_s / time_s if time_s else 0.0,
            spent.blocks / blocks if blocks else 0.0,
        )


class _InBlocks(Section):
    """How many blocks of passes a measured trial takes."""

    min_blocks: MinBlocks = 2
    max_blocks: MaxBlocks
    ratio_width: RatioWidth

    @model_validator(mode="after")
    def _blocks(self) -> Self:
        if self.min_blocks > self.max_blocks:
            raise ValueError(f"min_blocks {self.min_blocks} is above max_blocks {self.max_blocks}")
        return self


class Native(_InBlocks):
    """How native trials are measured. The defaults are those of sweep.backends.native.settings."""

    rcu: Literal["kernel_like", "liburcu"] = Field(
        default="kernel_like",
        description="kernel_like: grace periods and callbacks as the machine profile says; liburcu: the library's own.",
    )
    allocator: Literal["slab", "glibc", "jemalloc", "mimalloc"] = Field(
        default="slab", description="slab: ours, after SLUB. Only it has type-stable memory and slab metrics."
    )
    idle: Literal["poll", "halt"] = Field(
        default="poll",
        description="What CPUs do without work. poll: as with idle=poll; halt: what the machine does.",
    )
    cpus: tuple[int, ...] = Field(
        default=(),
        description="Real CPUs, by number, that the benchmark owns; the machine's CPU i runs on the i-th. Empty: the "
        "first ones that may be used.",
    )
    max_blocks: MaxBlocks = 16
    ratio_width: RatioWidth = 0.05
    timeout_s: Seconds = Field(default=60.0, gt=0, description="For a pass, beyond the workload's own time.")

    @field_validator("cpus")
    @classmethod
    def _cpus(cls, cpus: tuple[int, ...]) -> tuple[int, ...]:
        for cpu in cpus:
            if cpu < 0 or cpus.count(cpu) > 1:
                raise ValueError(f"{cpu}: expected numbers of CPUs, each once")
        return cpus


def _bytes(value: Any) -> Any:
    try:
        return round(units.quantity(value, "bytes")) if isinstance(value, str) else value
    except units.UnitError as error:
        raise ValueError(str(error)) from None


Bytes = Annotated[int, BeforeValidator(_bytes, json_schema_input_type=int | str)]
"""Bytes, or a text with a unit."""


class Kernel(_InBlocks):
    """How trials in the kernel lab are measured. The defaults are those of sweep.backends.kernel.settings. CPUs,
    offloaded and lazy are the machine profile's (cpu.nr_cpus, nocb.nocb, nocb.lazy)."""

    accel: Literal["auto", "kvm", "tcg"] = Field(
        default="auto",
        description="auto: KVM where a guest boots with it, else emulation (tcg), whose times are no machine's.",
    )
    icount: int | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Time goes by instructions, 2^icount ns each: runs repeat, caches and contention cost nothing. "
        "Emulation only.",
    )
    memory_bytes: Bytes = Field(
        default=512 << 20, ge=128 << 20, le=1 << 40, description="Of the guest, or a text such as 1 GiB."
    )
    use_softirq: bool = Field(
        default=True, description="rcutree.use_softirq; false: callbacks run in rcuc kthreads."
    )
    memcg: bool = Field(default=False, description="Objects are charged to a control group (SLAB_ACCOUNT).")
    max_blocks: MaxBlocks = 6
    ratio_width: RatioWidth = 0.1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.icount is not None and self.accel == "kvm":
            raise ValueError("icount: only an emulated guest has it; leave accel out, or write tcg")
        return self


class Promotion(Section):
    """How a ladder goes from one level to the next."""

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

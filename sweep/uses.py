"""How a study uses workloads: which of them or which part, stretched how, with which readers and memory pressure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

import workloads
from sweep.fields import Seconds, Section, unknown
from workloads import Scale


class WorkloadUse(Section):
    """A workload, or a part of it, stretched."""

    name: str = Field(description="A workload by name, or the path of a Parquet file.")
    dilation: float = Field(default=1.0, ge=0.001, le=1e6, description="Multiplies all times.")
    replicas: int = Field(default=1, ge=1, le=100_000, description="Copies side by side, on further CPUs.")
    loops: int = Field(default=1, ge=1, le=100_000, description="Times that it is run through.")
    window: tuple[Seconds, Seconds] | None = Field(
        default=None,
        description="Start and length of the part that is used, such as [2 s, 1.5 s]; else all of it.",
    )

    @field_validator("window")
    @classmethod
    def _window(cls, window: tuple[float, float] | None) -> tuple[float, float] | None:
        if window is not None and not (0 <= window[0] < 1e9 and 1e-6 <= window[1] < 1e9):
            raise ValueError(
                f"starts at {window[0]:g} s, {window[1]:g} s long: expected a start from 0, a length"
            )
        return window

    @property
    def scale(self) -> Scale:
        """As a replay takes it."""
        window = None if self.window is None else (round(self.window[0] * 1e9), round(self.window[1] * 1e9))
        return Scale(self.dilation, self.replicas, self.loops, window)

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name.endswith(".parquet"):
            return str(Path(name).absolute())
        if name not in workloads.names():
            raise ValueError(unknown("workload", name, workloads.names()))
        return name

    @property
    def label(self) -> str:
        """`pgbench-connect`, or `pgbench-connect(replicas=16)` where it is stretched."""
        stretched = [
            f"{key}={value:g}"
            for key, value in (
                ("dilation", self.dilation),
                ("replicas", self.replicas),
                ("loops", self.loops),
            )
            if value != 1
        ]
        if self.window is not None:
            stretched.insert(0, f"window={self.window[0]:g}s+{self.window[1]:g}s")
        name = Path(self.name).stem if self.name.endswith(".parquet") else self.name
        return name + (f"({','.join(stretched)})" if stretched else "")

    def shortest(self) -> str | dict[str, Any]:
        """As people write it: the name alone where that says all."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        return self.name if len(values) == 1 else values


class Readers(Section):
    """What to change in every workload's reader model; what is left out stays as the workload says."""

    kind: Literal["mm_ref", "rcu_only"] | None = None
    readers_per_1000_faults: int | None = Field(default=None, ge=0, le=1_000_000)
    background_readers_per_cpu_per_s: int | None = Field(default=None, ge=0, le=100_000_000)
    section_quantiles: tuple[tuple[int, int], ...] | None = Field(
        default=None, description="Length of a read-side section: (ppm, ns) points of its distribution."
    )
    preempted_ppm: int | None = Field(default=None, ge=0, le=1_000_000)
    preempted_quantiles: tuple[tuple[int, int], ...] | None = None


class Pressure(Section):
    """Free memory over time, in place of every workload's own course."""

    points: tuple[tuple[int, int], ...] = Field(
        min_length=1, description="(t_ns, free pages in 1/1000 of the high watermark), times rising."
    )


def _as_use(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _as_readers(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Use = Annotated[WorkloadUse, BeforeValidator(_as_use, json_schema_input_type=str | WorkloadUse)]
ReaderChange = Annotated[Readers, BeforeValidator(_as_readers, json_schema_input_type=str | Readers)]

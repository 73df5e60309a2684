"""What is compared, as a file of conf/agreement says it: workloads by role, targets, what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from sweep import paths
from sweep.agreement.model import AgreementError, Role
from sweep.fields import Seconds, unknown
from sweep.trial import METRICS
from sweep.uses import Use, WorkloadUse


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(unknown("metric", name, METRICS))
    return name


MetricName = Annotated[str, BeforeValidator(_metric)]


class Target(_Value):
    """What is to be reached for a metric: at least this rank correlation, pooled and in the median over workloads;
    at most this median ratio error. One of them may be left out."""

    metric: MetricName
    spearman: float | None = Field(default=None, ge=-1, le=1)
    median_error: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _says_something(self) -> Target:
        if self.spearman is None and self.median_error is None:
            raise ValueError(f"{self.metric}: a target needs spearman, median_error, or both")
        return self


class Settings(_Value):
    """A workload has one role: what finds faults does not score. longest_s: a pair whose pass takes longer than
    this, by the simulator's word, is left out: a cap on retained objects can stretch one second to minutes."""

    development: tuple[Use, ...] = Field(min_length=1)
    held_out: tuple[Use, ...] = Field(min_length=1)
    longest_s: Seconds = Field(gt=0)
    objectives: tuple[MetricName, ...] = Field(min_length=2, max_length=4)
    targets: tuple[Target, ...] = ()
    shown: tuple[MetricName, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> Settings:
        names = [use.name for _, use in self.uses()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)}: named twice; a workload has one role and one window")
        return self

    def uses(self) -> Iterator[tuple[Role, WorkloadUse]]:
        """Every workload with its role."""
        for use in self.development:
            yield "development", use
        for use in self.held_out:
            yield "held_out", use

    def only(self, names: tuple[str, ...]) -> Settings:
        """With these workloads alone. Raises AgreementError for a name that is not there."""
        known = [use.name for _, use in self.uses()]
        for name in names:
            if name not in known:
                raise AgreementError(unknown("workload in the comparison", name, known))
        kept = {
            role: tuple(use for at, use in self.uses() if at == role and use.name in names)
            for role in ("development", "held_out")
        }
        return self.model_copy(update=kept)


def load(path: Path | None = None, default: str = "default") -> Settings:
    """From a YAML file; without one, the default of conf/agreement. Raises AgreementError."""
    path = path or paths.conf() / "agreement" / f"{default}.yaml"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Settings.model_validate(data)
    except ValidationError as error:
        lines = (f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise AgreementError("\n".join(lines)) from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise AgreementError(f"{path}: cannot be read as YAML: {error}") from None

"""What a study is: frozen values read from a YAML file, checked against what exists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

import policies
import workloads
from policies import Param
from sweep import machine, paths
from sweep.propose import Space
from sweep.trial import METRICS


class StudyError(ValueError):
    """A study that cannot be run; the message names the file and key, and what was expected."""


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Budget(_Value):
    """When a study ends: at the first of these."""

    trials: int = Field(gt=0, le=10_000_000)
    wall_time_s: float | None = Field(default=None, gt=0)


class Study(_Value):
    """One sweep: which configurations, measured where, judged by what, for how long."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    description: str = ""
    workloads: tuple[str, ...] = Field(min_length=1)
    machine: str
    policies: tuple[str, ...] | Literal["all"] = "all"
    fixed: Mapping[str, Mapping[str, int | bool | str]] = {}
    readers: Literal["mm_ref", "rcu_only"] | None = None
    objectives: tuple[str, ...] = Field(
        default=("exit_latency_ns.p99", "retained_bytes.mean"), min_length=2, max_length=4
    )
    budget: Budget
    sampler: Literal["nsga2"] = "nsga2"
    population: int = Field(default=32, ge=4, le=1000)
    seed: int = Field(default=1, ge=0, lt=2**32)

    @field_validator("workloads", "objectives", "policies")
    @classmethod
    def _unique(cls, names: Any) -> Any:
        if not isinstance(names, str) and len(set(names)) < len(names):
            raise ValueError("names a thing twice")
        return names

    @field_validator("objectives")
    @classmethod
    def _metrics(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in METRICS:
                raise ValueError(unknown("metric", name, METRICS))
        return names

    @field_validator("policies")
    @classmethod
    def _policies(cls, names: Any) -> Any:
        if names == ():
            raise ValueError("is empty: name at least one policy, or write `all`")
        for name in names if names != "all" else ():
            if name not in policies.catalogue():
                raise ValueError(unknown("policy", name, policies.catalogue()))
        return names

    @field_validator("workloads")
    @classmethod
    def _workloads(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in workloads.names() and not name.endswith(".parquet"):
                raise ValueError(unknown("workload", name, workloads.names()))
        return names

    @field_validator("machine")
    @classmethod
    def _machine(cls, name: str) -> str:
        if name not in machine.names() and not name.endswith((".yaml", ".yml")):
            raise ValueError(unknown("machine", name, machine.names()))
        return name

    @model_validator(mode="after")
    def _fixed(self) -> Self:
        for policy, values in self.fixed.items():
            if policy not in self.policy_names():
                raise ValueError(f"fixed: {unknown('policy of this study', policy, self.policy_names())}")
            policies.policy(policy).validate(values)
        return self

    def policy_names(self) -> tuple[str, ...]:
        """The policies to be tried, in the catalogue's order."""
        known = tuple(policies.catalogue())
        return known if self.policies == "all" else tuple(p for p in known if p in self.policies)

    def space(self) -> Space:
        """What the sampler may propose: a fixed parameter has a range of one value."""
        return Space({name: tuple(self._params(name)) for name in self.policy_names()})

    def _params(self, name: str) -> Iterator[Param]:
        fixed = self.fixed.get(name, {})
        for param in policies.policy(name).params:
            if param.name not in fixed:
                yield param
                continue
            value = param.validate(fixed[param.name])
            at = param.encode(value)
            choices = (str(value),) if param.type == "choice" else ()
            yield replace(param, min=at, max=at, default=value, choices=choices)

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, as it would be written to a file."""
        return {**self.model_dump(mode="json"), "policies": list(self.policy_names())}


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`there is no WHAT 'NAME'; did you mean 'NEAREST'?`, or what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = (
        "did you mean " + " or ".join(repr(n) for n in near) + "?" if near else "known: " + ", ".join(names)
    )
    return f"there is no {what} {name!r}; {hint}"


def names() -> list[str]:
    """The studies that come with the project."""
    return sorted(path.stem for path in paths.conf().glob("*.yaml"))


def find(name_or_path: str) -> Path:
    """A study file by its path, or by its name in conf/. Raises StudyError with the nearest names."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return path
    inside = paths.conf() / f"{name_or_path}.yaml"
    if inside.is_file():
        return inside
    if path.suffix in (".yaml", ".yml"):
        raise StudyError(f"{path}: no such file")
    raise StudyError(unknown("study", name_or_path, names()))


def load(path: Path, overrides: Sequence[str] = ()) -> Study:
    """The study of a YAML file, with `key=value` overrides (dotted keys, YAML values).

    Raises StudyError.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise StudyError(f"{path}: expected keys and values, as in conf/quick.yaml")
    for override in overrides:
        _override(data, override)
    return parse(data, str(path))


def parse(data: Mapping[str, Any], where: str) -> Study:
    """The study of plain values. Raises StudyError, naming `where`."""
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        raise StudyError("\n".join(_explain(where, e) for e in error.errors())) from None
    except policies.PolicyError as error:
        raise StudyError(f"{where}: fixed: {error}") from None


def _explain(where: str, error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"] if part != "literal['all']")
    if error["type"] == "extra_forbidden":
        text = unknown(
            "key",
            str(error["loc"][-1]),
            Study.model_fields if len(error["loc"]) == 1 else Budget.model_fields,
        )
        return f"{where}: {text}"
    text = error["msg"].removeprefix("Value error, ")
    return f"{where}: {key or 'study'}: {text[0].lower() + text[1:]}" + (
        f" (it is {error['input']!r})" if error["type"] != "missing" and key and "no " not in text else ""
    )


def _override(data: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise StudyError(f"--set {text}: expected KEY=VALUE, such as --set budget.trials=200")
    *parents, last = key.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise StudyError(f"--set {text}: {parent!r} holds a value, not keys")
    try:
        data[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise StudyError(f"--set {text}: the value is not YAML") from error

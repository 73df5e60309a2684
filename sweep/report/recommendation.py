"""`recommended.yaml`: what to set, what it was measured to do, and all it takes to measure that again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import policies
from sweep.backends.evaluator import Scenario
from sweep.scenarios import scenarios as scenarios_of
from sweep.standing import SIMULATED, Point, Standing
from sweep.study import Combine, Study
from sweep.study_file import StudyError, parse
from sweep.trial import METRICS, Configuration
from sweep.uses import Pressure, Readers, WorkloadUse

_HEAD: Final = """\
# {what}. Its figures are simulated. To measure them again:
#   python -m sweep simulate --config {name}
"""
_NATIVE_HEAD: Final = """\
# {what}. Its figures were measured in user space on {measured_on}.
# They are means over blocks; `python -m sweep measure` measures again on the machine that it runs on.
"""
_KERNEL_HEAD: Final = """\
# {what}. Its figures were measured in a kernel: {measured_on}.
# They are means over blocks; `python -m sweep measure --backend kernel` measures again.
"""
_EMULATED: Final = (
    "# EMULATED: its times are an emulator's, and no real CPU's. They serve for ordering only.\n"
)
_HEADS: Final = {"simulated": _HEAD, "native": _NATIVE_HEAD, "kernel": _KERNEL_HEAD}

Figures: TypeAlias = Literal["simulated", "native", "kernel"]

_FIGURES: Final[Mapping[str, Figures]] = {SIMULATED: "simulated", "native": "native", "kernel": "kernel"}
"""By the level of a standing."""


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stated(_Value):
    """A scenario, and what was measured in it. key: as in Scenario; another one means that the workload, the
    machine profile or what measures is no longer what it was. intervals: of native figures, the ends of the
    95 % intervals of times_baseline."""

    name: str
    workload: WorkloadUse
    machine: str
    seed: int
    readers: Readers | None = None
    pressure: Literal["none"] | Pressure | None = None
    key: str
    times_baseline: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] | None = None
    metrics: Mapping[str, int | float]

    def scenario(self) -> Scenario:
        """The scenario, made again. Raises StudyError, workloads.WorkloadError and machine.MachineError."""
        same = self.model_dump(mode="json", include={"readers", "pressure"}, exclude_none=True)
        workload = self.workload.model_dump(mode="json")
        place = {"workloads": [workload], "machines": [self.machine]}
        study = parse({"name": "one", "budget": {"trials": 1}, **place, **same}, self.name)
        # A repeat's seed may lie beyond the seeds that a study can be given.
        (made,) = scenarios_of(study.model_copy(update={"seed": self.seed}))
        return replace(made, name=self.name)


class Recommendation(_Value):
    """The file's content. values: over all scenarios, by which points were judged (see `combine`). emulated: true
    where times are an emulator's, else nothing. trial: of what was chosen by its number in place of what the
    study recommends."""

    figures: Figures = "simulated"
    emulated: bool | None = None
    measured_on: str | None = None
    study: str
    trial: int | None = None
    policy: str
    params: Mapping[str, bool | int | str]
    why: str
    combine: Combine
    values: Mapping[str, float]
    scenarios: tuple[Stated, ...] = Field(min_length=1)

    @property
    def title(self) -> str:
        """Whose choice it is, in words."""
        if self.trial is None:
            return f"What the study {self.study} recommends"
        return f"Trial {self.trial} of the study {self.study}, which recommends another"

    @property
    def configuration(self) -> Configuration:
        """Complete. Raises policies.PolicyError."""
        return Configuration.of(self.policy, policies.policy(self.policy).validate(self.params))


def recommendation(
    study: Study,
    scenarios: Sequence[Scenario],
    standing: Standing,
    measured_on: str = "",
    chosen: Point | None = None,
) -> Recommendation | None:
    """What to write for a study; None where nothing is recommended. measured_on: of native figures, the machine
    in words. chosen: a point of the standing, in place of the recommended one."""
    best = chosen or standing.recommended
    if best is None:
        return None
    other = best if best != standing.recommended else None
    places = product(study.workloads, study.machines, range(study.repeats))
    stated = tuple(
        Stated(
            name=scenario.name,
            workload=use,
            machine=machine,
            seed=scenario.seed,
            readers=study.readers,
            pressure=study.pressure,
            key=scenario.key,
            times_baseline=dict(zip(standing.objectives, ratios, strict=True)),
            intervals=_intervals(standing, best, place),
            metrics={n: v for n, v in measurement.flat().items() if n not in standing.unmeasured},
        )
        for place, (scenario, (use, machine, _), (_, measurement), ratios) in enumerate(
            zip(scenarios, places, best.measurements, best.scenario_ratios, strict=True)
        )
    )
    configuration = best.trial.configuration
    return Recommendation(
        figures=_FIGURES[standing.level],
        emulated=standing.emulated or None,
        measured_on=measured_on or None,
        study=study.name,
        trial=other.trial.number if other else None,
        policy=configuration.policy,
        params=configuration.mapping(),
        why=_why_chosen(other) if other else standing.why,
        combine=standing.combine,
        values=dict(zip(standing.objectives, best.values, strict=True)),
        scenarios=stated,
    )


def _why_chosen(point: Point) -> str:
    said = f"trial {point.trial.number} was chosen by its number"
    if point.broken:
        said += "; it does not keep " + ", ".join(
            f"{each.constraint} in {each.scenario} ({each.value})" for each in point.broken
        )
    return said


def _intervals(standing: Standing, best: Point, place: int) -> dict[str, tuple[float, float]] | None:
    if not best.intervals:
        return None
    named = zip(standing.objectives, best.intervals[place], strict=True)
    return {name: (each.low, each.high) for name, each in named}


def write(value: Recommendation, path: Path) -> None:
    """Write the file. Numbers are written so that they come back as they are. Raises OSError."""
    document = value.model_dump(mode="json", exclude_none=True)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    head = _HEADS[value.figures] + (_EMULATED if value.emulated else "")
    said = head.format(
        what=value.title, name=path.name, measured_on=value.measured_on or "a machine without a name"
    )
    path.write_text(said + text, encoding="utf-8")


def read(path: Path) -> Recommendation:
    """The inverse. A machine file or workload file by a relative path is looked for beside this one.

    Raises StudyError: the file cannot be read, or does not hold a recommendation.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StudyError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict) or not {"policy", "params", "scenarios"} <= data.keys():
        raise StudyError(
            f"{path}: is no recommended.yaml (no policy, params and scenarios); `python -m sweep report` writes one"
        )
    try:
        value = Recommendation.model_validate(_beside(data, path.parent))
    except ValidationError as error:
        lines = (f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise StudyError("\n".join(lines)) from None
    names = [each.name for each in value.scenarios]
    for each in value.scenarios:
        if names.count(each.name) > 1:
            raise StudyError(f"{path}: scenarios: {each.name} is there twice")
        if unknown := sorted(each.metrics.keys() - METRICS.keys()):
            raise StudyError(f"{path}: {each.name}: there is no metric {', '.join(unknown)}")
    return value


def _beside(data: dict[Any, Any], folder: Path) -> dict[Any, Any]:
    listed = data.get("scenarios")
    return data | {
        "scenarios": [_found(s, folder) if isinstance(s, dict) else s for s in listed]
        if isinstance(listed, list)
        else listed
    }


def _found(scenario: dict[Any, Any], folder: Path) -> dict[Any, Any]:
    def place(name: Any) -> Any:
        is_file = isinstance(name, str) and name.endswith((".yaml", ".yml", ".parquet"))
        return str((folder / name).absolute()) if is_file else name

    workload = scenario.get("workload")
    if isinstance(workload, dict):
        workload = workload | {"name": place(workload.get("name"))}
    return scenario | {"machine": place(scenario.get("machine")), "workload": workload}

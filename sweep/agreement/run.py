"""One comparison: every configuration in every workload, on the machine and in the simulator, the same rows.

How a pass is measured is passed in, so all of this runs without a machine of its own in tests.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np

import workloads
from sweep.agreement import assess, plan
from sweep.agreement.kept import Kept, Record
from sweep.agreement.model import PARTS, USER_SPACE, Agreement, AgreementError, Drift, Role
from sweep.agreement.settings import Settings
from sweep.backends import simulator
from sweep.backends.evaluator import EvaluationError
from sweep.machine import Costs, Machine
from sweep.trial import Configuration, Measurement
from workloads import Replay

ATTEMPTS: Final = 3
"""At a pass that fails for the machine's sake, or is disturbed."""

_SIMULATED_ONLY: Final = frozenset(
    ("description", "name", "costs", "wake_latency_ns", "gp_init_ns", "gp_cleanup_ns")
)
"""Entries of a profile that mean nothing to a measurement: a calibration anew leaves what was measured valid."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A workload as both backends run it. key: 16 hexadecimal digits of all its rows and readers."""

    workload: str
    role: Role
    replay: Replay
    key: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One pass on the machine. disturbed: something else used the machine meanwhile."""

    measurement: Measurement
    unmeasured: tuple[str, ...] = ()
    disturbed: bool = False


Measure: TypeAlias = Callable[[Replay, Configuration, int], Measured]
"""(rows, configuration, seed of the readers) to what one pass measured; raises EvaluationError."""


@dataclass(frozen=True, slots=True)
class Host:
    """What is measured on. key: of its fingerprint; bench: the build of what measures; measure: how. where: in
    words. heeds: the entries of a profile that a measurement follows from; None: all but costs."""

    key: str
    bench: str
    measure: Measure
    where: str = USER_SPACE
    heeds: frozenset[str] | None = None


class Between(Protocol):
    """A calibration between the passes."""

    def before_pass(self, done: int, of: int) -> None:
        """`done`: passes that come before, of so many."""

    def profile(self) -> Machine:
        """When all is measured: what is compared, which differs from the machine's profile in its costs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out: pairs, and what could not be compared (workload, configuration, why)."""

    agreement: Agreement
    pairs: tuple[assess.Pair, ...]
    failed: tuple[tuple[str, Configuration, str], ...]


def scenes(settings: Settings, nr_cpus: int, seed: int) -> tuple[Scene, ...]:
    """Every workload of the settings on that many CPUs. Raises workloads.WorkloadError."""
    return tuple(_scenes(settings, nr_cpus, seed))


def _scenes(settings: Settings, nr_cpus: int, seed: int) -> Iterator[Scene]:
    for role, use in settings.uses():
        replay = workloads.replay(workloads.load(use.name), nr_cpus, use.scale, seed=seed)
        digest = hashlib.sha256()
        for field in dataclasses.fields(replay):
            value = getattr(replay, field.name)
            content = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            digest.update(f" {field.name} {len(content)} ".encode() + content)
        yield Scene(use.name, role, replay, digest.hexdigest()[:16])


def is_measured(field: str) -> bool:
    """Whether what is measured follows from that entry of a profile."""
    return field not in _SIMULATED_ONLY and f"{field.removesuffix('_ps')}_ns" not in Costs.model_fields


def item_key(item: plan.Item, scene: Scene, machine: Machine, host: Host, seed: int) -> str:
    """16 hexadecimal digits of all that the measurement of an item follows from."""
    profile = {
        field: value
        for field, value in machine.resolved().items()
        if (is_measured(field) if host.heeds is None else field in host.heeds)
    }
    text = json.dumps(
        [
            profile,
            scene.key,
            item.configuration.key(),
            item.repeat,
            item.drift,
            host.key,
            host.bench,
            seed,
        ],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def compare(
    settings: Settings,
    machine: Machine,
    configurations: Sequence[Configuration],
    host: Host,
    kept: Kept,
    *,
    repeats: int,
    seed: int,
    clock: Callable[[], float],
    progress: Callable[[int, int], None] = lambda done, of: None,
    between: Between | None = None,
) -> Comparison:
    """Measure what `kept` does not have, simulate everything, and say how well they agree.

    configurations: the baseline first. clock: Unix time in s. progress: called with the number of passes that
    are measured, and of all. between: what calibrates between the passes; None: `machine` is what is compared.

    Raises AgreementError where the machine fails again and again (what was measured is kept), and
    SimulationError.
    """
    found = {scene.workload: scene for scene in scenes(settings, machine.nr_cpus, seed)}
    baseline = configurations[0]
    simulated = _simulated(found, machine, configurations, seed)
    longest_ns = settings.longest_s * 1e9
    short = [pair for pair, result in simulated.items() if result.details["duration_ns"] <= longest_ns]
    items = list(plan.order(short, repeats, baseline, seed))
    records: list[Record] = []
    for done, item in enumerate(items):
        progress(done, len(items))
        if between:
            between.before_pass(done, len(items))
        scene = found[item.workload]
        key = item_key(item, scene, machine, host, seed)
        record = kept.get(key)
        if record is None:
            record = _measured(item, scene, key, host, seed, clock)
            kept.add(record)
        records.append(record)
    progress(len(items), len(items))
    if between:
        machine = between.profile()
        simulated = _simulated(found, machine, configurations, seed)
    pairs: list[assess.Pair] = []
    failed = [(*pair, f"takes more than {settings.longest_s:g} s") for pair in simulated if pair not in short]
    passes: dict[tuple[str, Configuration], list[Record]] = {pair: [] for pair in short}
    for record in records:
        if not record.drift:
            passes[record.workload, record.configuration].append(record)
    for (name, configuration), there in passes.items():
        if why := next((each.failure for each in there if each.failure), ""):
            failed.append((name, configuration, why))
        else:
            pairs.append(_pair(found[name], there, simulated[name, configuration].measurement))
    agreement = _agreement(settings, machine, host, pairs, records, baseline, seed)
    return Comparison(agreement, tuple(pairs), tuple(failed))


def _simulated(
    found: Mapping[str, Scene], machine: Machine, configurations: Sequence[Configuration], seed: int
) -> dict[tuple[str, Configuration], simulator.SimulationResult]:
    return {
        (name, each): simulator.simulate(scene.replay, machine, each.policy, each.mapping(), seed)
        for name, scene in found.items()
        for each in configurations
    }


def _pair(scene: Scene, there: Sequence[Record], simulated: Measurement) -> assess.Pair:
    calm = [each for each in there if not each.disturbed] or there
    return assess.Pair(
        workload=scene.workload,
        role=scene.role,
        configuration=there[0].configuration,
        passes=tuple(each.measurement for each in calm if each.measurement is not None),
        simulated=simulated,
        unmeasured=frozenset(name for each in there for name in each.unmeasured),
    )


def _measured(
    item: plan.Item, scene: Scene, key: str, host: Host, seed: int, clock: Callable[[], float]
) -> Record:
    """One pass; again where the machine failed or was disturbed."""
    record = Record(
        key=key,
        workload=item.workload,
        configuration=item.configuration,
        repeat=item.repeat,
        drift=item.drift,
        at_s=clock(),
        machine_key=host.key,
        bench=host.bench,
        measurement=None,
    )
    for attempt in range(ATTEMPTS):
        last = attempt == ATTEMPTS - 1
        try:
            measured = host.measure(scene.replay, item.configuration, seed + item.repeat)
        except EvaluationError as error:
            if not error.cause.is_the_machines:
                return dataclasses.replace(record, failure=str(error))
            if last:
                raise AgreementError(
                    f"{item.workload}: {item.configuration}: {error} ({ATTEMPTS} times); what was measured "
                    "is kept: run the same command again to go on"
                ) from error
            continue
        if last or not measured.disturbed:
            return dataclasses.replace(
                record,
                measurement=measured.measurement,
                unmeasured=measured.unmeasured,
                disturbed=measured.disturbed,
            )
    raise AssertionError


def _agreement(
    settings: Settings,
    machine: Machine,
    host: Host,
    pairs: Sequence[assess.Pair],
    records: Sequence[Record],
    baseline: Configuration,
    seed: int,
) -> Agreement:
    if not any(pair.configuration == baseline for pair in pairs):
        raise AgreementError(f"the baseline, {baseline}, could not be measured; nothing to compare with")
    last = datetime.datetime.fromtimestamp(max(record.at_s for record in records), datetime.UTC)
    by_part: Mapping[str, list[assess.Pair]] = {
        name: [pair for pair in pairs if name in ("all", pair.role)] for name in PARTS
    }
    return Agreement(
        machine=machine.name,
        machine_key=host.key,
        simulator=simulator.build_id(),
        bench=host.bench,
        where=host.where,
        measured_on=last.date().isoformat(),
        seed=seed,
        objectives=settings.objectives,
        passes=len(records),
        disturbed=sum(record.disturbed for record in records),
        parts=tuple(
            assess.part(name, by_part[name], baseline, settings.objectives, seed)
            for name in PARTS
            if by_part[name]
        ),
        drift=tuple(_drift(settings, records)),
    )


def _drift(settings: Settings, records: Sequence[Record]) -> Iterator[Drift]:
    for name in dict.fromkeys(record.workload for record in records):
        again = [
            each.measurement
            for each in records
            if each.drift and each.workload == name and each.measurement is not None and not each.disturbed
        ]
        for metric in settings.objectives if len(again) > 1 else ():
            values = [float(each.get(metric)) for each in again]
            yield Drift(name, metric, len(values), float(np.median(values)), min(values), max(values))

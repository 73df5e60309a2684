"""What `lab curve` found, as values and as files."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

import policies
from sweep.backends.kernel import beside
from sweep.backends.kernel.beside import PolicyRow
from sweep.backends.kernel.curve import Curve, CurveTrial, Look
from sweep.backends.kernel.curve_points import CurvePoint
from sweep.errors import InputError
from sweep.trial import Configuration, Interval

TRIALS: Final = "trials.parquet"
_ABOUT: Final = b"rcu_sweep_curve"
"""Key of the file's metadata: all of a Curve but its trials, as JSON."""


@dataclass(frozen=True, slots=True)
class Row:
    """Per object, of n by one exit or one munmap(). whole_exit: by what part the kernel's whole exit would be
    longer; None in the kernel's own row."""

    name: str
    exit_ns: Interval
    munmap_ns: Interval
    retained_ns: float | None
    whole_exit: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """The curve, and the policies beside it: empty where they were not asked for. n: objects of these."""

    curve: Curve
    points: Sequence[CurvePoint]
    n: int
    policies: Sequence[PolicyRow]

    @property
    def label(self) -> str:
        """Which kernel, and that its times are emulated."""
        kind = "emulated: its times are no machine's" if self.curve.emulated else "KVM"
        return f"Linux {self.curve.release}, {kind}"

    def rows(self) -> Iterator[Row]:
        """The kernel's own, of areas with a page each, then the policies'."""
        if not self.policies:
            return
        exits, munmaps = (
            next(p for p in self.points if (p.how, p.touched, p.n) == (how, True, self.n))
            for how in ("exit", "munmap")
        )
        preset = beside.preset_of(self.curve.release)
        yield Row(
            f"the kernel itself ({preset.name})",
            exits.removal_ns_per_area,
            munmaps.removal_ns_per_area,
            _mean(exits.mean_dead_age_ns, munmaps.mean_dead_age_ns),
            None,
        )
        for each in self.policies:
            more = each.exit_ns_per_object.value - self.policies[0].exit_ns_per_object.value
            yield Row(
                _name(each.configuration),
                each.exit_ns_per_object,
                each.munmap_ns_per_object,
                each.retained_ns_per_object.value,
                more * self.n / exits.total_ns.value,
            )


def _mean(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else (a + b) / 2


def _name(configuration: Configuration) -> str:
    """Policy, parameters that are not their defaults, and the presets that are this."""
    defaults = policies.policy(configuration.policy).defaults()
    changed = {name: value for name, value in configuration.params if defaults[name] != value}
    known = policies.presets().values()
    same = [each.name for each in known if beside.configuration_of(each) == configuration]
    return f"{Configuration.of(configuration.policy, changed)}" + (f" ({', '.join(same)})" if same else "")


# -- files --------------------------------------------------------------------------------------


def write(output: Path, found: Found) -> None:
    """trials.parquet, points.csv and policies.csv. Raises OSError."""
    curve = found.curve
    table = pa.Table.from_pylist([dataclasses.asdict(trial) for trial in curve.trials])
    table = table.append_column("emulated", pa.array([curve.emulated] * table.num_rows))
    about = {
        "release": curve.release,
        "emulated": curve.emulated,
        "probes": dict(curve.probes),
        "object_bytes": curve.object_bytes,
    }
    pq.write_table(table.replace_schema_metadata({_ABOUT: json.dumps(about)}), output / TRIALS)
    written = document(found)
    for name in ("points", "policies"):
        if written[name]:
            _write_csv(output / f"{name}.csv", [_flat(each) for each in written[name]])


def read(output: Path) -> Curve | None:
    """What write() wrote there; None where nothing is. Raises InputError for another file."""
    path = output / TRIALS
    if not path.exists():
        return None
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[_ABOUT])
        trials = tuple(_trial(row) for row in table.drop_columns("emulated").to_pylist())
        return Curve(**about | {"object_bytes": tuple(about["object_bytes"])}, trials=trials)
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not written by this version of lab curve; choose another directory"
        ) from error


def _trial(row: dict[str, Any]) -> CurveTrial:
    return CurveTrial(**row | {"looks": tuple(Look(**look) for look in row["looks"])})


def added(old: Curve | None, new: Curve) -> Curve:
    """The trials of both. Raises InputError where they are of unlike kernels."""
    if old is None:
        return new
    if (old.release, old.emulated) != (new.release, new.emulated):
        raise InputError(
            f"the trials there are of Linux {old.release}, these of {new.release}: choose another directory"
        )
    first = 1 + max(trial.block for trial in old.trials)
    later = (replace(trial, block=first + trial.block) for trial in new.trials)
    return replace(new, trials=(*old.trials, *later))


def document(found: Found) -> dict[str, Any]:
    """As JSON."""
    emulated = found.curve.emulated
    return {
        "release": found.curve.release,
        "emulated": emulated,
        "probes": dict(found.curve.probes),
        "object_bytes": dict(zip(("vm_area_struct", "vma_lock"), found.curve.object_bytes, strict=True)),
        "points": [
            dataclasses.asdict(p) | {"mean_dead_age_ns": p.mean_dead_age_ns, "emulated": emulated}
            for p in found.points
        ],
        "policies": [
            dataclasses.asdict(row) | {"objects": found.n, "emulated": emulated} for row in found.rows()
        ],
    }


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    """{"share": {"low": 1}} -> {"share.low": 1}; what is retained over time is in trials.parquet."""
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            flat.update({f"{name}.{leaf}": number for leaf, number in inner.items()})
        elif name != "looks":
            flat[name] = inner
    return flat


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

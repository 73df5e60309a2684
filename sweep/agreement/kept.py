"""What was measured, in a file of JSON lines: measuring takes hours and is not done twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.agreement import lines
from sweep.trial import Configuration, Measurement


@dataclass(frozen=True, slots=True)
class Record:
    """One measured pass, or why there is none (failure: the configuration's own).

    key: of all that it follows from; see `run.item_key`. disturbed: something else used the machine, and
    repeating did not help.
    """

    key: str
    workload: str
    configuration: Configuration
    repeat: int
    drift: bool
    at_s: float  # Unix time
    machine_key: str
    bench: str
    measurement: Measurement | None
    unmeasured: tuple[str, ...] = ()
    disturbed: bool = False
    failure: str = ""


class Kept:
    """The records of a file, appended to as they come; a torn last line is cut off."""

    def __init__(self, path: Path) -> None:
        """Raises AgreementError for a file that is something else."""
        self.path = path
        self._records = {each.key: each for each in lines.read(path, _parse, "a record of a measured pass")}

    def get(self, key: str) -> Record | None:
        return self._records.get(key)

    def records(self) -> list[Record]:
        """In the order of measuring."""
        return list(self._records.values())

    def add(self, record: Record) -> None:
        """On disk when this returns. Raises OSError."""
        lines.append(self.path, _document(record))
        self._records[record.key] = record


def _document(record: Record) -> dict[str, Any]:
    return {
        "key": record.key,
        "workload": record.workload,
        "policy": record.configuration.policy,
        "params": record.configuration.mapping(),
        "repeat": record.repeat,
        "drift": record.drift,
        "at_s": record.at_s,
        "machine_key": record.machine_key,
        "bench": record.bench,
        "metrics": record.measurement and record.measurement.flat(),
        "unmeasured": list(record.unmeasured),
        "disturbed": record.disturbed,
        "failure": record.failure,
    }


def _parse(document: dict[str, Any]) -> Record:
    metrics = document["metrics"]
    return Record(
        key=str(document["key"]),
        workload=str(document["workload"]),
        configuration=Configuration.of(document["policy"], document["params"]),
        repeat=int(document["repeat"]),
        drift=bool(document["drift"]),
        at_s=float(document["at_s"]),
        machine_key=str(document["machine_key"]),
        bench=str(document["bench"]),
        measurement=None if metrics is None else Measurement.from_flat(metrics),
        unmeasured=tuple(document["unmeasured"]),
        disturbed=bool(document["disturbed"]),
        failure=str(document["failure"]),
    )

"""An attempt as a record of the log and as rows of a segment; the inverse of both."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, TypeAlias, get_type_hints

import pyarrow as pa

from sweep.trial import (
    METRICS,
    Attempt,
    Cause,
    Configuration,
    Evidence,
    Failure,
    Interval,
    Measurement,
    Trial,
)

SCHEMA_VERSION: Final = 3
"""Of the directory: log, manifest and segments. Raise it with any change of the metrics or columns.

1: log of JSON rows, manifest of bare names. 2: log of framed records that can be found again behind
damage, manifest with sizes and digests. 3: what noisy measurements rest on, in columns of its own (EVIDENCE)
and at the end of a record. Files of 1 and 2 have no such columns: nothing in them was noisy.
"""

COLUMNS: Final[dict[str, pa.DataType]] = {
    "trial": pa.int64(),
    "attempt": pa.int32(),
    "origin": pa.string(),
    "policy": pa.string(),
    "params": pa.string(),  # JSON object, names sorted
    "configuration": pa.string(),  # Configuration.key()
    "scenario": pa.string(),  # null where the attempt failed before any was measured
    "failure_cause": pa.string(),
    "failure_text": pa.string(),
    "worker": pa.string(),
    "started_s": pa.float64(),
    "elapsed_s": pa.float64(),
}
FIGURES: Final[dict[str, pa.DataType]] = {
    m.name: pa.int64() if m.integral else pa.float64() for m in METRICS.values()
}
_INTERVAL: Final = ("metric", "value", "low", "high")
_INTERVALS: Final = pa.list_(
    pa.struct([pa.field(name, pa.float64() if name != "metric" else pa.string()) for name in _INTERVAL])
)
EVIDENCE: Final[dict[str, pa.DataType]] = {
    "level": pa.string(),  # null where the scenario was simulated, as are the other five
    "machine": pa.string(),
    "blocks": pa.int32(),
    "disturbed": pa.int32(),
    "intervals": _INTERVALS,  # Evidence.values
    "ratios": _INTERVALS,
    "unmeasured": pa.list_(pa.string()),
}
SCHEMA: Final = pa.schema({**COLUMNS, **FIGURES, **EVIDENCE})
"""One row for each scenario of an attempt, in the attempt's order; at least one."""

Key: TypeAlias = tuple[int, int]
"""(trial number, attempt number): what an attempt is known by."""

_figures = attrgetter(*METRICS)


def key(attempt: Attempt) -> Key:
    """What the attempt is known by."""
    return attempt.trial.number, attempt.number


def _layout() -> Iterator[tuple[type, int, int]]:
    """Each field of a Measurement: its type, and from where to where its leaves stand in METRICS."""
    start = 0
    for kind in get_type_hints(Measurement).values():
        stop = start + (len(dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else 1)
        yield kind, start, stop
        start = stop


_LAYOUT: Final = tuple(_layout())


def _measurement(values: Sequence[Any]) -> Measurement:
    """From the values of METRICS, in their order."""
    if len(values) != len(METRICS):
        raise ValueError(f"{len(values)} figures, expected {len(METRICS)}")
    fields: Iterator[Any] = (
        kind(values[start]) if kind in (int, float) else kind(*map(float, values[start:stop]))
        for kind, start, stop in _LAYOUT
    )
    return Measurement(*fields)


# -- the log ------------------------------------------------------------------------------------


def payload(attempt: Attempt) -> bytes:
    """The attempt as ASCII text. Floats are written so that they come back as they were."""
    trial, failure = attempt.trial, attempt.failure
    document = [
        trial.number,
        attempt.number,
        trial.origin,
        trial.configuration.policy,
        trial.configuration.mapping(),
        [failure.cause.value, failure.text] if failure else None,
        attempt.worker,
        attempt.started_s,
        attempt.elapsed_s,
        [[scenario, _figures(measured)] for scenario, measured in attempt.measurements],
        [[scenario, *_plain(each)] for scenario, each in attempt.evidence],
    ]
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def from_payload(data: bytes) -> Attempt:
    """The inverse. Raises ValueError or TypeError for what is not an attempt."""
    document = json.loads(data)
    if len(document) == _FIELDS_2:
        document.append([])
    trial, number, origin, policy, params, failure, worker, started_s, elapsed_s, measured, evidence = (
        document
    )
    return Attempt(
        trial=Trial(trial, Configuration.of(policy, params), origin),
        number=number,
        measurements=tuple((scenario, _measurement(values)) for scenario, values in measured),
        failure=Failure(Cause(failure[0]), failure[1]) if failure else None,
        worker=worker,
        started_s=started_s,
        elapsed_s=elapsed_s,
        evidence=tuple((scenario, _evidence(values)) for scenario, *values in evidence),
    )


_FIELDS_2: Final = 10
"""Of a record of version 2, which ends with the measurements."""


def _plain(evidence: Evidence) -> list[Any]:
    """Its fields in their order, an interval as [metric, value, low, high]."""
    return [
        evidence.level,
        evidence.machine,
        evidence.blocks,
        evidence.disturbed,
        *(
            [[name, i.value, i.low, i.high] for name, i in intervals]
            for intervals in (evidence.values, evidence.ratios)
        ),
        list(evidence.unmeasured),
    ]


def _evidence(fields: Sequence[Any]) -> Evidence:
    """The inverse."""
    level, machine, blocks, disturbed, values, ratios, unmeasured = fields
    of_values, of_ratios = (
        tuple((name, Interval(value, low, high)) for name, value, low, high in each)
        for each in (values, ratios)
    )
    return Evidence(level, machine, blocks, disturbed, of_values, of_ratios, tuple(unmeasured))


# -- segments -----------------------------------------------------------------------------------


def table(attempts: Iterable[Attempt]) -> pa.Table:
    """All rows of all attempts, with the columns of SCHEMA."""
    heads: list[tuple[Any, ...]] = []
    figures: list[tuple[Any, ...]] = []
    evidence: list[Sequence[Any]] = []
    missing, certain = (None,) * len(METRICS), (None,) * len(EVIDENCE)
    for attempt in attempts:
        trial, failure = attempt.trial, attempt.failure
        configuration = trial.configuration
        params = json.dumps(configuration.mapping(), sort_keys=True)
        before = *key(attempt), trial.origin, configuration.policy, params, configuration.key()
        cause = (failure.cause.value, failure.text) if failure else (None, None)
        after = *cause, attempt.worker, attempt.started_s, attempt.elapsed_s
        rests_on = dict(attempt.evidence)
        for scenario, measured in attempt.measurements or [(None, None)]:
            heads.append((*before, scenario, *after))
            figures.append(_figures(measured) if measured else missing)
            evidence.append(_cells(rests_on[scenario]) if scenario in rests_on else certain)
    if not heads:
        return SCHEMA.empty_table()
    columns = chain(*(zip(*rows, strict=True) for rows in (heads, figures, evidence)))
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def _cells(evidence: Evidence) -> list[Any]:
    """As the columns of EVIDENCE have it."""
    fields = _plain(evidence)
    for place in (4, 5):
        fields[place] = [dict(zip(_INTERVAL, each, strict=True)) for each in fields[place]]
    return fields


def conformed(data: pa.Table) -> pa.Table:
    """With the columns of SCHEMA, of rows that an earlier version wrote too."""
    for name, kind in EVIDENCE.items():
        if name not in data.column_names:
            data = data.append_column(name, pa.array([None] * data.num_rows, kind))
    return data


def from_table(data: pa.Table) -> list[Attempt]:
    """The attempts of rows in the order in which `table` makes them."""
    data = conformed(data)
    rows = (
        zip(*(data.column(name).to_pylist() for name in columns), strict=True)
        for columns in (COLUMNS, FIGURES, EVIDENCE)
    )
    found: list[Attempt] = []
    measured: list[tuple[str, Measurement]] = []
    evidence: list[tuple[str, Evidence]] = []
    last: tuple[Any, ...] | None = None
    for head, values, cells in zip(*rows, strict=True):
        if last is not None and head[:2] != last[:2]:
            found.append(_attempt(last, measured, evidence))
            measured, evidence = [], []
        last = head
        if (scenario := head[6]) is not None:
            measured.append((scenario, _measurement(values)))
            if cells[0] is not None:
                *four, of_values, of_ratios, unmeasured = cells
                intervals = ([each.values() for each in column] for column in (of_values, of_ratios))
                evidence.append((scenario, _evidence([*four, *intervals, unmeasured])))
    if last is not None:
        found.append(_attempt(last, measured, evidence))
    return found


def _attempt(
    head: tuple[Any, ...],
    measured: list[tuple[str, Measurement]],
    evidence: list[tuple[str, Evidence]],
) -> Attempt:
    trial, number, origin, policy, params, _, _, cause, text, worker, started_s, elapsed_s = head
    return Attempt(
        trial=Trial(trial, Configuration.of(policy, json.loads(params)), origin),
        number=number,
        measurements=tuple(measured),
        failure=Failure(Cause(cause), text) if cause else None,
        worker=worker,
        started_s=started_s,
        elapsed_s=elapsed_s,
        evidence=tuple(evidence),
    )


def from_rows(data: Iterable[dict[str, Any]]) -> list[Attempt]:
    """The attempts of rows as version 1 logged them."""
    return from_table(pa.Table.from_pylist(list(data), schema=SCHEMA))

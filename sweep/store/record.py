"""An attempt as a record of the log and as rows of a segment; the inverse of both."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, TypeAlias, get_type_hints

import pyarrow as pa

from sweep.trial import METRICS, Attempt, Cause, Configuration, Failure, Measurement, Trial

SCHEMA_VERSION: Final = 2
"""Of the directory: log, manifest and segments. Raise it with any change of the metrics or columns.

1: log of JSON rows, manifest of bare names. 2: log of framed records that can be found again behind
damage, manifest with sizes and digests. The columns of the segments are the same in both.
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
SCHEMA: Final = pa.schema({**COLUMNS, **FIGURES})
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
    ]
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def from_payload(data: bytes) -> Attempt:
    """The inverse. Raises ValueError or TypeError for what is not an attempt."""
    trial, number, origin, policy, params, failure, worker, started_s, elapsed_s, measured = json.loads(data)
    return Attempt(
        trial=Trial(trial, Configuration.of(policy, params), origin),
        number=number,
        measurements=tuple((scenario, _measurement(values)) for scenario, values in measured),
        failure=Failure(Cause(failure[0]), failure[1]) if failure else None,
        worker=worker,
        started_s=started_s,
        elapsed_s=elapsed_s,
    )


# -- segments -----------------------------------------------------------------------------------


def table(attempts: Iterable[Attempt]) -> pa.Table:
    """All rows of all attempts, with the columns of SCHEMA."""
    heads: list[tuple[Any, ...]] = []
    figures: list[tuple[Any, ...]] = []
    missing = (None,) * len(METRICS)
    for attempt in attempts:
        trial, failure = attempt.trial, attempt.failure
        configuration = trial.configuration
        params = json.dumps(configuration.mapping(), sort_keys=True)
        before = *key(attempt), trial.origin, configuration.policy, params, configuration.key()
        cause = (failure.cause.value, failure.text) if failure else (None, None)
        after = *cause, attempt.worker, attempt.started_s, attempt.elapsed_s
        for scenario, measured in attempt.measurements or [(None, None)]:
            heads.append((*before, scenario, *after))
            figures.append(_figures(measured) if measured else missing)
    if not heads:
        return SCHEMA.empty_table()
    columns = chain(zip(*heads, strict=True), zip(*figures, strict=True))
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def from_table(data: pa.Table) -> list[Attempt]:
    """The attempts of rows in the order in which `table` makes them."""
    heads = zip(*(data.column(name).to_pylist() for name in COLUMNS), strict=True)
    figures = zip(*(data.column(name).to_pylist() for name in FIGURES), strict=True)
    found: list[Attempt] = []
    measured: list[tuple[str, Measurement]] = []
    last: tuple[Any, ...] | None = None
    for head, values in zip(heads, figures, strict=True):
        if last is not None and head[:2] != last[:2]:
            found.append(_attempt(last, measured))
            measured = []
        last = head
        if (scenario := head[6]) is not None:
            measured.append((scenario, _measurement(values)))
    if last is not None:
        found.append(_attempt(last, measured))
    return found


def _attempt(head: tuple[Any, ...], measured: list[tuple[str, Measurement]]) -> Attempt:
    trial, number, origin, policy, params, _, _, cause, text, worker, started_s, elapsed_s = head
    return Attempt(
        trial=Trial(trial, Configuration.of(policy, json.loads(params)), origin),
        number=number,
        measurements=tuple(measured),
        failure=Failure(Cause(cause), text) if cause else None,
        worker=worker,
        started_s=started_s,
        elapsed_s=elapsed_s,
    )


def from_rows(data: Iterable[dict[str, Any]]) -> list[Attempt]:
    """The attempts of rows as version 1 logged them."""
    return from_table(pa.Table.from_pylist(list(data), schema=SCHEMA))

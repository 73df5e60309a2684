"""Attempts as bytes in the log and as rows in a segment; the inverse of both."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa

from sweep.trial import METRICS, Attempt, Cause, Configuration, Failure, Measurement, Trial

SCHEMA_VERSION: Final = 1

_FRAME = struct.Struct("<II")  # length and CRC-32 of the payload
MAX_PAYLOAD_BYTES: Final = 1 << 24

_COLUMNS: Final[list[tuple[str, pa.DataType]]] = [
    ("trial", pa.int64()),
    ("attempt", pa.int32()),
    ("origin", pa.string()),
    ("policy", pa.string()),
    ("params", pa.string()),  # JSON object
    ("configuration", pa.string()),  # Configuration.key()
    ("scenario", pa.string()),  # null where the attempt failed before any was measured
    ("failure_cause", pa.string()),
    ("failure_text", pa.string()),
    ("worker", pa.string()),
    ("started_s", pa.float64()),
    ("elapsed_s", pa.float64()),
    *((m.name, pa.int64() if m.integral else pa.float64()) for m in METRICS.values()),
]
SCHEMA: Final = pa.schema(_COLUMNS, metadata={"schema_version": str(SCHEMA_VERSION)})
"""One row for each scenario of an attempt."""


def rows(attempt: Attempt) -> list[dict[str, Any]]:
    """The attempt's rows in a segment: one for each scenario, at least one."""
    head: dict[str, Any] = {
        "trial": attempt.trial.number,
        "attempt": attempt.number,
        "origin": attempt.trial.origin,
        "policy": attempt.trial.configuration.policy,
        "params": json.dumps(attempt.trial.configuration.mapping(), sort_keys=True),
        "configuration": attempt.trial.configuration.key(),
        "failure_cause": attempt.failure.cause.value if attempt.failure else None,
        "failure_text": attempt.failure.text if attempt.failure else None,
        "worker": attempt.worker,
        "started_s": attempt.started_s,
        "elapsed_s": attempt.elapsed_s,
    }
    return [{**head, "scenario": name, **m.flat()} for name, m in attempt.measurements] or [
        {**head, "scenario": None}
    ]


def table(attempts: Iterable[Attempt]) -> pa.Table:
    """All rows of all attempts, with the columns of SCHEMA."""
    return pa.Table.from_pylist([row for attempt in attempts for row in rows(attempt)], schema=SCHEMA)


def from_rows(data: Iterable[dict[str, Any]]) -> list[Attempt]:
    """The attempts of consecutive rows."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in data:
        found.setdefault((row["trial"], row["attempt"]), []).append(row)
    return [_attempt(group) for group in found.values()]


def _attempt(group: list[dict[str, Any]]) -> Attempt:
    head = group[0]
    cause = head["failure_cause"]
    return Attempt(
        trial=Trial(
            head["trial"], Configuration.of(head["policy"], json.loads(head["params"])), head["origin"]
        ),
        number=head["attempt"],
        measurements=tuple(
            (row["scenario"], Measurement.from_flat({name: row[name] for name in METRICS}))
            for row in group
            if row["scenario"] is not None
        ),
        failure=Failure(Cause(cause), head["failure_text"]) if cause else None,
        worker=head["worker"],
        started_s=head["started_s"],
        elapsed_s=head["elapsed_s"],
    )


def frame(attempt: Attempt) -> bytes:
    """The attempt as one record of the log."""
    payload = json.dumps(rows(attempt), separators=(",", ":"), allow_nan=True).encode()
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def unframe(data: bytes) -> Iterator[tuple[Attempt, int]]:
    """Whole records from the start of `data`, each with the place where it ends; stops at the first
    that is torn or damaged."""
    at = 0
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        payload = data[at + _FRAME.size : at + _FRAME.size + length]
        # A length of 0 is what a crash leaves in blocks that were allotted and never written.
        if not 0 < length <= MAX_PAYLOAD_BYTES or len(payload) != length or zlib.crc32(payload) != checksum:
            return
        at += _FRAME.size + length
        yield from_rows(json.loads(payload))[0], at

"""Workloads as files: events as Parquet rows, the rest as JSON in the schema metadata."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, TypeAdapter, ValidationError

from workloads.defaults import RECORDED_READERS
from workloads.errors import WorkloadError
from workloads.model import FAULT_WINDOW_NS, MAX_TIME_NS, PressureCourse, ReaderModel, Workload
from workloads.reader import numbers, read_trace

PROVENANCE = ("recorded_on", "generator", "seed", "parameters", "note")
"""Metadata that only people read."""

_T = TypeVar("_T")
_TIME: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(gt=0, le=MAX_TIME_NS)])
_READERS: TypeAdapter[ReaderModel] = TypeAdapter(ReaderModel)
_PRESSURE: TypeAdapter[PressureCourse | None] = TypeAdapter(PressureCourse | None)


def read(path: Path) -> Workload:
    """A workload from a file: its events, and what its schema metadata says about it.

    Metadata, all optional: `workload` (its name; else the file's), `description`, `origin`
    (`synthetic`, else it counts as recorded) and PROVENANCE; `readers` and `pressure` (JSON of
    ReaderModel and PressureCourse; else RECORDED_READERS and no pressure); `fault_window_ns`
    (else FAULT_WINDOW_NS); `duration_ns` (else the last row's time and one fault window).
    Raises WorkloadError.
    """
    trace = read_trace(path)
    meta = trace.metadata
    window_ns = _parsed(path, meta, "fault_window_ns", _TIME, FAULT_WINDOW_NS)
    last_ns: int = trace.events.column("t_ns")[-1].as_py()
    duration_ns = _parsed(path, meta, "duration_ns", _TIME, last_ns + window_ns)
    if duration_ns < last_ns:
        raise WorkloadError(
            f"{path}: metadata duration_ns is {duration_ns}; expected at least the last row's time, {last_ns}"
        )
    return Workload(
        name=meta.get("workload", path.stem),
        description=meta.get("description", ""),
        origin="synthetic" if meta.get("origin") == "synthetic" else "recorded",
        events=trace.events,
        nr_cpus=int(numbers(trace.events, "cpu").max()) + 1,
        duration_ns=duration_ns,
        readers=_parsed(path, meta, "readers", _READERS, RECORDED_READERS),
        pressure=_parsed(path, meta, "pressure", _PRESSURE, None),
        fault_window_ns=window_ns,
        provenance=tuple((key, meta[key]) for key in PROVENANCE if key in meta),
    )


def write(workload: Workload, path: Path) -> None:
    """Write a file from which `read` makes an equal workload; whole, or not at all.

    Raises WorkloadError if the file cannot be written.
    """
    meta = {
        "workload": workload.name,
        "description": workload.description,
        "origin": workload.origin,
        "duration_ns": str(workload.duration_ns),
        "fault_window_ns": str(workload.fault_window_ns),
        "readers": _READERS.dump_json(workload.readers).decode(),
        "pressure": _PRESSURE.dump_json(workload.pressure).decode(),
        **dict(workload.provenance),
    }
    table: pa.Table = workload.events.replace_schema_metadata(meta)
    if not path.parent.is_dir():
        raise WorkloadError(f"{path}: there is no folder {path.parent}; make it, or choose another place")
    if path.exists() and not path.is_file():
        # A rename would put a plain file in the place of a device or pipe.
        raise WorkloadError(f"{path}: cannot be written (not a regular file); choose another place")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror or error
        raise WorkloadError(f"{path}: cannot be written ({reason}); choose another place") from error


def _parsed(path: Path, meta: Mapping[str, str], key: str, adapter: TypeAdapter[_T], absent: _T) -> _T:
    if key not in meta:
        return absent
    try:
        return adapter.validate_json(meta[key])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join([key, *map(str, first["loc"])])
        raise WorkloadError(
            f"{path}: metadata {where}: {first['msg']}; see docs/adding-a-workload.md for what stands there"
        ) from error

"""The one reader of traces: Parquet in, validated Arrow table out.

Columns that a trace needs: `t_ns`, `cpu`, `pid`, `kind`, `n`. Columns that it may have: `live` (absent:
0, see workloads.replay), `tid` (absent: the pid) and `comm` (absent: empty). Others are ignored.
Any integer type does if the values fit SCHEMA; text may be plain or dictionary-encoded.
"""

from __future__ import annotations  # the stubs of pyarrow are generic, its classes are not

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from workloads.errors import WorkloadError, nearest
from workloads.model import MAX_CPUS, MAX_TIME_NS

_TEXT = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        ("t_ns", pa.int64()),
        ("cpu", pa.int32()),
        ("pid", pa.int32()),
        ("tid", pa.int32()),
        ("kind", _TEXT),
        ("n", pa.int32()),
        ("live", pa.int32()),
        ("comm", _TEXT),
    ]
)
"""The columns of `Workload.events`."""

KINDS: Mapping[str, str] = {
    "exit": "an address space is torn down; n objects freed, none left",
    "exec": "objects freed while a new program's address space is set up",
    "munmap": "munmap(2)",
    "mmap": "mmap(2) over or beside what was mapped before",
    "mremap": "mremap(2)",
    "mprotect": "mprotect(2) that made neighbours equal, so that they merged",
    "brk": "brk(2)",
    "madvise": "madvise(2) that made neighbours equal, so that they merged",
    "clone": "a clone(2) that failed half-way",
    "other": "any other call",
    "faults": "n page faults on that CPU in the fault window that ends at t_ns; pid is not used",
}
"""Kinds of rows. All but exit and faults free n objects of an address space that lives on."""

REQUIRED = ("t_ns", "cpu", "pid", "kind", "n")
MAX_TRACE_ROWS = 100_000_000
_INT32_MAX = 2**31 - 1
_RANGES = {
    "t_ns": MAX_TIME_NS,
    "cpu": MAX_CPUS - 1,
    "pid": _INT32_MAX,
    "tid": _INT32_MAX,
    "n": _INT32_MAX,
    "live": _INT32_MAX,
}
"""Column to highest value; the lowest is 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trace:
    """A file's events, and the text of its schema metadata (key to value)."""

    events: pa.Table
    metadata: Mapping[str, str]


def read_trace(path: Path) -> Trace:
    """Read and validate one file. Raises WorkloadError with file, column and row (from 0)."""
    raw = _read_parquet(path)
    repeated = sorted({name for name in raw.column_names if raw.column_names.count(name) > 1})
    if repeated:
        raise WorkloadError(f"{path}: column {repeated[0]} is there twice; expected each column once")
    for name in REQUIRED:
        if name not in raw.column_names:
            raise WorkloadError(
                f"{path}: column {name} is missing; a trace needs {', '.join(REQUIRED)} "
                f"and has {', '.join(raw.column_names) or 'none'}"
            )
    columns = {field.name: _column(path, raw, field) for field in SCHEMA if field.name in raw.column_names}
    return Trace(_checked(path, columns, raw.num_rows), _metadata(path, raw.schema.metadata))


def _read_parquet(path: Path) -> pa.Table:
    if not path.exists():
        raise WorkloadError(f"{path}: no such file; give a Parquet file or the name of a workload")
    if not path.is_file():
        raise WorkloadError(f"{path}: not a file; give the path of a Parquet file")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.metadata.num_rows > MAX_TRACE_ROWS:
                raise WorkloadError(
                    f"{path}: claims {file.metadata.num_rows} rows; expected at most {MAX_TRACE_ROWS}. "
                    "Cut the trace into parts"
                )
            known = [name for name in file.schema_arrow.names if name in SCHEMA.names]
            table = file.read(columns=known, use_threads=False)
        table.validate(full=True)
    except WorkloadError:
        raise
    except MemoryError as error:
        raise WorkloadError(
            f"{path}: needs too much memory ({_line(error)}); the file is damaged or too large"
        ) from error
    except PermissionError as error:
        raise WorkloadError(f"{path}: may not be read; change its permissions") from error
    except Exception as error:
        # Whatever a foreign parser throws at bytes that are not its format (Arrow has a dozen types).
        raise WorkloadError(
            f"{path}: not a readable Parquet file ({_line(error)}); it is damaged, cut short or of another "
            "format. Write it again, and see docs/adding-a-workload.md"
        ) from error
    return table


def _line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:200]


def _column(path: Path, raw: pa.Table, field: pa.Field[Any]) -> pa.ChunkedArray[Any]:
    """One column in the type of SCHEMA, without nulls."""
    column = raw.column(field.name)
    if column.null_count:
        row = column.is_null().index(True).as_py()
        raise WorkloadError(f"{path}: column {field.name}, row {row}: no value (null); every row needs one")
    text = pa.types.is_dictionary(field.type)
    found = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (
        pa.types.is_string(found) or pa.types.is_large_string(found) if text else pa.types.is_integer(found)
    ):
        raise WorkloadError(
            f"{path}: column {field.name} has type {column.type}; expected {'text' if text else 'integers'}"
        )
    if text:
        return column.cast(pa.string()).dictionary_encode().cast(field.type)
    try:
        return column.cast(field.type)
    except pa.ArrowInvalid as error:
        where = f"{path}: column {field.name}"
        raise WorkloadError(f"{where}: {_line(error)}; expected values of {field.type}") from error


def _checked(path: Path, columns: dict[str, pa.ChunkedArray[Any]], nr_rows: int) -> pa.Table:
    """The table, complete, every rule about values kept."""
    if nr_rows == 0:
        raise WorkloadError(f"{path}: has no rows; a workload needs at least one")
    if "live" not in columns:
        columns["live"] = pa.chunked_array([pa.repeat(0, nr_rows).cast(pa.int32())])
    if "comm" not in columns:
        columns["comm"] = pa.chunked_array([pa.repeat("", nr_rows)]).dictionary_encode()
    columns.setdefault("tid", columns["pid"])
    table = pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)

    words, code = kinds(table)
    for unknown in (word for word in words if word not in KINDS):
        row = int((code == words.index(unknown)).argmax())
        where = f"{path}: column kind, row {row}"
        raise WorkloadError(f"{where}: unknown kind {unknown!r}. {nearest(unknown, KINDS)}")

    value = {name: numbers(table, name) for name in _RANGES}

    def forbid(name: str, wrong: npt.NDArray[np.bool_], expected: str) -> None:
        if wrong.any():
            row = int(wrong.argmax())
            raise WorkloadError(f"{path}: column {name}, row {row}: {value[name][row]}; {expected}")

    for name, top in _RANGES.items():
        forbid(name, (value[name] < 0) | (value[name] > top), f"expected 0 .. {top}")
    falls = np.diff(value["t_ns"], prepend=0) < 0
    forbid("t_ns", falls, "less than the row before, and times must not fall. Sort the rows by t_ns")
    is_exit = np.array([word == "exit" for word in words])[code]
    forbid("live", is_exit & (value["live"] > 0), "expected 0, as an exit leaves no objects")
    forbid("live", value["live"] + value["n"] > _INT32_MAX, f"expected live + n of at most {_INT32_MAX}")
    return table


def numbers(events: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """An integer column of a validated table. By DLPack, as pyarrow's to_numpy() imports pandas,
    which takes most of a second."""
    column: Any = events.column(name).combine_chunks()
    return np.from_dlpack(column).astype(np.int64)


def kinds(events: pa.Table) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The kinds that occur, and for each row its place among them."""
    column: Any = events.column("kind").combine_chunks()
    return column.dictionary.to_pylist(), np.from_dlpack(column.indices).astype(np.int64)


def _metadata(path: Path, raw: Mapping[bytes, bytes] | None) -> dict[str, str]:
    try:
        return {key.decode(): value.decode() for key, value in (raw or {}).items()}
    except UnicodeDecodeError as error:
        raise WorkloadError(f"{path}: schema metadata is not UTF-8 text; write the file again") from error

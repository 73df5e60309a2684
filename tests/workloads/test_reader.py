"""What the reader takes, what it refuses, and how it says so."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workloads.traces import Row, rows, table, workload, workloads
from workloads import Workload, WorkloadError, files, load
from workloads.defaults import RECORDED_READERS
from workloads.model import FAULT_WINDOW_NS
from workloads.reader import REQUIRED, SCHEMA

EXIT: Row = {"t_ns": 5, "cpu": 0, "pid": 1, "tid": 1, "kind": "exit", "n": 2, "live": 0, "comm": "sh"}


def write(path: Path, content: pa.Table, metadata: dict[str, str] | None = None) -> Path:
    pq.write_table(content.replace_schema_metadata(metadata), path)
    return path


def changed(**columns: Any) -> pa.Table:
    """One exit row with other columns; None takes a column away."""
    made = {name: pa.array([value]) for name, value in EXIT.items()} | columns
    return pa.table({name: column for name, column in made.items() if column is not None})


@given(of=workloads())
def test_reads_what_it_wrote(of: Workload, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("trace") / "drawn.parquet"
    files.write(of, path)
    again = files.read(path)
    assert again.events.equals(of.events)
    for name in ("name", "description", "origin", "nr_cpus", "duration_ns", "readers", "pressure"):
        assert getattr(again, name) == getattr(of, name)
    assert (again.fault_window_ns, again.provenance) == (of.fault_window_ns, of.provenance)


@given(trace=rows(), integers=st.sampled_from([pa.int64(), pa.uint64(), pa.int16(), pa.uint32()]))
def test_takes_any_integer_and_text_type(
    trace: list[Row], integers: pa.DataType, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = table(trace)
    plain = {name: content.column(name).cast(pa.large_string()) for name in ("kind", "comm")}
    small = {name: content.column(name).cast(integers) for name in ("cpu", "pid", "tid", "n", "live")}
    path = tmp_path_factory.mktemp("trace") / "t.parquet"
    write(path, pa.table({"t_ns": content.column("t_ns"), **plain, **small}))
    read = files.read(path).events
    assert read.schema.equals(SCHEMA)
    assert read.to_pylist() == content.to_pylist()


def test_five_columns_are_enough(tmp_path: Path) -> None:
    content = table([EXIT]).select(list(REQUIRED))
    of = load(write(tmp_path / "mine.parquet", content))
    assert of.events.to_pylist() == [EXIT | {"comm": ""}]
    assert (of.name, of.origin, of.readers, of.pressure) == ("mine", "recorded", RECORDED_READERS, None)
    assert of.duration_ns == 5 + FAULT_WINDOW_NS


def test_other_columns_are_ignored_whatever_they_are(tmp_path: Path) -> None:
    content = changed(stack=pa.array([[{"frame": 1}]]))
    assert files.read(write(tmp_path / "t.parquet", content)).events.num_rows == 1


def test_a_path_may_be_text(tmp_path: Path) -> None:
    assert load(str(write(tmp_path / "t.parquet", table([EXIT])))).events.num_rows == 1


BAD_TABLES: dict[str, tuple[pa.Table, str]] = {
    "a column missing": (
        changed(n=None),
        "column n is missing; a trace needs t_ns, cpu, pid, kind, n and has",
    ),
    "no known column": (pa.table({"a": [1]}), "column t_ns is missing"),
    "no rows": (table([EXIT]).slice(0, 0), "has no rows; a workload needs at least one"),
    "a null": (
        changed(n=pa.array([None], pa.int32())),
        "column n, row 0: no value (null); every row needs one",
    ),
    "floats": (changed(n=pa.array([1.5])), "column n has type double; expected integers"),
    "numbers for kinds": (changed(kind=pa.array([1])), "column kind has type int64; expected text"),
    "text for numbers": (changed(cpu=pa.array(["0"])), "column cpu has type string; expected integers"),
    "a timestamp": (changed(t_ns=pa.array([5], pa.timestamp("ns"))), "t_ns has type timestamp[ns]"),
    "too large": (changed(n=pa.array([2**40])), "column n: Integer value 1099511627776 not in range"),
    "an unknown kind": (
        changed(kind=pa.array(["munmop"])),
        "column kind, row 0: unknown kind 'munmop'. Did you mean munmap, mmap, mremap?",
    ),
    "a negative time": (changed(t_ns=pa.array([-1])), "column t_ns, row 0: -1; expected 0 .. "),
    "a time too late": (
        changed(t_ns=pa.array([2**62])),
        "column t_ns, row 0: 4611686018427387904; expected 0",
    ),
    "a negative CPU": (changed(cpu=pa.array([-1])), "column cpu, row 0: -1; expected 0 .. 8191"),
    "too many CPUs": (changed(cpu=pa.array([8192])), "column cpu, row 0: 8192; expected 0 .. 8191"),
    "a negative count": (changed(n=pa.array([-3])), "column n, row 0: -3; expected 0 .. "),
    "a negative live": (changed(live=pa.array([-3])), "column live, row 0: -3; expected 0 .. "),
    "an exit that leaves some": (
        changed(live=pa.array([4])),
        "column live, row 0: 4; expected 0, as an exit",
    ),
    "too many at once": (
        changed(kind=pa.array(["brk"]), live=pa.array([2**31 - 1])),
        "column live, row 0: 2147483647; expected live + n of at most 2147483647",
    ),
    "falling times": (
        table([EXIT, EXIT | {"t_ns": 4}]),
        "column t_ns, row 1: 4; less than the row before, and times must not fall. Sort the rows by t_ns",
    ),
    "a column twice": (
        pa.Table.from_arrays([pa.array([1]), pa.array([1])], names=["n", "n"]),
        "column n is there twice",
    ),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused_with_where_and_what(name: str, tmp_path: Path) -> None:
    content, message = BAD_TABLES[name]
    path = write(tmp_path / "bad.parquet", content)
    with pytest.raises(WorkloadError) as error:
        load(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


BAD_METADATA: dict[str, tuple[dict[str, str], str]] = {
    "readers are no JSON": ({"readers": "many"}, "metadata readers: Invalid JSON"),
    "readers without fields": ({"readers": "{}"}, "metadata readers.kind: Field required"),
    "an unknown key": ({"pressure": '{"points": [[0, 1]], "x": 1}'}, "metadata pressure.x: "),
    "pressure runs back": ({"pressure": '{"points": [[5, 1], [4, 1]]}'}, "t_ns 4 follows 5; expected rising"),
    "pressure is empty": ({"pressure": '{"points": []}'}, "expected at least one"),
    "duration too short": (
        {"duration_ns": "4"},
        "duration_ns is 4; expected at least the last row's time, 5",
    ),
    "duration is a word": ({"duration_ns": "long"}, "metadata duration_ns"),
    "no fault window": ({"fault_window_ns": "0"}, "metadata fault_window_ns: Input should be greater than 0"),
}


@pytest.mark.parametrize("name", BAD_METADATA)
def test_bad_metadata_is_refused(name: str, tmp_path: Path) -> None:
    metadata, message = BAD_METADATA[name]
    path = write(tmp_path / "bad.parquet", table([EXIT]), metadata)
    with pytest.raises(WorkloadError) as error:
        load(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_files_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "text.parquet").write_text("t_ns,cpu\n1,2\n")
    whole = write(tmp_path / "whole.parquet", table([EXIT])).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    for name, message in (
        ("none.parquet", "no such file"),
        (".", "not a file"),
        ("empty.parquet", "not a readable Parquet file"),
        ("text.parquet", "not a readable Parquet file"),
        ("cut.parquet", "it is damaged, cut short or of another format"),
    ):
        with pytest.raises(WorkloadError, match=message):
            load(tmp_path / name)


def test_metadata_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.parquet"
    pq.write_table(table([EXIT]).replace_schema_metadata({b"note": b"\xff\xfe"}), path)
    with pytest.raises(WorkloadError, match="not UTF-8 text"):
        load(path)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match="there is no folder"):
        files.write(workload([EXIT]), tmp_path / "no" / "t.parquet")
    (tmp_path / "folder.parquet").mkdir()
    os.mkfifo(tmp_path / "pipe.parquet")
    for name in ("folder.parquet", "pipe.parquet"):
        with pytest.raises(WorkloadError, match="not a regular file"):
            files.write(workload([EXIT]), tmp_path / name)
    assert (tmp_path / "pipe.parquet").is_fifo()
    assert {path.name for path in tmp_path.iterdir()} == {"folder.parquet", "pipe.parquet"}

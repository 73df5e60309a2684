"""Damaged files: whatever happened to the bytes, a WorkloadError comes out, or a valid workload.

WORKLOADS_FUZZ_EXAMPLES=100000 makes the run long.
"""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads import WorkloadError, files, replay
from workloads.catalogue import LIBRARY
from workloads.synthetic import GENERATORS

EXAMPLES = int(os.environ.get("WORKLOADS_FUZZ_EXAMPLES", "300"))


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Small whole files: with and without page checksums, with all metadata."""
    path = tmp_path_factory.mktemp("seeds") / "synthetic.parquet"
    files.write(GENERATORS["phone-app-cycle"].make(0, {"launches": 1, "nr_cpus": 1}), path)
    return [path.read_bytes(), (LIBRARY / "many-mappings.parquet").read_bytes()]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "trace.parquet"


@settings(max_examples=EXAMPLES)
@given(
    which=st.integers(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=6),
    near_end=st.booleans(),
    cut=st.none() | st.floats(0, 1),
    inserted=st.binary(max_size=8),
)
def test_only_workload_errors_come_out(
    which: int,
    flips: list[tuple[float, int]],
    near_end: bool,
    cut: float | None,
    inserted: bytes,
    seeds: list[bytes],
    damaged: Path,
) -> None:
    content = bytearray(seeds[which])
    footer = int.from_bytes(content[-8:-4], "little") + 8  # Parquet ends: footer, its length, "PAR1"
    start = len(content) - footer if near_end else 0
    for where, mask in flips:
        content[start + int(where * (len(content) - start))] ^= mask
    if inserted:
        content[start:start] = inserted
    if cut is not None:
        del content[int(cut * len(content)) :]
    damaged.write_bytes(content)
    with contextlib.suppress(WorkloadError):
        replay(files.read(damaged), 2)


@settings(max_examples=EXAMPLES)
@given(content=st.binary(max_size=400), framed=st.booleans())
def test_any_bytes(content: bytes, framed: bool, damaged: Path) -> None:
    length = len(content).to_bytes(4, "little")
    damaged.write_bytes(b"PAR1" + content + length + b"PAR1" if framed else content)
    with pytest.raises(WorkloadError):
        files.read(damaged)

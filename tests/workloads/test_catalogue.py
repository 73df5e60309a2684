"""The library: every recording is valid, consistent, and described as it is."""

from pathlib import Path

import numpy as np
import pytest

from tests.workloads.test_replay import check_conservation, check_live
from workloads import WorkloadError, files, load, names, replay
from workloads.catalogue import LIBRARY, recorded, synthetic
from workloads.summary import histogram, summarize

RECORDINGS = [
    "chromium",
    "make-j2",
    "many-mappings",
    "pgbench-connect",
    "pip-wheel",
    "shell-configure",
    "stress-ng",
]


def test_names() -> None:
    assert recorded() == RECORDINGS
    assert names() == RECORDINGS + synthetic()
    assert len(names()) == len(set(names())) == 16


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_replays_without_contradiction(name: str) -> None:
    workload = load(name)
    assert workload.name == name
    assert workload.origin == "recorded"
    assert "recorded_on" in dict(workload.provenance)
    replayed = replay(workload, 2)
    check_conservation(replayed)
    check_live(workload, replayed)
    assert replayed.objects_freed == summarize(workload).objects


def test_many_mappings_is_described_as_it_is() -> None:
    workload = load("many-mappings")
    kind = np.array(workload.events.column("kind").to_pylist())
    exits = workload.events.column("n").to_numpy()[kind == "exit"]
    assert sorted(exits)[-24:] == [8113] * 24
    assert sorted(exits)[-25] < 200
    assert "24 children" in workload.description
    assert "8,113 mappings" in workload.description
    assert "2,000-60,000" in dict(workload.provenance)["note"]
    assert "2,000-60,000" in files.read(LIBRARY / "many-mappings.parquet").description


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(WorkloadError, match=r"no workload 'stres-ng'. Did you mean stress-ng"):
        load("stres-ng")
    with pytest.raises(WorkloadError, match="Known: burst-silence, chromium"):
        load("zzz")
    with pytest.raises(WorkloadError, match="no such file"):
        load(Path("stress-ng"))


def test_histogram_bins_are_powers_of_two() -> None:
    bins = histogram(np.array([1, 2, 3, 4, 7, 8, 65_535, 65_536]))
    assert [(bin.low, bin.high) for bin in bins][:4] == [(1, 1), (2, 3), (4, 7), (8, 15)]
    assert [bin.rows for bin in bins][:4] == [1, 2, 2, 1]
    assert (bins[-2].high, bins[-2].rows, bins[-1].low, bins[-1].rows) == (65_535, 1, 65_536, 1)
    assert histogram(np.array([], dtype=np.int64)) == ()
    assert [(bin.low, bin.high, bin.rows) for bin in histogram(np.array([0, 0]))] == [(0, 0, 2)]

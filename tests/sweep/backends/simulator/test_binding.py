"""The binding: nothing is left out, nothing is copied, errors come back as words."""

from __future__ import annotations

import dataclasses
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import policies
import workloads
from sweep import machine
from sweep.backends import structs
from sweep.backends.simulator import SimulationError, binding, library, simulate
from workloads import ReaderModel, Replay

READERS = ReaderModel("mm_ref", 10, 100, ((0, 100), (1_000_000, 5_000)), 0, ((0, 0), (1_000_000, 0)))


def small_replay() -> Replay:
    """One address space: 100 objects are born, 10 go in a call, 90 at exit."""
    return Replay(
        t_ns=np.array([0, 1_000_000, 2_000_000], dtype=np.int64),
        cpu=np.array([0, 0, 1], dtype=np.int32),
        mm=np.zeros(3, dtype=np.int32),
        kind=np.array([3, 0, 1], dtype=np.uint8),
        n=np.array([100, 10, 90], dtype=np.int32),
        nr_mms=1,
        duration_ns=100_000_000,
        fault_window_ns=10_000_000,
        readers=READERS,
        pressure=None,
        inferred_objects=0,
    )


def test_a_machine_has_a_value_for_each_field_and_nothing_more() -> None:
    ffi, _ = library.load()
    fields = {name for name, _ in ffi.typeof("struct sim_machine").fields}
    for profile in machine.shipped():
        assert set(profile.resolved()) == fields


def test_a_field_without_a_value_is_an_error_and_not_a_zero() -> None:
    ffi, _ = library.load()
    values = machine.load("vm-2cpu").resolved()
    del values["blimit"]
    with pytest.raises(structs.StructError, match="no value for blimit"):
        structs.by_field(ffi, "struct sim_machine", values)


def test_arrays_are_handed_over_as_they_are() -> None:
    ffi, _ = library.load()
    replay = small_replay()
    filled = binding._workload(ffi, replay, [])
    for column in ("t_ns", "cpu", "mm", "kind", "n"):
        assert int(ffi.cast("uintptr_t", filled[column])) == getattr(replay, column).ctypes.data


def test_the_engine_has_every_policy_of_the_catalogue() -> None:
    assert set(library.policy_numbers()) == set(policies.catalogue())


def test_small_replay_is_measured() -> None:
    result = simulate(small_replay(), machine.load("vm-2cpu"), "per_object", {})
    assert result.details["objects_unlinked"] == 100
    assert result.details["objects_leaked"] == 0
    assert result.details["exit_latency_count"] == 1
    assert result.measurement.callbacks == 100
    assert result.measurement.exit_latency_ns.p99 == result.measurement.exit_latency_ns.max > 0
    assert result.samples is None
    assert result.calls is None


def test_details_hold_every_number_of_the_result() -> None:
    ffi, _ = library.load()
    result = simulate(small_replay(), machine.load("vm-2cpu"), "per_object", {})
    fields = ffi.typeof("struct sim_result").fields
    expected = {name for name, field in fields if field.type.kind == "primitive"}
    expected |= {f"{name}_count" for name, field in fields if field.type.kind == "struct"}
    assert set(result.details) == expected


def test_a_series_comes_as_tables() -> None:
    result = simulate(small_replay(), machine.load("vm-2cpu"), "per_object", {}, series_interval_ns=1_000_000)
    assert result.samples is not None
    assert result.calls is not None
    assert result.calls["kind"].to_pylist() == [0, 1]
    assert result.calls["n"].to_pylist() == [10, 90]
    assert result.samples.column_names == [
        "t_ns",
        "postponed_bytes",
        "waiting_bytes",
        "ready_bytes",
        "overhead_bytes",
        "pinned_slab_bytes",
    ]
    times = result.samples["t_ns"].to_pylist()
    assert times == sorted(times)
    assert len(times) >= 100
    assert max(result.samples["waiting_bytes"].to_pylist()) == 100 * 192


def test_a_series_does_not_change_what_is_measured() -> None:
    plain = simulate(small_replay(), machine.load("vm-2cpu"), "whole_list", {})
    with_series = simulate(
        small_replay(), machine.load("vm-2cpu"), "whole_list", {}, series_interval_ns=500_000
    )
    assert plain.measurement == with_series.measurement


def test_a_bound_is_an_error_in_words() -> None:
    with pytest.raises(SimulationError, match=r"\w+ \w+"):
        simulate(small_replay(), machine.load("vm-2cpu"), "per_object", {}, max_steps=10)


def test_a_row_that_cannot_be_is_an_error_in_words() -> None:
    broken = dataclasses.replace(small_replay(), cpu=np.array([0, 0, 7], dtype=np.int32))
    with pytest.raises(SimulationError, match="7"):
        simulate(broken, machine.load("vm-2cpu"), "per_object", {})


def test_unknown_policies_and_parameters_are_refused() -> None:
    with pytest.raises(policies.PolicyError):
        simulate(small_replay(), machine.load("vm-2cpu"), "per_objct", {})
    with pytest.raises(policies.PolicyError):
        simulate(small_replay(), machine.load("vm-2cpu"), "fixed_batch", {"maxx": 3})


def test_threads_do_not_disturb_each_other() -> None:
    replay = workloads.replay(workloads.load("shell-configure"), 2)
    profile = machine.load("vm-2cpu-nocb")
    names = ["per_object", "fixed_batch", "direct_exit", "per_object", "fixed_batch", "direct_exit"]
    alone = {name: simulate(replay, profile, name, {}).measurement for name in set(names)}
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda name: simulate(replay, profile, name, {}).measurement, names))
    assert together == [alone[name] for name in names]


def test_build_id_names_the_file() -> None:
    content = library.library_path().read_bytes()
    assert library.build_id() == hashlib.sha256(content).hexdigest()[:16]


def test_another_build_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWEEP_ENGINE", str(tmp_path / "other.so"))
    assert library.library_path() == tmp_path / "other.so"

"""The request's bytes: what request.h says, in its order, nothing lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cffi
import numpy as np
import pytest

import policies
import sweep.backends.native as native
import workloads
from policies import PolicyError
from sweep import machine
from sweep.backends import structs
from sweep.backends.native.request import Request, pack
from sweep.backends.simulator import library
from tests.sweep.backends.native import fakes
from workloads import PressureCourse

HEADER = Path(native.__file__).parent / "src" / "request.h"


def read(data: bytes) -> tuple[Any, dict[str, np.ndarray[Any, Any]]]:
    """Header and arrays, by the order that the comment in request.h states."""
    ffi = cffi.FFI()
    ffi.cdef(library.declarations())
    ffi.cdef(structs.declarations(native.__path__, "request.h"))
    size = ffi.sizeof("struct native_request")
    header = ffi.new("struct native_request *")
    ffi.memmove(header, data[:size], size)
    counts = {
        "params": header.nr_params,
        "cpu_set": header.nr_cpu_set,
        "section": header.workload.nr_section_quantiles,
        "preempted": header.workload.nr_preempted_quantiles,
        "pressure": header.workload.nr_pressure,
    }
    text = " ".join(HEADER.read_text().replace("\n *", "\n").split())
    promised = text[text.index("Arrays, in this order:") : text.index("*/ #define NATIVE_MAGIC")]
    place, arrays = -(-size // 8) * 8, {}
    for names, kind in re.findall(r"([a-z_, ]+?) (u?int\d+)_t\[", promised.partition(":")[2]):
        for name in names.replace("those of the workload", "").replace(",", " ").split():
            count = counts.get(name) or counts.get(name.partition("_")[0], header.workload.nr_rows)
            array = np.frombuffer(data, np.dtype(kind), count, place)
            arrays[name] = array
            place += -(-array.nbytes // 8) * 8
    assert place == len(data)
    return header, arrays


@pytest.mark.parametrize("name", ["shell-configure", "phone-app-cycle"])
def test_a_workload_arrives_as_it_is(name: str) -> None:
    profile = machine.load("vm-2cpu")
    replay = workloads.replay(workloads.load(name), 2)
    header, arrays = read(
        pack(Request(replay, profile, "fixed_batch", {"max": 77}, cpus=(3, 1, 0), passes=4, seed=9))
    )
    for column in ("t_ns", "cpu", "mm", "kind", "n"):
        assert np.array_equal(arrays[column], getattr(replay, column))
    readers = replay.readers
    assert list(zip(arrays["section_ppm"], arrays["section_ns"], strict=True)) == list(
        readers.section_quantiles
    )
    assert list(zip(arrays["preempted_ppm_at"], arrays["preempted_ns"], strict=True)) == list(
        readers.preempted_quantiles
    )
    course = replay.pressure.points if replay.pressure else ()
    assert list(zip(arrays["pressure_t_ns"], arrays["pressure_permille"], strict=True)) == list(course)
    assert list(arrays["cpu_set"]) == [3, 1, 0]
    assert list(arrays["params"]) == policies.policy("fixed_batch").encode({"max": 77})
    assert (header.passes, header.seed, header.workload.nr_mms) == (4, 9, replay.nr_mms)
    for field, value in profile.resolved().items():
        assert getattr(header.machine, field) == value


def test_pressure_is_handed_over() -> None:
    workload = workloads.load("giant-exit").with_(pressure=PressureCourse(((0, 3000), (10**9, 800))))
    _, arrays = read(pack(fakes.request(replay=workloads.replay(workload, 1))))
    assert list(arrays["pressure_permille"]) == [3000, 800]


def test_the_header_says_what_it_is() -> None:
    data = pack(fakes.request())
    header, _ = read(data)
    text = HEADER.read_text()
    assert data.startswith(re.search(r'NATIVE_MAGIC "(\w+)"', text)[1].encode())  # type: ignore[index]
    assert header.version == int(re.search(r"NATIVE_VERSION (\d+)", text)[1])  # type: ignore[index]
    assert header.header_bytes == len(data) - sum(
        -(-array.nbytes // 8) * 8 for array in read(data)[1].values()
    )


@pytest.mark.parametrize(
    ("profile", "rcu", "number"),
    [("vm-2cpu", "kernel_like", 0), ("vm-2cpu-nocb", "kernel_like", 1), ("vm-2cpu-nocb", "liburcu", 2)],
)
def test_the_profile_says_whether_callbacks_are_offloaded(profile: str, rcu: Any, number: int) -> None:
    header, _ = read(pack(fakes.request(machine=machine.load(profile), rcu=rcu)))
    assert header.rcu == number


@pytest.mark.parametrize("allocator", ["glibc", "jemalloc", "mimalloc"])
def test_a_preloaded_allocator_is_malloc_to_the_program(allocator: Any) -> None:
    assert read(pack(fakes.request(allocator=allocator)))[0].allocator == 1
    assert read(pack(fakes.request()))[0].allocator == 0


def test_an_unknown_policy_or_parameter_is_said() -> None:
    with pytest.raises(PolicyError, match="did you mean per_object"):
        pack(fakes.request(policy="per_objekt"))
    with pytest.raises(PolicyError, match="unknown parameter"):
        pack(fakes.request(params={"hury": True}))

"""The kernel's formulas, against tables computed or read elsewhere (docs of the values: slabinfo, sysctl)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import machine_formulas as formulas

PAGE = 4096

# object bytes, CPUs, pages per slab as a power of two, objects per slab: slabinfo as posted on LKML and
# sysfs of running kernels where known, calculate_order() by hand else.
SLABS = [
    *((160, cpus, 0, 25) for cpus in (2, 8, 16)),
    *((160, cpus, 1, 51) for cpus in (32, 64, 128)),
    *((176, cpus, 0, 23) for cpus in (2, 8)),
    *((176, cpus, 1, 46) for cpus in (16, 32, 64, 128)),
    *((184, cpus, 0, 22) for cpus in (2, 8)),
    *((184, cpus, 1, 44) for cpus in (16, 32, 64, 128)),
    *((192, cpus, 0, 21) for cpus in (2, 4, 8)),
    *((192, cpus, 1, 42) for cpus in (16, 32, 64, 128)),
    (256, 2, 0, 16),
    (256, 4, 0, 16),
    (256, 8, 1, 32),
    (256, 64, 1, 32),
    (256, 128, 2, 64),
    *((40, cpus, 0, 102) for cpus in (2, 8, 16, 64)),
]


@pytest.mark.parametrize(("size", "cpus", "order", "objects"), SLABS)
def test_slab_geometry(size: int, cpus: int, order: int, objects: int) -> None:
    assert formulas.slab_order(size, cpus, PAGE) == order
    assert (PAGE << order) // size == objects


@given(st.integers(32, 4096), st.integers(1, 8192))
def test_a_slab_wastes_little_and_holds_at_least_one_object(size: int, cpus: int) -> None:
    slab = PAGE << formulas.slab_order(size, cpus, PAGE)
    assert slab >= size
    assert slab % size <= slab // 2


def test_an_object_larger_than_any_slab_is_an_error() -> None:
    with pytest.raises(ValueError, match="largest slab"):
        formulas.slab_order(8 * PAGE + 1, 2, PAGE)


@pytest.mark.parametrize(
    ("size", "objects", "slabs"), [(192, 21, 12), (192, 42, 6), (256, 16, 7), (1024, 8, 6), (4096, 2, 6)]
)
def test_cpu_partial_slabs(size: int, objects: int, slabs: int) -> None:
    assert formulas.cpu_partial_slabs(size, objects, PAGE) == slabs


@pytest.mark.parametrize(("size", "expected"), [(32, 5), (192, 5), (4096, 6), (1 << 22, 10)])
def test_min_partial(size: int, expected: int) -> None:
    assert formulas.min_partial(size) == expected


@pytest.mark.parametrize(
    ("hz", "cpus", "jiffies"),
    [(100, 2, 1), (250, 2, 1), (300, 2, 2), (1000, 16, 3), (1000, 512, 5), (250, 256, 2)],
)
def test_jiffies_till_fqs(hz: int, cpus: int, jiffies: int) -> None:
    assert formulas.jiffies_till_fqs(hz, cpus) == jiffies


def test_jiffies_till_sched_qs_of_a_running_6_18() -> None:
    assert formulas.jiffies_till_sched_qs(250, 2, 1, 1) == 25


def test_slow_scans_put_off_the_nudge() -> None:
    assert formulas.jiffies_till_sched_qs(250, 2, 10, 10) == 30


@pytest.mark.parametrize(("hz", "limit"), [(1000, 16), (250, 64), (100, 160)])
def test_nobypass_limit(hz: int, limit: int) -> None:
    assert formulas.nobypass_limit_per_jiffy(hz) == limit


@pytest.mark.parametrize(("cpus", "stride"), [(1, 1), (2, 2), (4, 2), (8, 4), (16, 4), (64, 8), (128, 11)])
def test_nocb_gp_stride(cpus: int, stride: int) -> None:
    assert formulas.nocb_gp_stride(cpus) == stride


@pytest.mark.parametrize(
    ("cpus", "slice_ns"), [(1, 750_000), (2, 1_500_000), (8, 3_000_000), (128, 3_000_000)]
)
def test_sched_slice(cpus: int, slice_ns: int) -> None:
    assert formulas.sched_slice_ns(cpus) == slice_ns


@pytest.mark.parametrize(
    ("memory_kib", "zones", "thp", "expected"),
    [
        (4 << 20, 3, False, 8192),  # 4 GiB: sqrt(16 * 4 Mi)
        (16 << 20, 3, False, 16384),
        (24_684_092, 3, True, 67_584),  # vm.min_free_kbytes of a running 6.18 with MemTotal 24684092 kB
        (1 << 40, 3, False, 262_144),
        (512, 1, False, 128),
    ],
)
def test_min_free_kbytes(memory_kib: int, zones: int, thp: bool, expected: int) -> None:
    assert formulas.min_free_kbytes(memory_kib * 1024, PAGE, zones, thp) == expected


def test_watermarks_of_a_running_6_18() -> None:
    # zone DMA32 in /proc/zoneinfo: managed 772917, min 8719, low 10898, high 13077
    assert formulas.watermarks_pages(8719, 772_917 * PAGE, PAGE, 10) == (8719, 10_898, 13_077)


@given(st.integers(1, 1 << 45), st.integers(1, 3000), st.booleans())
def test_watermarks_rise(memory: int, scale: int, thp: bool) -> None:
    lowest = formulas.min_free_kbytes(memory, PAGE, 3, thp) * 1024 // PAGE
    marks = formulas.watermarks_pages(lowest, memory, PAGE, scale)
    assert list(marks) == sorted(marks)
    assert math.isclose(marks[2] - marks[1], marks[1] - marks[0])

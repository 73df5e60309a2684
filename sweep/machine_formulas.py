"""What a kernel computes from its configuration, its CPUs and its memory: pure functions, Linux 6.12.

Each names the kernel function that it follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

INPUTS = frozenset(
    ("hz", "memory_bytes", "transparent_hugepages", "populated_zones", "watermark_scale_factor")
)
"""Values that only formulas need: no field of `struct sim_machine`."""

_MAX_ORDER = 3  # PAGE_ALLOC_COSTLY_ORDER
_PAGEBLOCK_PAGES = 512  # 2 MiB huge pages
_MIGRATE_PCPTYPES = 3


def jiffies_till_fqs(hz: int, nr_cpus: int) -> int:
    """Jiffies before the first, and between later scans for quiescent states.

    RCU_JIFFIES_TILL_FORCE_QS in kernel/rcu/tree.h and rcu_init_geometry() in kernel/rcu/tree.c.
    """
    return 1 + (hz > 250) + (hz > 500) + nr_cpus // 256


def jiffies_till_sched_qs(hz: int, nr_cpus: int, first_fqs: int, next_fqs: int) -> int:
    """Jiffies after which a CPU without a quiescent state is nudged.

    adjust_jiffies_till_sched_qs() in kernel/rcu/tree.c.
    """
    return max(first_fqs + 2 * next_fqs, hz // 10 + nr_cpus // 256)


def nobypass_limit_per_jiffy(hz: int) -> int:
    """Callbacks per jiffy and CPU that go straight to ->cblist; more go to the bypass list.

    nocb_nobypass_lim_per_jiffy in kernel/rcu/tree_nocb.h: 16 * 1000 / HZ.
    """
    return 16 * 1000 // hz


def lazy_flush_jiffies(hz: int) -> int:
    """Jiffies after which lazy callbacks are flushed: LAZY_FLUSH_JIFFIES in kernel/rcu/tree_nocb.h."""
    return 10 * hz


def nocb_gp_stride(nr_cpus: int) -> int:
    """CPUs per rcuog kthread: rcu_organize_nocb_kthreads() in kernel/rcu/tree_nocb.h."""
    return nr_cpus // math.isqrt(nr_cpus)


def sched_slice_ns(nr_cpus: int) -> int:
    """Time slice of two runnable tasks: sysctl_sched_base_slice of 0.75 ms times
    1 + ilog2(min(CPUs, 8)), get_update_sysctl_factor() in kernel/sched/fair.c."""
    return 750_000 * min(nr_cpus, 8).bit_length()


def slab_order(object_bytes: int, nr_cpus: int, page_bytes: int) -> int:
    """Pages of a slab, as a power of two: calculate_order() and calc_slab_order() in mm/slub.c.

    Raises ValueError for an object that does not fit a slab of the highest order.
    """

    def objects(order: int) -> int:
        return (page_bytes << order) // object_bytes

    if not objects(_MAX_ORDER):
        raise ValueError(
            f"object_bytes {object_bytes} is more than the largest slab, {page_bytes << _MAX_ORDER}"
        )
    min_objects = min(4 * (nr_cpus.bit_length() + 1), objects(_MAX_ORDER))
    smallest = 0
    while page_bytes << smallest < min_objects * object_bytes:  # get_order()
        smallest += 1
    for fraction in (16, 8, 4, 2):
        for order in range(smallest, _MAX_ORDER + 1):
            if (page_bytes << order) % object_bytes <= (page_bytes << order) // fraction:
                return order
    return smallest


def cpu_partial_slabs(object_bytes: int, objects_per_slab: int, page_bytes: int) -> int:
    """Slabs that a CPU keeps on its partial list: set_cpu_partial() and slub_set_cpu_partial() in
    mm/slub.c."""
    if object_bytes >= page_bytes:
        objects = 6
    elif object_bytes >= 1024:
        objects = 24
    elif object_bytes >= 256:
        objects = 52
    else:
        objects = 120
    return -(-objects * 2 // objects_per_slab)


def min_partial(object_bytes: int) -> int:
    """Partial slabs of a node from which on empty ones are given back: ilog2(size) / 2 between MIN_PARTIAL
    and MAX_PARTIAL, mm/slub.c."""
    return min(max((object_bytes.bit_length() - 1) // 2, 5), 10)


def min_free_kbytes(memory_bytes: int, page_bytes: int, zones: int, transparent_hugepages: bool) -> int:
    """sysctl vm.min_free_kbytes: calculate_min_free_kbytes() in mm/page_alloc.c, raised by
    set_recommended_min_free_kbytes() in mm/khugepaged.c where transparent huge pages are enabled."""
    value = min(max(math.isqrt(memory_bytes // 1024 * 16), 128), 262144)
    if transparent_hugepages:
        recommended = _PAGEBLOCK_PAGES * zones * (2 + _MIGRATE_PCPTYPES**2)
        recommended = min(recommended, memory_bytes // page_bytes // 20)
        value = max(value, recommended * page_bytes // 1024)
    return value


def watermarks_pages(
    min_pages: int, memory_bytes: int, page_bytes: int, scale_factor: int
) -> tuple[int, int, int]:
    """(min, low, high) with all memory as one zone: __setup_per_zone_wmarks() in mm/page_alloc.c."""
    step = max(min_pages // 4, memory_bytes // page_bytes * scale_factor // 10_000)
    return min_pages, min_pages + step, min_pages + 2 * step


def derive(given: Mapping[str, int | float | bool]) -> dict[str, int | float | bool]:
    """`given` and, where it does not have them, every value that follows from it.

    Raises ValueError where a given value contradicts another one.
    """

    def number(name: str) -> int:
        return int(given[name])

    hz, nr_cpus, page = number("hz"), number("nr_cpus"), number("page_bytes")
    size, memory = number("object_bytes"), number("memory_bytes")
    fqs = jiffies_till_fqs(hz, nr_cpus)
    values: dict[str, int | float | bool] = {
        "jiffy_ns": 1_000_000_000 // hz,
        "jiffies_till_first_fqs": fqs,
        "jiffies_till_next_fqs": fqs,
        "qovld": 2 * number("qhimark"),  # DEFAULT_RCU_QOVLD_MULT, kernel/rcu/tree.c
        "nocb_nobypass_lim_per_jiffy": nobypass_limit_per_jiffy(hz),
        "lazy_flush_jiffies": lazy_flush_jiffies(hz),
        "nocb_gp_stride": nocb_gp_stride(nr_cpus),
        "sched_slice_ns": sched_slice_ns(nr_cpus),
        "slab_bytes": page << slab_order(size, nr_cpus, page),
        "min_partial": min_partial(size),
        **given,
    }
    # These follow from values that may be given or derived.
    first, following = int(values["jiffies_till_first_fqs"]), int(values["jiffies_till_next_fqs"])
    values.setdefault("jiffies_till_sched_qs", jiffies_till_sched_qs(hz, nr_cpus, first, following))
    slab_bytes = int(values["slab_bytes"])
    if slab_bytes % page or slab_bytes < size:
        raise ValueError(f"slab_bytes {slab_bytes} must be whole pages of {page} that hold {size} bytes")
    per_slab = int(values.setdefault("objects_per_slab", slab_bytes // size))
    if per_slab * size > slab_bytes:
        raise ValueError(f"objects_per_slab {per_slab} of {size} bytes do not fit slab_bytes {slab_bytes}")
    values.setdefault("cpu_partial_slabs", cpu_partial_slabs(size, per_slab, page))
    free = min_free_kbytes(memory, page, number("populated_zones"), bool(given["transparent_hugepages"]))
    lowest = int(values.setdefault("watermark_min_pages", free * 1024 // page))
    _, low, high = watermarks_pages(lowest, memory, page, number("watermark_scale_factor"))
    values.setdefault("watermark_low_pages", low)
    values.setdefault("watermark_high_pages", high)
    if not lowest <= values["watermark_low_pages"] <= values["watermark_high_pages"]:
        raise ValueError("watermarks must rise: watermark_min_pages <= low <= high")
    if values["nocb_housekeeping_cpus"] > nr_cpus:
        raise ValueError(f"nocb_housekeeping_cpus must not be above nr_cpus, {nr_cpus}")
    return values

"""The curve of the kernel itself: what a trace means, what trials say together, and a short one measured in a guest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import policies
from sweep.backends.kernel import beside, curve
from sweep.backends.kernel.curve import CurveTrial, Look
from sweep.backends.kernel.curve_points import points
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.lab import Lab
from sweep.trial import Configuration

EXIT: list[tuple[str, int]] = [
    ("exit_begin", 1000),
    ("mmap_lock_released", 3000),
    ("tlb_end", 5000),
    ("exit_mmap", 8000),
    ("exit_end", 11_000),
]
MUNMAP: list[tuple[str, int]] = [
    ("munmap_begin", 1000),
    ("tlb_end", 2000),
    ("mmap_lock_released", 9000),
    ("munmap_end", 9500),
]
NEEDED = {"exit": (0, 2, 3, 4), "munmap": (0, 1, 2, 3)}
TRACES = {"exit": EXIT, "munmap": MUNMAP}
LOOKS = (Look(0, 40, 40), Look(20_000_000, 0, 0))
PROBED = CurveTrial(0, 40, "exit", False, 12_000, 10_000, 3000, LOOKS)
PLAIN = replace(PROBED, wall_ns=10_000, total_ns=None, removal_ns=None)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_the_removal_lies_between_the_last_page_and_the_last_vma() -> None:
    assert curve.phases("exit", EXIT) == (10_000, 3000)
    assert curve.phases("munmap", MUNMAP) == (8500, 7000)


@pytest.mark.parametrize("how", TRACES)
def test_what_came_before_the_window_or_after_it_does_not_count(how: str) -> None:
    trace = [("tlb_end", 1), ("mmap_lock_released", 2), *TRACES[how], ("tlb_end", 20_000)]
    assert curve.phases(how, trace) == curve.phases(how, TRACES[how])


@pytest.mark.parametrize(("how", "place"), [(how, i) for how, places in NEEDED.items() for i in places])
def test_a_trace_without_one_of_its_events_is_said(how: str, place: int) -> None:
    name = TRACES[how][place][0]
    with pytest.raises(LabError, match=name):
        curve.phases(how, [event for event in TRACES[how] if event[0] != name])


def test_a_point_needs_two_blocks_of_trials_with_probes_and_without() -> None:
    one = [PROBED, PLAIN]
    two = [*one, *(replace(trial, block=1) for trial in one)]
    for few in (one, two[:3], [*one, replace(PROBED, block=1)]):
        with pytest.raises(LabError, match="expected two blocks"):
            points(few, rng())
    (point,) = points(two, rng())
    assert [point.share.low, point.share.value, point.share.high] == pytest.approx([0.3] * 3)
    assert point.overhead.value == pytest.approx(1.2)
    assert point.removal_ns_per_area.value == 3000 / 40


def test_an_interval_is_over_blocks_and_contains_its_value() -> None:
    blocks = [replace(trial, block=b) for b in range(3) for trial in (PROBED, PLAIN, PLAIN)]
    noisy = [t if t.removal_ns is None else replace(t, removal_ns=3000 + 300 * t.block) for t in blocks]
    (point,) = points(noisy, rng())
    assert point.share.low < point.share.value < point.share.high
    assert point.share.value == pytest.approx(0.33)


def retained_for(looks: tuple[Look, ...], n: int) -> float | None:
    trials = [replace(t, n=n, block=b, looks=looks) for b in range(2) for t in (PROBED, PLAIN)]
    (point,) = points(trials, rng())
    return point.mean_dead_age_ns


def test_what_is_retained_is_the_area_under_the_looks() -> None:
    """All for 10 ms, then a line down to none."""
    looks = (Look(0, 1000, 0), Look(10_000_000, 1000, 0), Look(20_000_000, 0, 0))
    assert retained_for(looks, 1000) == 15_000_000
    kept = tuple(replace(look, vmas=look.vmas + 7) for look in looks)  # what never goes was not ours
    assert retained_for(kept, 1000) == 15_000_000
    assert retained_for(looks[1:], 1000) == 15_000_000  # nobody looked before
    assert retained_for(looks, 639) is None  # too few to be told from partial slabs


@pytest.mark.parametrize(
    ("areas", "blocks", "said"),
    [
        ((), 2, "expected 1 to 60 numbers from 1 to 65,000"),
        ((0,), 2, "expected 1 to 60 numbers from 1 to 65,000"),
        ((65_001,), 2, "expected 1 to 60 numbers from 1 to 65,000"),
        (range(1, 62), 2, "expected 1 to 60 numbers"),
        ((40, 40), 2, "one of them is there twice"),
        ((40,), 1, "expected at least 2"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_a_guest_boots(
    areas: Sequence[int], blocks: int, said: str
) -> None:
    unused: Any = None
    with pytest.raises(LabError, match=said):
        curve.measure(unused, areas, blocks)


def test_what_the_release_does_comes_first_beside_it() -> None:
    for release, policy in (("6.12.117+deb12-cloud-amd64", "direct_exit"), ("6.15.2", "typesafe")):
        chosen = beside.configurations(release)
        assert chosen[0].policy == policy
        assert len(set(chosen)) == len(chosen)
        assert {each.policy for each in chosen} == policies.catalogue().keys()
    with pytest.raises(policies.PolicyError, match="per-VMA locks came with 6.4"):
        beside.configurations("6.1.0-56-cloud-amd64")


@pytest.mark.slow
def test_removal_is_a_part_of_the_whole_and_munmap_retains_for_a_grace_period(lab: Lab) -> None:
    found = curve.measure(lab, (640,), 2)
    assert found.emulated
    assert found.probes["exit_mmap"]
    assert found.object_bytes[0] > found.object_bytes[1] > 0
    assert len(found.trials) == 2 * 2 * 2 * 4
    by_kind = {(p.how, p.touched): p for p in points(found.trials, rng())}
    assert len(by_kind) == 4
    for how in ("exit", "munmap"):
        bare, touched = by_kind[how, False], by_kind[how, True]
        assert 0 < touched.share.value < bare.share.value < 1  # pages are more work, and none of removal
        assert touched.removal_ns.value == pytest.approx(bare.removal_ns.value, rel=0.25)
        assert bare.overhead.value == pytest.approx(1.0, abs=0.2)
    for touched in (False, True):
        dead, gone = by_kind["munmap", touched].looks, by_kind["exit", touched].looks
        # Freed directly by the exit, after a grace period by munmap(). In slabinfo CPUs' partial slabs are in use.
        assert dead[0].vmas > dead[-1].vmas + 200
        assert dead[0].locks > dead[-1].locks + 200
        assert max(look.vmas for look in gone) < gone[-1].vmas + 200


@pytest.mark.slow
def test_the_module_is_measured_in_the_same_guest(lab: Lab) -> None:
    chosen = [
        Configuration.of("direct_exit", {"bulk_size": 1}),
        Configuration.of("per_object", {"hurry": False}),
    ]
    direct, single = beside.rows(lab, chosen, 640, 192, 2, rng())
    assert direct.munmap_ns_per_object.value == pytest.approx(single.munmap_ns_per_object.value, rel=0.3)
    # Of all objects a half, those of munmap(), wait; then all.
    assert direct.retained_ns_per_object.value < 0.7 * single.retained_ns_per_object.value

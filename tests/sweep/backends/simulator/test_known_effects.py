"""Effects that are known from the kernel, each named with the fact it rests on.

Facts are quoted from Linux 6.12 (file and function) or from the mailing list. What is asserted is the
mechanism and its direction; the figures themselves are in the table of `python -m tests.bench.known_effects`.
"""

from __future__ import annotations

import pytest

from tests.sweep.backends.simulator import known_effects


@pytest.mark.parametrize("hz", [100, 250, 1000])
def test_enqueues_above_the_quota_go_to_the_bypass_list(hz: int) -> None:
    """rcu_nocb_try_bypass(), kernel/rcu/tree_nocb.h: up to nocb_nobypass_lim_per_jiffy = 16 * 1000 / HZ
    enqueues per jiffy go to ->cblist, the others to the bypass list. Groups of 33 are 31 enqueues: below the
    quota at HZ=250 (64), above it at HZ=1000 (16)."""
    f = known_effects.bypass(hz)
    assert f["single: to cblist"] == f["quota"]
    assert f["single: to bypass"] == 1000 - f["quota"]
    assert f["groups of 33: to cblist"] == min(31, f["quota"])
    assert f["groups of 33: to bypass"] == max(31 - f["quota"], 0)


def test_lazy_callbacks_with_large_batches_retain_for_ten_seconds() -> None:
    """LAZY_FLUSH_JIFFIES = 10 * HZ; a bypass list is flushed earlier at qhimark = 10,000 callbacks, or by
    call_rcu_hurry() (tree_nocb.h). 12,000 callbacks reach that limit; the same objects on few callbacks
    do not."""
    f = known_effects.lazy_retention()
    for large in ("whole_list", "groups of 128"):
        assert 10 <= f[f"{large}: half"] <= f[f"{large}: all"] < 10.1
    assert f["12,000 callbacks: half"] < 0.1
    assert f["whole_list, hurry: all"] < 0.1


FIRST_PRIORITY = {100: 1, 1000: 3, 2000: 4, 4000: 5, 10_000: 7, 65_530: 9}


@pytest.mark.parametrize("n", sorted(FIRST_PRIORITY))
def test_a_default_shrinker_ignores_a_list_for_long(n: int) -> None:
    """do_shrink_slab(), mm/shrinker.c: 2 * (objects >> priority) are proposed with DEFAULT_SEEKS, and nothing
    is scanned below a batch of 128, unless that is all. A list that reclaim has not seen before is so
    left alone down to priority 3 if it holds 1,000 objects (kernel-facts, section 5)."""
    first = FIRST_PRIORITY[n]
    assert known_effects.shrinker_priority(n, appear_before=first + 1)["first priority"] == first
    assert known_effects.shrinker_priority(n, appear_before=first)["first priority"] == first


@pytest.mark.parametrize("n", [100, 512, 1000, 2000, 4000, 10_000, 65_530])
def test_what_a_shrinker_did_not_scan_is_carried_over(n: int) -> None:
    """nr_deferred, do_shrink_slab(): each pass adds what the ones before proposed in vain, shifted by its own
    priority. In a whole descent from 12 a list may so be reached earlier; 1,000 objects at 4."""
    deferred, priority = 0, 13
    while priority > 1:
        priority -= 1
        proposed = 2 * (n >> priority)
        total = min((deferred >> priority) + proposed, 2 * n)
        if total >= 128 or total >= n:
            break
        deferred += proposed
    assert known_effects.shrinker_priority(n)["first priority"] == priority


def test_seeks_and_batch_make_a_shrinker_attentive() -> None:
    """do_shrink_slab(): seeks = 0 proposes half of the objects at any priority, batch = 1 lets any proposal
    through: 1,000 objects are then reached at 12, and at 9 (kernel-facts, section 5)."""
    assert known_effects.shrinker_priority(1000, seeks=0)["first priority"] == 12
    assert known_effects.shrinker_priority(1000, batch=1)["first priority"] == 9


def test_one_callback_that_frees_n_objects_defeats_the_time_limit() -> None:
    """rcu_do_batch(), kernel/rcu/tree.c: blimit and the 3 ms limit (rcu_resched_ns) are looked at between
    callbacks, never inside one."""
    n = (10_000, 20_000, 50_000, 100_000)
    single, whole = ([known_effects.stall(n)[policy] for n in n] for policy in ("per_object", "whole_list"))
    assert whole == sorted(whole)
    assert whole[3] / whole[0] == pytest.approx(10, rel=0.1)  # in proportion to n
    assert whole[3] > 3
    assert max(single) < 3
    assert single[3] == pytest.approx(single[2], rel=0.1)  # the limits hold


def test_floods_shorten_grace_periods_and_batching_lengthens_them() -> None:
    """__call_rcu_core(): more than qhimark = 10,000 new callbacks force quiescent states at once; qovld cuts
    the waits between scans. 1.6-1.7 ms against 9.2 ms when batched (LKML, Fernandes, Aug 2019)."""
    f = known_effects.grace_period_length()
    assert f["per_object"] * 1.5 < f["groups of 33"]
    assert f["per_object"] * 1.5 < f["whole_list"]


def test_a_partial_group_without_timeout_stays_until_exit() -> None:
    """RFC 28/28, LKML, 1 Sep 2022: the list is drained by the next free that fills it, or by exit_mmap()."""
    f = known_effects.partial_group()
    assert 5 <= f["no timeout"] < 5.1
    assert f["no timeout, bytes postponed"] == pytest.approx(10 * 192 * 5 / 6, rel=1e-3)
    assert 0.1 <= f["timeout 100 ms"] < 0.2
    assert f["per_object"] < 0.1


def test_direct_exit_is_safe_only_if_readers_hold_the_address_space() -> None:
    """remove_vma(vma, unreachable=true) in exit_mmap(), Linux 6.4-6.14: nobody can reach the objects, as
    every reader holds a reference on the mm. A reader under RCU alone has no such reference."""
    f = known_effects.direct_exit_violations()
    assert f["mm_ref"] == 0
    assert f["rcu_only"] > 0
    assert known_effects.direct_exit_violations("per_object") == {"mm_ref": 0, "rcu_only": 0}


def test_bulk_free_gains_with_locality_and_fades_without() -> None:
    """build_detached_freelist(), mm/slub.c: objects of one slab are freed by one cmpxchg, if they stand
    within a look-ahead of three; objects of interleaved slabs are freed singly, after the search."""
    f = known_effects.bulk_free()
    assert f["gain side by side"] > 0.1 * f["side by side, singly"]
    assert f["gain in turns"] < 0.02 * f["in turns, singly"]

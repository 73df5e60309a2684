"""Real readers in real sections: they catch what is freed under their eyes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import policies
from tests.sweep.backends.native import scenes
from tests.sweep.backends.native.conftest import wrong_policies
from tests.sweep.backends.native.requests import ALLOCATORS, RCU, Request, ask
from tests.sweep.backends.native.test_passes import MODES, TYPE_STABLE, one_pass, request

FAULTS = {  # of the policies in wrong.c, and how they show here
    "forgets": "has lost something",
    "keeps_lock": "with a lock held",
    "late_timer": "work pending",
    "miscounts": "miscounts",
    "posts_twice": "",
    "scribbles": "behind its first 32 bytes",
}


@pytest.mark.parametrize(("rcu", "allocator"), MODES)
def test_direct_exit_is_safe_only_where_readers_hold_the_address_space(
    program: Path, rcu: str, allocator: str
) -> None:
    violations = {}
    for kind in ("mm_ref", "rcu_only"):
        asked = request("direct_exit", rcu, allocator, replay=scenes.exits(kind), stress=True)
        metrics, details = one_pass(program, asked)
        assert details["reader_sections"] > 1000
        violations[kind] = metrics["violations"]
    assert violations["mm_ref"] == 0
    assert violations["rcu_only"] > 0


@pytest.mark.parametrize("rcu", RCU)
def test_what_waits_for_a_grace_period_is_safe_from_any_reader(program: Path, rcu: str) -> None:
    for policy in ("per_object", "whole_list", "paged_batch"):
        metrics, _ = one_pass(program, request(policy, rcu, replay=scenes.exits("rcu_only"), stress=True))
        assert metrics["violations"] == 0


def test_readers_of_type_stable_objects_look_again(program: Path) -> None:
    """A reader has to be there as one is reused: on a busy machine a pass may see none."""
    asked = request(TYPE_STABLE, replay=scenes.exits("rcu_only"), stress=True)
    for _ in range(5):
        metrics, details = one_pass(program, asked)
        assert metrics["violations"] == 0
        if details["revalidated"]:
            return
    pytest.fail("no reader saw a reused object in five passes")


def test_a_preempted_reader_holds_up_grace_periods(program: Path) -> None:
    """Its sections last 0.5-3 ms, so an object may wait for one that a short reader would not keep."""
    asked = request("per_object", replay=scenes.mixed("rcu_only"))
    for _ in range(5):  # on a busy machine it may come to no such section in a pass
        if one_pass(program, asked)[1]["reader_sections_preempted"]:
            return
    pytest.fail("no section of a reader was preempted in five passes")


def wrong(policy: str, rcu: str, allocator: str = "slab", *, kind: str = "rcu_only") -> Request:
    """Of a policy without parameters, which the catalogue does not know."""
    machine = scenes.machine(nocb=rcu == "offloaded").resolved()
    return Request(
        scenes.exits(kind),
        machine,
        policy,
        rcu=rcu,
        allocator=allocator,
        stress=True,
        max_drain_ns=1_000_000_000,
    )


@pytest.mark.slow(10)
@pytest.mark.parametrize("rcu", RCU)
def test_a_policy_that_frees_at_once_is_caught(address_sanitized: Path, rcu: str) -> None:
    answer = ask(address_sanitized, wrong("no_grace_period", rcu))
    assert answer.error == ""
    assert answer.passes[0]["metrics"]["violations"] > 0
    # from malloc(), the reader's look at freed memory is the sanitizer's to catch
    answer = ask(address_sanitized, wrong("no_grace_period", rcu, "malloc"))
    assert "heap-use-after-free" in answer.stderr


@pytest.mark.slow(10)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_policy_with_a_fault_ends_in_an_error_that_names_it(address_sanitized: Path, fault: str) -> None:
    assert fault in wrong_policies()
    answer = ask(address_sanitized, wrong(fault, "softirq"))
    if answer.error:
        assert (answer.returncode, answer.cause) == (2, "configuration")
        assert f"'{fault}'" in answer.error
        assert FAULTS[fault] in answer.error
    else:
        assert "AddressSanitizer" in answer.stderr


@pytest.mark.slow(10)
@pytest.mark.parametrize("sanitizer", ["address_sanitized", "thread_sanitized"])
@pytest.mark.parametrize("rcu", RCU)
def test_every_policy_is_clean_under_stress(request: pytest.FixtureRequest, sanitizer: str, rcu: str) -> None:
    program: Path = request.getfixturevalue(sanitizer)
    for policy in policies.catalogue():
        for allocator in ALLOCATORS:
            if policy == TYPE_STABLE and allocator == "malloc":
                continue
            asked = Request.of(
                scenes.mixed(),
                scenes.machine(nocb=rcu == "offloaded"),
                policy,
                {},
                rcu=rcu,
                allocator=allocator,
                stress=True,
            )
            # liburcu's own workers are detached threads
            answer = ask(program, asked, TSAN_OPTIONS="report_thread_leaks=0")
            assert (answer.returncode, answer.error, answer.stderr) == (0, "", ""), policy
            assert answer.passes[0]["metrics"]["violations"] == 0

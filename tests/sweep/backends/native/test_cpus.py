"""Which CPUs may be used, and what is said of those that may not."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import machine
from sweep.backends.native import cpus
from sweep.backends.native.errors import NativeError
from sweep.machine import Machine
from sweep.trial import Cause


def profile(nr_cpus: int) -> Machine:
    return machine.load("vm-2cpu").with_(**{"cpu.nr_cpus": nr_cpus})


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight CPUs, of which this process may use some."""
    monkeypatch.setattr(cpus, "online", lambda: tuple(range(8)))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {6, 2, 4})


def test_without_a_declaration_the_first_permitted_ones_are_taken() -> None:
    assert cpus.choose((), profile(2)) == (2, 4)


def test_a_declaration_is_kept_in_its_order() -> None:
    assert cpus.choose((6, 2), profile(2)) == (6, 2)


@pytest.mark.parametrize(
    ("declared", "needed", "words"),
    [
        ((), 4, "machine vm-2cpu has 4 CPUs, here are 3"),
        ((2,), 2, "machine vm-2cpu has 2 CPUs, here are 1"),
        ((2, 9), 2, "there is no CPU 9; this host has 0,1,2,3,4,5,6,7"),
        ((2, 3), 2, "CPU 3 is not permitted to this process; its affinity and cgroup allow 2,4,6"),
        ((2, 2), 2, "a CPU is named twice"),
    ],
)
def test_what_cannot_be_had_is_the_machines_fault(declared: tuple[int, ...], needed: int, words: str) -> None:
    with pytest.raises(NativeError, match=words) as raised:
        cpus.choose(declared, profile(needed))
    assert raised.value.cause is Cause.ENVIRONMENT


@given(st.lists(st.integers(0, 8191), min_size=1, unique=True))
def test_a_list_is_read_as_it_is_shown(numbers: list[int]) -> None:
    assert cpus.parse(cpus.show(tuple(numbers))) == tuple(numbers)


def test_ranges_are_read_as_the_kernel_writes_them() -> None:
    assert cpus.parse("0-2,5\n") == (0, 1, 2, 5)


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,", "-1", "0-99999999999"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        cpus.parse(text)

"""Machine profiles: what ships loads and is sourced, what is wrong is said with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sweep import machine
from sweep.machine import MachineError


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def writer(text: str, name: str = "mine.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return writer


@pytest.mark.parametrize("name", machine.names())
def test_every_profile_loads_and_states_its_sources(name: str) -> None:
    profile = machine.load(name)
    assert profile.name == name
    entries = dict(profile.entries())
    assert entries
    assert all(len(entry.source.split()) >= 2 for entry in entries.values())
    assert all(isinstance(value, int) for value in profile.resolved().values())


def test_the_machines_that_the_project_promises() -> None:
    vm, phone = machine.load("vm-2cpu").resolved(), machine.load("phone-8core").resolved()
    desktop, server = machine.load("desktop-16core").resolved(), machine.load("server-128cpu").resolved()
    assert (vm["nr_cpus"], vm["jiffy_ns"], vm["nocb"]) == (2, 4_000_000, 0)
    assert (phone["nr_cpus"], phone["jiffy_ns"], phone["nocb"], phone["lazy"]) == (8, 4_000_000, 1, 1)
    assert (desktop["nr_cpus"], desktop["jiffy_ns"], desktop["nocb"]) == (16, 1_000_000, 0)
    assert server["nr_cpus"] == 128
    assert machine.load("vm-2cpu-nocb").resolved() == vm | {"nocb": 1}


def test_the_recording_guest_is_as_its_sysfs_says() -> None:
    vm = machine.load("vm-2cpu").resolved()
    assert (vm["objects_per_slab"], vm["slab_bytes"], vm["min_partial"]) == (21, 4096, 5)
    assert (vm["jiffies_till_first_fqs"], vm["jiffies_till_next_fqs"], vm["jiffies_till_sched_qs"]) == (
        1,
        1,
        25,
    )
    assert (vm["blimit"], vm["qhimark"], vm["qlowmark"], vm["qovld"]) == (10, 10_000, 100, 20_000)


def test_costs_are_resolved_in_picoseconds() -> None:
    profile = machine.load("vm-2cpu").with_(**{"costs.lock_ns": 12.5})
    assert profile.resolved()["lock_ps"] == 12_500


def test_overrides_reach_what_follows_from_them() -> None:
    profile = machine.load("vm-2cpu").with_(**{"cpu.hz": "1000", "cpu.nr_cpus": 16})
    resolved = profile.resolved()
    assert resolved["jiffy_ns"] == 1_000_000
    assert resolved["nocb_nobypass_lim_per_jiffy"] == 16
    assert resolved["objects_per_slab"] == 42
    assert profile.nr_cpus == 16


def test_a_given_value_replaces_its_formula() -> None:
    assert machine.load("vm-2cpu").with_(**{"nocb.nocb_gp_stride": 1}).resolved()["nocb_gp_stride"] == 1


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"rcu.blimitt": 3}, "did you mean rcu.blimit"),
        ({"blimit": 3}, "rcu.blimit"),
        ({"cpu.nr_cpus": 0}, "cpu.nr_cpus"),
        ({"costs.lock_ns": "fast"}, "costs.lock_ns"),
        ({"costs.lock_ns": float("nan")}, "costs.lock_ns"),
        ({"slab.objects_per_slab": 22}, "do not fit"),
        ({"slab.slab_bytes": 5000}, "whole pages"),
        ({"memory.watermark_low_pages": 1}, "watermarks must rise"),
        ({"nocb.nocb_housekeeping_cpus": 3}, "nr_cpus"),
    ],
)
def test_overrides_that_cannot_be(override: dict[str, object], words: str) -> None:
    with pytest.raises(MachineError, match=words):
        machine.load("vm-2cpu").with_(**override)


def test_an_unknown_machine_is_answered_with_the_nearest() -> None:
    with pytest.raises(MachineError, match="did you mean vm-2cpu"):
        machine.load("vm2cpu")


def test_a_profile_of_ones_own_extends_a_shipped_one(write) -> None:  # type: ignore[no-untyped-def]
    path = write("extends: vm-2cpu\ndescription: mine\nrcu:\n  blimit: {value: 20, source: a test}\n")
    mine, base = machine.load(path), machine.load("vm-2cpu")
    assert mine.name == "mine"
    assert mine.resolved() == base.resolved() | {"blimit": 20}


def test_a_profile_extends_one_beside_it(write) -> None:  # type: ignore[no-untyped-def]
    write("extends: vm-2cpu\ndescription: base\nrcu:\n  blimit: {value: 20, source: a test}\n", "base.yaml")
    path = write("extends: base.yaml\ndescription: mine\n")
    assert machine.load(str(path)).resolved()["blimit"] == 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "extends: vm-2cpu\nrcu:\n  blimitt: {value: 20, source: a test}\n",
            r"'rcu.blimitt'; did you mean blimit",
        ),
        ("extends: vm-2cpu\nrcuu: {}\n", "'rcuu'; did you mean rcu"),
        ("extends: vm-2cpu\nrcu:\n  blimit: {value: 20}\n", "rcu.blimit.source is missing"),
        ("extends: vm-2cpu\nrcu:\n  blimit: {value: 20, source: ''}\n", "rcu.blimit.source"),
        ("extends: vm-2cpu\nrcu:\n  blimit: {value: 20, source: x, gues: true}\n", "did you mean guess"),
        ("extends: vm-2cpu\nrcu:\n  blimit: 20\n", "rcu.blimit"),
        ("extends: vm-2cpu\nrcu: 3\n", "rcu"),
        ("extends: vm-3cpu\n", "did you mean vm-2cpu"),
        ("extends: mine.yaml\n", "extends itself"),
        ("description: x\n", "cpu is missing"),
        ("- a list\n", "expected a mapping"),
        ("a: [\n", "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(write, text: str, words: str) -> None:  # type: ignore[no-untyped-def]
    path = write(text)
    with pytest.raises(MachineError, match=words):
        machine.load(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no machine profile at"):
        machine.load(tmp_path / "none.yaml")


def test_guesses_are_marked_where_the_source_says_that_nothing_was_published() -> None:
    for name in machine.names():
        for dotted, entry in machine.load(name).entries():
            assert entry.guess or "no published" not in entry.source, f"{name}: {dotted}"


def test_profiles_are_what_their_files_say() -> None:
    raw = yaml.safe_load((machine.paths.conf() / "machines" / "desktop-16core.yaml").read_text())
    assert machine.load("desktop-16core").cpu.hz.value == raw["cpu"]["hz"]["value"]

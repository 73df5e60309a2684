"""The machine's fingerprint: stable, whole, the same after any journey, and honest about what it cannot read."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.backends.native import fingerprint
from sweep.backends.native.fingerprint import Fingerprint
from sweep.backends.native.limits import cpu_quota, memory_limit_bytes
from tests.sweep.backends.native import fakes


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def host(root: Path, **files: str) -> Path:
    """Files of a made-up machine."""
    usual = {
        "proc__cpuinfo": "model name\t: Fast CPU 9\nmicrocode\t: 0x12\nflags\t\t: fpu hypervisors\n",
        "proc__cmdline": "root=/dev/vda rcu_nocbs=all quiet rcutree.enable_rcu_lazy=1 isolcpus=2,3",
        "proc__sys__kernel__osrelease": "6.12.1\n",
        "proc__self__cgroup": "0::/\n",
        "sys__devices__system__cpu__online": "0-3\n",
        "sys__devices__system__cpu__smt__active": "1\n",
        "sys__devices__system__cpu__cpu0__cpufreq__scaling_governor": "performance\n",
        "sys__devices__system__cpu__cpu1__cpufreq__scaling_governor": "powersave\n",
        "sys__devices__system__cpu__intel_pstate__no_turbo": "1\n",
        "sys__module__rcutree__parameters__blimit": "10\n",
        "sys__kernel__mm__transparent_hugepage__enabled": "always [madvise] never\n",
    }
    return tree(root, **usual | files)


def test_every_fact_is_read(tmp_path: Path) -> None:
    found = Fingerprint.take(host(tmp_path))
    assert found.cpu_model == "Fast CPU 9"
    assert found.microcode == "0x12"
    assert (found.nr_cpus, found.smt, found.boost) == (4, True, False)
    assert found.governor == "performance and powersave"
    assert found.virtualised_by == "nobody"
    assert found.kernel_release == "6.12.1"
    assert found.transparent_hugepages == "madvise"
    assert found.rcu_parameters == (("blimit", "10"),)
    assert found.rcu_command_line == (
        ("isolcpus", "2,3"),
        ("rcu_nocbs", "all"),
        ("rcutree.enable_rcu_lazy", "1"),
    )


def test_this_machine_has_one() -> None:
    found = Fingerprint.take()
    assert found.kernel_release == os.uname().release
    assert found.hz in (100, 250, 300, 1000) or found.hz is not None
    assert re.fullmatch("[0-9a-f]{16}", found.key())
    assert found.summary()


def test_it_is_stable(tmp_path: Path) -> None:
    """Also in another process: nothing of this one, nor of the moment, is in it."""
    code = "from sweep.backends.native.fingerprint import Fingerprint; print(Fingerprint.take().key())"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == Fingerprint.take().key()


def test_a_key_is_for_ever() -> None:
    """A store that was written with it must be readable with the next release: change this knowingly."""
    assert Fingerprint().key() == fingerprint.Fingerprint.of({}).key()
    assert len({f.name for f in dataclasses.fields(Fingerprint)}) == len(dict(Fingerprint().lines()))


def test_each_fact_counts(tmp_path: Path) -> None:
    keys = {Fingerprint.take(host(tmp_path / "usual")).key()}
    changes = {
        "proc__sys__kernel__osrelease": "6.12.2\n",
        "proc__cmdline": "quiet",
        "sys__devices__system__cpu__smt__active": "0\n",
        "sys__module__rcutree__parameters__blimit": "20\n",
        "sys__devices__system__cpu__online": "0-4\n",
        "sys__fs__cgroup__cpu.max": "150000 100000\n",
    }
    for name, text in changes.items():
        keys.add(Fingerprint.take(host(tmp_path / name, **{name: text})).key())
    assert len(keys) == 1 + len(changes)


def test_what_changes_from_run_to_run_does_not_count(tmp_path: Path) -> None:
    one = Fingerprint.take(host(tmp_path / "1", proc__uptime="1", proc__cmdline="BOOT_IMAGE=a rcu_nocbs=1"))
    two = Fingerprint.take(host(tmp_path / "2", proc__uptime="2", proc__cmdline="rcu_nocbs=1 BOOT_IMAGE=b"))
    assert one.key() == two.key()


@pytest.mark.parametrize("root", [Path("/"), None])
def test_it_survives_json(root: Path | None, tmp_path: Path) -> None:
    found = Fingerprint.take(root or host(tmp_path))
    again = Fingerprint.of(json.loads(json.dumps(found.document())))
    assert again == found
    assert again.key() == found.key()
    with pytest.raises(ValueError, match="unknown \\['colour'\\]"):
        Fingerprint.of({"colour": "red"})


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """An empty root, as of a machine that shows nothing."""
    found = Fingerprint.take(tmp_path)
    from_files = {"cpu_model", "microcode", "nr_cpus", "smt", "governor", "boost", "kernel_release"}
    from_files |= {"virtualised_by", "rcu_parameters", "rcu_command_line", "cgroup_cpus"}
    assert {name for name, value in found.document().items() if value is None} >= from_files
    shown = dict(found.lines())
    assert shown["microcode"] == "unknown"
    assert shown["cgroup memory"] == "unknown"
    assert "unknown CPU" in found.summary()


def test_a_fact_that_makes_no_sense_is_unknown(tmp_path: Path) -> None:
    assert Fingerprint.take(host(tmp_path, sys__devices__system__cpu__online="all\n")).nr_cpus is None


def test_the_program_is_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.program(tmp_path, monkeypatch, "pass")
    one = Fingerprint.take()
    fakes.program(tmp_path, monkeypatch, "exit()")
    two = Fingerprint.take()
    assert one.key() != two.key()
    monkeypatch.setenv("SWEEP_BENCH", str(tmp_path / "none"))
    assert Fingerprint.take().benchmark == "not installed"


def test_facts_are_shown_with_their_units(tmp_path: Path) -> None:
    root = host(
        tmp_path, **{"sys__fs__cgroup__cpu.max": "150000 100000", "sys__fs__cgroup__memory.max": "max"}
    )
    shown = dict(Fingerprint.take(root).lines())
    assert shown["cgroup cpus"] == "1.5 CPUs"
    assert shown["cgroup memory"] == "no limit"
    assert shown["smt"] == "on"
    assert shown["hz"].endswith(" Hz")


# -- limits of control groups --


def test_the_tightest_limit_on_the_way_up_holds(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        **{
            "proc__self__cgroup": "0::/a/b\n",
            "sys__fs__cgroup__a__b__cpu.max": "max 100000\n",
            "sys__fs__cgroup__a__cpu.max": "50000 100000\n",
            "sys__fs__cgroup__a__b__memory.max": "1073741824\n",
            "sys__fs__cgroup__a__memory.max": "2147483648\n",
        },
    )
    assert cpu_quota(root) == 0.5
    assert memory_limit_bytes(root) == 1 << 30


def test_version_1_has_a_hierarchy_for_each_controller(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        **{
            "proc__self__cgroup": "4:memory:/m\n2:cpu,cpuacct:/c\n0::/\n",
            "sys__fs__cgroup__memory__m__memory.limit_in_bytes": "4096\n",
            "sys__fs__cgroup__memory__memory.limit_in_bytes": "9223372036854771712\n",
            "sys__fs__cgroup__cpu,cpuacct__c__cpu.cfs_quota_us": "200000\n",
            "sys__fs__cgroup__cpu,cpuacct__c__cpu.cfs_period_us": "100000\n",
            "sys__fs__cgroup__cpu,cpuacct__cpu.cfs_quota_us": "-1\n",
            "sys__fs__cgroup__cpu,cpuacct__cpu.cfs_period_us": "100000\n",
        },
    )
    assert cpu_quota(root) == 2
    assert memory_limit_bytes(root) == 4096


def test_no_limit_and_not_known_are_two_things(tmp_path: Path) -> None:
    free = tree(
        tmp_path / "free",
        **{
            "proc__self__cgroup": "0::/\n",
            "sys__fs__cgroup__cpu.max": "max 100000",
            "sys__fs__cgroup__memory.max": "max",
        },
    )
    assert (cpu_quota(free), memory_limit_bytes(free)) == (0, 0)
    assert (cpu_quota(tmp_path), memory_limit_bytes(tmp_path)) == (None, None)

"""The doctor finds what is there but does not work, and says how to mend it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from sweep import doctor
from sweep.backends.native import allocators
from sweep.doctor import Part, examine
from tests.sweep.small import invoke


def script(directory: Path, name: str, text: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{text}\n")
    (directory / name).chmod(0o755)


def parts(boot: bool = False) -> dict[str, Part]:
    return {part.name: part for part in examine(boot=boot)}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is looked in for programs before all others."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place), prepend=":")
    return place


def broken(part: Part, why: str, install: str) -> None:
    assert part.present
    assert part.usable is False
    assert why in part.why
    assert part.install == install


def test_it_names_every_part_and_how_to_get_it() -> None:
    result = invoke("doctor", "--no-boot", "--format", "json")
    said = json.loads(result.stdout)["parts"]
    assert result.exit_code == 0
    names = {part["name"] for part in said}
    assert {"C compiler", "static libc", "liburcu", "native benchmark", "QEMU", "KVM", "bpftrace"} <= names
    assert all(part["why"] for part in said if not part["usable"])


def test_programs_that_do_not_start(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ANSWER_TIMEOUT_S", 0.3)
    script(programs, "qemu-system-x86_64", "echo 'libpixman-1.so.0: cannot open' >&2; exit 127")
    script(programs, "bpftrace", "exec sleep 60")
    (programs / "busybox").write_text("\x7fELF nonsense")
    (programs / "busybox").chmod(0o755)
    found = parts()
    broken(
        found["QEMU"],
        "ends with 127: libpixman-1.so.0: cannot open",
        "apt-get install qemu-system-x86 seabios",
    )
    broken(found["bpftrace"], "does not answer within 0.3 s", "apt-get install bpftrace")
    broken(found["busybox"], "does not start", "apt-get install busybox-static")


def test_a_library_that_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "liburcu-memb.so.8").write_bytes(b"\x7fELF" + bytes(60))
    monkeypatch.setattr(allocators, "_DIRECTORIES", (str(tmp_path),))
    broken(parts()["liburcu"], "does not load", "apt-get install liburcu-dev && make build")


def test_a_benchmark_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "bench", "bench", "echo 'liburcu-memb.so.8: cannot open' >&2; exit 127")
    monkeypatch.setenv("SWEEP_BENCH", str(tmp_path / "bench/bench"))
    broken(parts()["native benchmark"], "cannot open", "apt-get install liburcu-dev && make build")


def test_headers_without_makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "usr/src/linux-headers-6.12.3-cloud-amd64"
    place.mkdir(parents=True)
    (place / "Module.symvers").touch()
    monkeypatch.setenv("SWEEP_KERNEL_ROOT", str(tmp_path))
    found = parts()
    install = "apt-get install linux-headers-6.12-cloud-amd64 --reinstall"
    broken(found["kernel headers 6.12"], f"{place}: no Makefile", install)
    assert not found["kernel headers 6.1"].present
    assert found["kernel image"].install.startswith("apt-get install linux-image-6.12")


def test_a_compiler_without_a_static_libc(programs: Path) -> None:
    """gcc answers a file that it does not find with its bare name."""
    script(programs, "gcc", 'case "$1" in --version) echo gcc 12.2.0 ;; *) echo "${1#*=}" ;; esac')
    found = parts()
    assert found["C compiler"].usable
    assert not found["static libc"].usable
    assert found["static libc"].install == "apt-get install gcc make libc6-dev"


@pytest.mark.skipif(not Path("/dev/kvm").exists(), reason="no /dev/kvm")
def test_kvm_that_cannot_work_is_seen_at_once(programs: Path) -> None:
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("no QEMU")
    script(
        programs,
        "qemu-system-x86_64",
        'case "$1" in --version) exit 0 ;; esac; echo "failed to set MSR" >&2; exit 1',
    )
    began = time.monotonic()
    kvm = parts(boot=True)["KVM"]
    assert (kvm.usable, kvm.why) == (False, "failed to set MSR")
    assert time.monotonic() - began < 5

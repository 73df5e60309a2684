"""The running kernel in place of a guest: refused, checked, explained. No module is loaded by a test."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sweep.backends.kernel.device import converse
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.fingerprint import LabFingerprint, host_cpu, host_is_emulated
from sweep.backends.kernel.host_checks import FLAG, HostKernel
from sweep.backends.kernel.host_lab import HostLab
from tests.sweep.small import invoke, words

EFI = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.fixture
def kernel(tmp_path: Path) -> HostKernel:
    """A host that may."""
    made = HostKernel("6.12", tmp_path, user=0)
    write(tmp_path, "proc/modules", "")
    write(tmp_path, "proc/sys/kernel/modules_disabled", "0\n")
    write(tmp_path, "lib/modules/6.12/build/Makefile", "")
    write(tmp_path, "sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
    write(tmp_path, EFI, "\6\0\0\0\0")
    return made


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_a_host_on_which_all_is_well_may(kernel: HostKernel) -> None:
    assert kernel.faults() == []
    assert all(check.fine for check in kernel.checks())


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("proc/sys/kernel/modules_disabled", "1\n", "kernel.modules_disabled is set"),
        ("sys/kernel/security/lockdown", "none [integrity] confidentiality\n", "no unsigned module"),
        (EFI, "\6\0\0\0\1", "sign the module"),
        ("sys/module/rcu_sweep/refcnt", "0\n", "rmmod rcu_sweep"),
    ],
)
def test_what_forbids_it_is_said(kernel: HostKernel, path: str, text: str, said: str, tmp_path: Path) -> None:
    write(kernel.root, path, text)
    (fault,) = kernel.faults()
    assert said in fault
    with pytest.raises(LabError, match="--host: "):
        HostLab(tmp_path / "cache", kernel)
    assert not (tmp_path / "cache").exists()


def test_without_root_modules_or_headers_it_is_refused(kernel: HostKernel) -> None:
    (kernel.root / "proc/modules").unlink()
    poor = replace(kernel, user=1000, release="6.18")
    said = "; ".join(poor.faults())
    assert "needs root" in said
    assert "CONFIG_MODULES" in said
    assert "apt-get install gcc make linux-headers-6.18" in said


def test_what_cannot_be_read_forbids_nothing(kernel: HostKernel) -> None:
    for path in ("proc/sys/kernel/modules_disabled", "sys/kernel/security/lockdown", EFI):
        (kernel.root / path).unlink()
    assert kernel.faults() == []
    assert kernel.plan().count("cannot be read") == 3


@pytest.mark.parametrize(
    ("cpu", "clocks", "emulated"),
    [
        ("QEMU TCG CPU version 2.5+", "tsc acpi_pm", True),
        ("QEMU Virtual CPU version 2.5+", "kvm-clock tsc", False),
        ("Intel(R) Xeon(R) Processor", "kvm-clock tsc", False),
        ("AMD EPYC 9654", "tsc hpet", False),
    ],
)
def test_a_host_that_is_emulated_is_known_for_one(
    cpu: str, clocks: str, emulated: bool, tmp_path: Path
) -> None:
    write(tmp_path, "proc/cpuinfo", f"processor : 0\nmodel name : {cpu}\n")
    write(tmp_path, "sys/devices/system/clocksource/clocksource0/available_clocksource", clocks)
    assert host_is_emulated(tmp_path) is emulated
    of = LabFingerprint("none", emulated, None, "6.12", 1, True, False, None, host_cpu(tmp_path), "m")
    assert of.key().startswith("emulated-") is emulated
    assert of.summary().startswith("emulated, Linux 6.12") is emulated
    assert ("no machine's" in dict(of.lines())["runs"]) is emulated


def test_without_the_flag_it_only_says_what_it_would_do() -> None:
    result = invoke("measure", "--backend", "kernel", "--host", "--workload", "giant-exit")
    assert result.exit_code == 2
    said = words(result.output)
    assert "Nothing was done" in said
    assert os.uname().release in said
    assert FLAG in said


def test_options_of_a_guest_are_not_the_hosts() -> None:
    result = invoke(
        "measure", "--backend", "kernel", "--host", FLAG, "--icount", 1, "--workload", "giant-exit"
    )
    assert result.exit_code == 2
    assert "--icount: only with a guest" in words(result.output)


def test_a_request_is_written_whole_and_the_answer_read_to_its_end() -> None:
    """Over a socket, as the nearest thing to a device that is written and read."""
    ours, theirs = socket.socketpair()
    request, seen = bytes(range(256)) * 600, bytearray()

    def device() -> None:
        while len(seen) < len(request):
            seen.extend(ours.recv(4096))
        ours.sendall(b'{"done": true}\n')
        ours.close()

    thread = threading.Thread(target=device)
    thread.start()
    assert converse(theirs.fileno(), request) == b'{"done": true}\n'
    thread.join()
    theirs.close()
    assert bytes(seen) == request

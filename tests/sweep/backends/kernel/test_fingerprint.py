"""What a guest is: nothing of an emulator is taken for a real CPU's."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from sweep.backends import hosts
from sweep.backends.kernel.fingerprint import LabFingerprint
from sweep.backends.kernel.settings import KernelSettings
from sweep.backends.native.fingerprint import Fingerprint
from sweep.judge import Judge, MixtureError
from sweep.standing import SIMULATED, figures
from sweep.trial import Attempt, Configuration, Evidence, Measurement, Trial
from tests.sweep.fake_native import GUEST, HOST

WITH_KVM = replace(GUEST, accelerator="kvm", emulated=False, icount=None, host_cpu="a CPU")


def test_each_fact_makes_another_guest() -> None:
    changed: dict[str, Any] = {
        "accelerator": "kvm", "emulated": False, "qemu": "9.0", "kernel_release": "6.1", "memory_bytes": 1 << 30,
        "softirq": False, "memcg": True, "icount": 2, "host_cpu": "another", "module": "1" * 16,
    }  # fmt: skip
    assert changed.keys() == {field.name for field in fields(LabFingerprint)}
    keys = {replace(GUEST, **{name: value}).key() for name, value in changed.items()}
    assert len(keys | {GUEST.key()}) == len(changed) + 1


def test_the_word_is_wherever_the_key_is() -> None:
    assert GUEST.key().startswith("emulated-")
    assert WITH_KVM.key().startswith("guest-")
    assert "emulated" in GUEST.summary()
    assert "emulated" not in WITH_KVM.summary() + " ".join(word for _, word in WITH_KVM.lines())
    assert figures("kernel", GUEST.key()).startswith("emulated")
    assert not figures("kernel", WITH_KVM.key()).startswith("emulated")
    assert figures(SIMULATED, "") == SIMULATED


def test_both_kinds_come_back_from_their_documents() -> None:
    for host in (GUEST, WITH_KVM, HOST):
        assert hosts.of(json.loads(json.dumps(host.document()))) == host
    with pytest.raises(ValueError, match="colour"):
        hosts.of(GUEST.document() | {"colour": "blue"})


def measured(number: int, level: str, machine: str) -> Attempt:
    origin = "baseline" if number == 0 else "sampler"
    trial = Trial(number, Configuration.of("fixed_batch", {"max": 32 + number}), origin)
    of = Evidence(level, machine, 2, 0, (), ())
    return Attempt(trial, 0, (("a", Measurement()),), None, "h/1", 0.0, 1.0, (("a", of),))


@pytest.mark.parametrize(
    ("level", "machine"), [("kernel", WITH_KVM.key()), ("native", HOST.key()), ("kernel", "emulated-1")]
)
def test_times_of_unlike_guests_and_machines_are_never_merged(level: str, machine: str) -> None:
    judge = Judge(("exit_latency_ns.p99", "retained_bytes.mean"), "mean", (), ())
    judge.add([measured(0, "kernel", GUEST.key())])
    with pytest.raises(MixtureError, match="emulated-.*never compared"):
        judge.add([measured(1, level, machine)])


def test_only_time_by_instructions_is_free_of_the_hosts_cpu(packages: None) -> None:
    by_instructions = LabFingerprint.take(KernelSettings(icount=1), "tcg")
    assert by_instructions.host_cpu is None
    assert LabFingerprint.take(KernelSettings(), "tcg").host_cpu
    settings = {"accelerator": "tcg", "icount": 1}
    assert hosts.key("kernel", settings) == by_instructions.key()
    assert hosts.key("native", {}) == Fingerprint.take().key()

"""The simulator held to the guest's kernel: what is comparable, and a comparison from end to end."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sweep import machine
from sweep.agreement import kernel, run, sample
from sweep.agreement.kept import Kept
from sweep.agreement.settings import Settings
from sweep.backends.kernel import calibration
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.lab import Lab
from sweep.backends.kernel.request import LabTrial
from sweep.backends.kernel.settings import KernelSettings
from sweep.trial import Configuration
from tests.sweep.backends.kernel.scenes import OBJECT_BYTES

pytestmark = pytest.mark.slow

SETTINGS = Settings.model_validate(
    {
        "development": [{"name": "exit-storm", "window": ["0.4 s", "0.06 s"]}],
        "held_out": [{"name": "make-j2", "window": ["0.5 s", "0.06 s"]}],
        "longest_s": "2 s",
        "objectives": ["exit_latency_ns.mean", "retained_bytes.mean"],
        "targets": [{"metric": "callbacks", "median_error": 0.15}],
        "shown": ["exit_latency_ns.mean", "retained_bytes.mean", "callbacks"],
    }
)
CONFIGURATIONS = (
    sample.baseline(),
    Configuration.of("whole_list", {"hurry": False}),
    Configuration.of("direct_exit", {"bulk_size": 8}),
    Configuration.of("typesafe"),
)
ICOUNT = KernelSettings(icount=1)


def test_only_grace_periods_that_the_policy_waited_for_are_counted(lab: Lab) -> None:
    rows = calibration.exits(100)
    found = {
        policy: lab.run(LabTrial(rows, policy, {}, OBJECT_BYTES), BootSettings(icount=1)).answer
        for policy in ("whole_list", "direct_exit")
    }
    exits = found["whole_list"].measurement.callbacks
    assert exits > 0
    assert found["whole_list"].measurement.grace_periods == exits  # far apart: one each
    assert found["direct_exit"].measurement.grace_periods == 0
    for answer in found.values():
        assert answer.details["grace_periods_of_all"] >= answer.measurement.grace_periods


def test_a_comparison_with_a_guest_says_that_it_was_emulated_and_what_cannot_be_compared(
    lab: Lab, tmp_path: Path
) -> None:
    profile = machine.load("guest-2cpu")
    host = kernel.host(profile, ICOUNT, lab, seed=1)
    assert host.where.endswith("emulated")
    assert host.key.startswith("emulated-")
    kept = Kept(tmp_path / "measured.jsonl")

    def compared(host: run.Host) -> run.Comparison:
        return run.compare(
            SETTINGS, profile, CONFIGURATIONS, host, kept, repeats=1, seed=1, clock=lambda: 0.0
        )

    found = compared(host)
    assert not found.failed
    whole = found.agreement.part("all")
    assert found.agreement.where == host.where
    assert whole.metric("retained_bytes.mean").pairs == 8
    assert whole.metric("callbacks").pairs == 6  # a type-stable cache's slabs are not seen
    assert whole.metric("callbacks").median_error is not None
    assert whole.metric("callbacks").median_error < 0.15
    direct = {pair.configuration.policy: pair.measured("retained_bytes.mean") for pair in found.pairs}
    assert direct["typesafe"] < direct["direct_exit"] < direct["per_object"]

    # A new calibration asks for no new measurement, another boot does.
    recalibrated = profile.with_(**{"costs.unlink_ns": 1.0, "rcu.gp_init_ns": 1})
    item = run.plan.Item("exit-storm", CONFIGURATIONS[0], 0)
    scene = next(iter(run.scenes(SETTINGS, profile.nr_cpus, 1)))
    key = run.item_key(item, scene, profile, host, 1)
    assert run.item_key(item, scene, recalibrated, host, 1) == key
    assert run.item_key(item, scene, profile.with_(**{"nocb.nocb": True}), host, 1) != key
    assert run.item_key(item, scene, profile, dataclasses.replace(host, bench="other"), 1) != key

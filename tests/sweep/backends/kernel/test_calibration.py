"""Unit costs of the guest's kernel: from probes to costs, and whether the simulator then says what the lab measures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sweep import machine
from sweep.backends import simulator
from sweep.backends.costs import Cost, evaluate
from sweep.backends.kernel import calibration
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.build import policy_sources
from sweep.backends.kernel.calibration import EXIT, QUOTA, SMALL
from sweep.backends.kernel.lab import Lab
from sweep.backends.kernel.request import LabTrial
from tests.sweep.backends.kernel.scenes import OBJECT_BYTES

PLAIN = BootSettings(icount=1)
POLICIES = ("per_object", "whole_list", "direct_exit")
BASE = machine.load("guest-2cpu")

UNLINK, CALL, LINK, POST, LOCK, WAKE = 100.0, 400.0, 10.0, 300.0, 20.0, 2000.0
SLUB, HOOK, SLOW, REMOTE = 30.0, 15.0, 70.0, 90.0
INIT, CLEANUP, FLUSH, PROBED = 2000.0, 3000.0, 120.0, 400.0


def exit_ns(each: float, objects: int) -> float:
    return CALL + objects * (UNLINK + each)


def made_up(rounds: int = 3) -> calibration.Series:
    """As a guest would say whose costs are the constants above: a probe that keeps, links, posts or frees."""
    values = {("touch", n): exit_ns(0, n) for n in (EXIT, SMALL)}
    values |= {("link", EXIT): exit_ns(LINK, EXIT), ("post", EXIT): exit_ns(POST, EXIT)}
    values |= {(name, EXIT): exit_ns(SLOW + HOOK, EXIT) for name in ("free", "bulk")}
    values[("but_last", EXIT)] = exit_ns((SLOW + HOOK) * 20 / 21, EXIT)
    values |= {("nocb_post", n): exit_ns(POST + LOCK, n) + WAKE for n in (*QUOTA, EXIT // 2, EXIT, 1)}
    values[("remote_but_last", EXIT)] = values[("but_last", EXIT)] + (REMOTE - SLOW) * EXIT * 20 / 21
    values[("remote_touch", EXIT)] = values[("touch", EXIT)]
    values |= {("post_cleanup", EXIT): CLEANUP + PROBED, ("step_gp_init", EXIT): INIT + PROBED}
    values |= {("nocb_step_bypass_flush", EXIT): FLUSH + LOCK / 2 + PROBED}
    values |= {(f"{prefix}step_probed", EXIT): PROBED for prefix in ("", "nocb_")}
    for prefix in ("", "nocb_"):
        for kind in ("softirq", "kthread"):
            values |= {(f"{prefix}post_{kind}", n): 900 + 150.0 * n for n in (1, EXIT)}
            values |= {(f"{prefix}chain_{kind}", n): 900 + 100.0 * n for n in (1, EXIT)}
    values |= {(f"step_{note}", SMALL): LOCK for note in calibration.NOTES}
    values |= {("step_free_fast", SMALL): SLUB + HOOK, ("step_slub_fast", SMALL): SLUB}
    return {key: np.full(rounds, value) for key, value in values.items()}


def costs_of(series: calibration.Series) -> dict[str, Cost]:
    found = evaluate(calibration.FORMULAS, series, BASE.resolved(), np.random.default_rng(1))
    return {cost.entry: cost for cost in found}


def test_costs_come_out_as_they_were_put_in() -> None:
    found = {entry: cost.interval.value for entry, cost in costs_of(made_up()).items()}
    expected = {"unlink": UNLINK, "call_cold": CALL, "link": LINK, "call_rcu": POST, "call_rcu_nocb": POST}
    expected |= {"wake": WAKE, "free_hook": HOOK, "free_fast": SLUB, "free_slow": SLOW, "slab_discard": 0}
    expected |= {"free_remote": REMOTE, "bypass_flush": FLUSH, "list_lock": LOCK}
    assert found["rcu.gp_init_ns"] == pytest.approx(INIT)
    assert found["rcu.gp_cleanup_ns"] == pytest.approx(CLEANUP)
    for name, value in expected.items():
        assert found[f"costs.{name}_ns"] == pytest.approx(value, abs=1e-6), name
    assert found["costs.callback_ns"] == pytest.approx(150 - SLOW - HOOK)


def test_every_cost_of_a_profile_is_measured_or_given() -> None:
    entries = {*costs_of(made_up()), *calibration.GIVEN}
    assert entries == {f"costs.{name}" for name in machine.Costs.model_fields} | {
        "sched.wake_latency_ns",
        "rcu.gp_init_ns",
        "rcu.gp_cleanup_ns",
    }


@pytest.fixture
def lab(cache: Path) -> Iterator[Lab]:
    """With the probes, and what they are compared with."""
    files = {name: policy_sources()[name] for name in POLICIES} | calibration.PROBES
    with Lab(cache, "tcg", policy_files=files) as made:
        yield made


@pytest.mark.slow
def test_a_simulator_with_the_guests_costs_says_what_an_exit_takes(lab: Lab) -> None:
    series = dict(made_up(1)) | calibration.series(lab, PLAIN, OBJECT_BYTES, rounds=1)
    found = costs_of(series)
    for name in ("unlink", "call_rcu", "callback", "softirq", "free_slow", "free_fast", "lock", "work_queue"):
        assert found[f"costs.{name}_ns"].interval.value > 0, name
    assert 4e6 < series["lone", 1][0] < 30e6  # a grace period at HZ=250
    costs = {entry: cost.interval.value for entry, cost in found.items() if entry.startswith("costs.")}
    guest = BASE.with_(**costs, **{entry: value for entry, (value, _) in calibration.GIVEN.items()})
    rows = calibration.exits(200)
    for policy in POLICIES:
        trial = LabTrial(rows, policy, {}, OBJECT_BYTES)
        measured = lab.run(trial, PLAIN).answer.measurement.exit_latency_ns.mean
        simulated = simulator.simulate(rows, guest, policy, {}).measurement.exit_latency_ns.mean
        assert simulated == pytest.approx(measured, rel=0.3), policy

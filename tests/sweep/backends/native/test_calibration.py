"""From the calibration program's series to costs, and the profile that is written of them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workloads
from sweep import machine
from sweep.backends import simulator
from sweep.backends.costs import Cost, gather_counts
from sweep.backends.native import calibration, placement
from sweep.backends.native.calibration import EXIT, LARGE, OFFLOADED, SMALL
from sweep.backends.native.errors import NativeError, NativeUnavailableError
from sweep.backends.native.fingerprint import Fingerprint
from sweep.backends.native.request import Request
from sweep.calibrated import of_this_machine
from sweep.calibrated import profile as profile_text
from sweep.trial import Interval

PROFILE = machine.load("vm-2cpu")
COLD = 1000.0
"""What a call takes beyond its objects 0.5 ms after the one before."""
GAPS = 2.0
"""So many times as much long after."""
OLD = 6.0
"""What an old object costs more."""
BY_SIZE = {
    "unlink": 10.0,
    "unlink_elsewhere": 80.0,
    "link": 13.0,
    "store": 11.0,
    "start": 24.0,
    "walk_free": 40.0,
    "callback_free": 45.0,
    "now": 20.0,
    "snapshot": 16.0,
    "poll": 15.5,
}
"""Series whose objects have this cost each, in exits of any size."""
STEPS_COLD = {"lock": (20.0, 300.0), "post": (35.0, 200.0), "free": (34.0, 500.0)}
"""Series with a step that is cold as well: per object, and per call."""
SERIES = {name: (each, 0.0) for name, each in BY_SIZE.items()} | STEPS_COLD
TRUTH: dict[tuple[str, int], float] = (
    {
        (name, size): each + (COLD + cold) / size
        for name, (each, cold) in SERIES.items()
        for size in (12, SMALL, EXIT, LARGE)
    }
    | {
        (f"{name}_old", size): each + OLD * (1 + place) / 3 + (COLD + cold) / size
        for place, name in enumerate(calibration.BOTH_AGES)
        for each, cold in (SERIES[name],)
        for size in (SMALL, LARGE)
    }
    | {
        ("unlink_idle", SMALL): 10.0 + GAPS * COLD / SMALL,
        ("stamp", EXIT): 15.0,
        ("alloc", SMALL): 10.0 + GAPS * COLD / SMALL + 50.0,
        ("release", SMALL): 90.0,
        ("post_direct", SMALL): 10.0 + GAPS * COLD / SMALL + 50.0,
        ("post_bypass", LARGE): 56.5,
        ("callback_free", OFFLOADED + EXIT): 54.0,
        ("sort", EXIT): 4.0,
        ("bulk_hot", EXIT): 15.0,
        ("slab_first", EXIT): 30.0,
        ("slab_flush", 12): 1330.0,
        ("slab_others", EXIT): 10.0,
        ("slab_fast", EXIT): 5.0,
        ("slab_remote_first", EXIT): 90.0,
        ("softirq", 0): 400.0,
        ("work", 0): 150.0,
        ("gp_begin", 0): 25_000.0,
        ("flush", 0): 60.0,
        ("scan", 0): 70.0,
        ("lock_alone", 0): 5.0,
        ("lock_handoff", 0): 85.0,
        ("wake", 0): 4000.0,
        ("wake_latency", 0): 20_000.0,
        ("switch", 0): 5000.0,
    }
)


def answer(rounds: int, noise: Callable[[], float] = lambda: 1.0) -> str:
    lines = [
        json.dumps({"round": k, "series": name, "objects": objects, "ns": [ns * noise() for _ in range(9)]})
        for k in range(rounds)
        for (name, objects), ns in TRUTH.items()
    ]
    return "\n".join([*lines, json.dumps({"done": True})])


def costs_of(text: str, rounds: int) -> dict[str, Cost]:
    found = calibration.costs(calibration.read(text, rounds), PROFILE, np.random.default_rng(1))
    return {cost.entry: cost for cost in found}


def test_costs_are_the_differences_that_they_say() -> None:
    found = {entry: cost.interval.value for entry, cost in costs_of(answer(3), 3).items()}
    assert found["costs.unlink_ns"] == pytest.approx(10)
    assert found["costs.object_cold_ns"] == pytest.approx(6)
    assert found["costs.object_remote_ns"] == pytest.approx(70)
    assert found["costs.lock_cold_ns"] == pytest.approx(GAPS * 300)
    assert found["costs.call_rcu_cold_ns"] == pytest.approx(GAPS * 200)
    assert found["costs.free_cold_ns"] == pytest.approx(GAPS * 500)
    assert found["costs.call_cold_ns"] == pytest.approx(GAPS * COLD)
    assert found["costs.call_cool_ns"] == pytest.approx(GAPS * 500_000)
    assert found["costs.store_ns"] == pytest.approx(1)
    assert found["costs.link_ns"] == pytest.approx(3)
    assert found["costs.call_rcu_ns"] == pytest.approx(25)
    assert found["costs.call_rcu_nocb_ns"] == pytest.approx(45)
    assert found["costs.lock_handoff_ns"] == pytest.approx(80)
    assert found["costs.slab_discard_ns"] == pytest.approx(100)
    assert found["costs.callback_bh_ns"] == pytest.approx(5)
    assert found["rcu.gp_init_ns"] == pytest.approx(5000)


def test_what_costs_are_made_of_adds_up_again() -> None:
    """Unlinking and freeing an exit costs in the simulator what the probe took, slab moves included."""
    found = {entry: cost.interval.value for entry, cost in costs_of(answer(3), 3).items()}
    m = PROFILE.resolved()
    per_flush = (m["cpu_partial_slabs"] + 1) * m["objects_per_slab"]
    moves = found["costs.list_lock_ns"] + m["cpu_partial_slabs"] * found["costs.slab_discard_ns"]
    unlink = found["costs.unlink_ns"]
    each = unlink + found["costs.free_slow_ns"] + moves / per_flush
    after_gap = calibration.GAP_NS / found["costs.call_cool_ns"]
    once = (found["costs.call_cold_ns"] + found["costs.free_cold_ns"]) * after_gap
    assert each + once / EXIT == pytest.approx(TRUTH["free", EXIT])
    chain = each - unlink + found["costs.walk_ns"]
    assert chain == pytest.approx(BY_SIZE["walk_free"])
    groups, scans = gather_counts(m["objects_per_slab"], EXIT, calibration.BULK)
    bulk = groups * found["costs.free_slow_ns"] + scans * found["costs.free_bulk_object_ns"]
    assert bulk / EXIT + found["costs.store_ns"] == pytest.approx(TRUTH["bulk_hot", EXIT])


@pytest.mark.parametrize("objects_per_slab", [1, 3, 16, 21, 42, 1000])
def test_bulk_frees_are_counted_as_the_simulator_charges_them(objects_per_slab: int) -> None:
    """The simulator's own charge for one exit freed in arrays, with one cost at a time."""
    profile = PROFILE.with_(
        **{f"costs.{name}": 0 for name in machine.Costs.model_fields},
        **{"slab.objects_per_slab": objects_per_slab, "slab.slab_bytes": 262144},
    )
    from tests.sweep.backends.simulator.scenes import birth, exit_mm, replay

    nr = 240
    rows = replay([birth(0, 0, 0, nr), exit_mm(5_000_000, 0, 0, nr)])

    def latency(**costs: float) -> float:
        dear = profile.with_(**{f"costs.{name}": value for name, value in costs.items()})
        params = {"bulk_size": calibration.BULK}
        return simulator.simulate(rows, dear, "direct_exit", params).measurement.exit_latency_ns.mean

    groups, scans = gather_counts(objects_per_slab, nr, calibration.BULK)
    assert latency(free_bulk_object_ns=1) == scans
    assert latency(free_fast_ns=1, free_slow_ns=1, free_remote_ns=1) == groups


def test_intervals_hold_the_truth_and_shrink_with_rounds() -> None:
    truth = costs_of(answer(3), 3)

    def width(rounds: int) -> float:
        rng = np.random.default_rng(rounds)
        found = costs_of(answer(rounds, lambda: float(np.exp(0.1 * rng.standard_normal()))), rounds)
        for cost in found.values():
            assert cost.interval.low <= cost.interval.value <= cost.interval.high
        held = [
            cost.interval.low <= truth[entry].interval.value <= cost.interval.high
            for entry, cost in found.items()
        ]
        assert np.mean(held) > 0.8  # of intervals of 95 %, on differences of few rounds
        widths = [
            (cost.interval.high - cost.interval.low) / truth[entry].interval.value
            for entry, cost in found.items()
            if truth[entry].interval.value > 0
        ]
        return float(np.mean(widths))

    assert width(60) < 0.6 * width(6)


def test_no_cost_is_below_zero() -> None:
    text = answer(3).replace('"series": "post"', '"series": "post_"') + "\n"
    cheap = "\n".join(
        json.dumps({"round": k, "series": "post", "objects": objects, "ns": [1.0]})
        for k in range(3)
        for objects in (SMALL, EXIT, LARGE)
    )
    assert costs_of(cheap + "\n" + text, 3)["costs.call_rcu_ns"].interval == Interval(0, 0, 0)


def test_a_round_without_a_sample_does_not_matter_but_no_sample_at_all_is_said() -> None:
    lines = answer(4).splitlines()
    one_less = [line for line in lines if '"round": 2, "series": "post",' not in line]
    assert len(one_less) < len(lines)
    assert costs_of("\n".join(one_less), 4)["costs.call_rcu_ns"].interval.value == pytest.approx(25)
    none = [line for line in lines if '"series": "post",' not in line]
    with pytest.raises(NativeError, match="no undisturbed sample of 'post'"):
        costs_of("\n".join(none), 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        '{"done": true',
        '{"round": 0}\n{"done": true}',
        '{"round": 7, "series": "a", "objects": 1, "ns": [1]}\n{"done": true}',
    ],
)
def test_garbage_is_not_taken_for_an_answer(text: str) -> None:
    with pytest.raises(NativeError, match="garbage"):
        calibration.read(text, 3)


def test_few_wild_samples_do_not_move_the_centre() -> None:
    rng = np.random.default_rng(5)
    values = 100 + rng.standard_normal(200)
    spoilt = np.concatenate([values, np.full(20, 1e7)])
    assert calibration.centre(list(spoilt)) == pytest.approx(calibration.centre(list(values)), abs=0.5)


def test_a_clock_that_advances_in_steps_is_no_finer_by_the_median_but_by_the_centre() -> None:
    """A duration of 14 is read as 10 or 20 by a clock with steps of 10, by where in a step it began."""
    began = np.random.default_rng(6).uniform(0, 10, 2000)
    read = [float(value) for value in (began + 14) // 10 * 10]
    assert abs(calibration.centre(read) - 14) < abs(float(np.median(read)) - 14)


def test_a_machine_that_was_never_quiet_is_said_to_be_so() -> None:
    with pytest.raises(NativeError, match="never as near"):
        list(calibration.costs(calibration.read('{"done": true}', 3), PROFILE, np.random.default_rng(1)))


# -- the profile --


def test_the_profile_loads_states_every_cost_with_its_interval_and_simulates(tmp_path: Path) -> None:
    fingerprint = Fingerprint.take()
    found = tuple(costs_of(answer(5), 5).values())
    path = tmp_path / "mine.yaml"
    series = calibration.read(answer(5), 5)
    calibrated = of_this_machine(found, series, fingerprint, "calibrate --machine vm-2cpu")
    path.write_text(profile_text("vm-2cpu", calibrated, datetime.date(2026, 1, 2), 5))
    profile = machine.load(path)
    entries = dict(profile.entries())
    assert {f"costs.{name}" for name in machine.Costs.model_fields} <= {
        *(cost.entry for cost in found),
        *calibration.GIVEN,
    }
    for cost in found:
        entry = entries[cost.entry]
        assert entry.low is not None
        assert entry.high is not None
        assert entry.low <= entry.value <= entry.high
        assert not entry.guess
        assert fingerprint.key() in entry.source
        assert "2026-01-02" in entry.source
    assert entries["costs.free_hook_ns"].value == 0
    assert entries["rcu.blimit"] == dict(PROFILE.entries())["rcu.blimit"]
    rows = workloads.replay(
        workloads.load("chromium"), profile.nr_cpus, workloads.Scale(window_ns=(0, 200_000_000))
    )
    latency = {
        name: simulator.simulate(rows, used, "per_object", {}).measurement.exit_latency_ns.mean
        for name, used in (("mine", profile), ("extended", PROFILE))
    }
    assert 0 < latency["mine"] != latency["extended"]


def test_a_calibration_without_the_program_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration.package, "__path__", [str(tmp_path)])
    with pytest.raises(NativeUnavailableError, match="liburcu"):
        calibration.path()


def _built() -> bool:
    try:
        calibration.path()
    except NativeUnavailableError:
        return False
    return True


@pytest.mark.slow(30)
@pytest.mark.skipif(not _built(), reason="the calibration program is not built: it needs liburcu")
def test_the_real_program_measures_every_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it measures depends on who else uses this machine; that it measures does not."""

    def anywhere(request: Request) -> Request:  # other tests run beside it
        return replace(request, line_ns=(1e-3, 1e12), line_patience_ns=0)

    monkeypatch.setattr(placement, "waiting", anywhere)
    import os

    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two CPUs: some costs arise between them")
    series = calibration.measure(PROFILE, (), 3, timeout_s=600)
    assert {name for name, _ in TRUTH} <= {name for name, _ in series}
    found: dict[str, Any] = {
        cost.entry: cost.interval.value
        for cost in calibration.costs(series, PROFILE, np.random.default_rng(1))
    }
    assert 0 < found["costs.unlink_ns"] < 10_000
    assert 0 < found["sched.wake_latency_ns"] < 1e9
    assert found["costs.wake_ns"] > found["costs.lock_ns"]


def test_one_cpu_is_not_enough() -> None:
    one = PROFILE.with_(**{"cpu.nr_cpus": 1})
    if not _built():
        pytest.skip("the calibration program is not built: it needs liburcu")
    with pytest.raises(NativeError, match="two CPUs"):
        calibration.measure(one, (), 3, timeout_s=60)

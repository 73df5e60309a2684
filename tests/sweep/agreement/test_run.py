"""A comparison from its sample to its end: order, resuming, failures, drift."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from sweep import defaults, machine
from sweep.agreement import model, plan, run, sample
from sweep.agreement.kept import Kept
from sweep.agreement.model import AgreementError
from sweep.backends.evaluator import EvaluationError
from sweep.trial import Cause, Configuration
from tests.sweep.agreement.standins import CONFIGURATIONS, PROFILE, SETTINGS, Machinery, compared
from workloads import Replay

# -- the sample and the order --


def test_a_sample_has_every_policy_and_is_the_same_for_a_seed() -> None:
    import policies

    nr = defaults.AGREE_CONFIGURATIONS
    some = sample.configurations(nr, seed=7)
    assert some == sample.configurations(nr, seed=7)
    assert some != sample.configurations(nr, seed=8)
    assert len(set(some)) == len(some) == nr
    assert some[0] == sample.baseline()
    assert {each.policy for each in some} == set(policies.catalogue())
    for preset in policies.presets().values():
        assert Configuration.of(preset.policy, dict(preset.params)) in some


def test_a_larger_sample_goes_on_where_the_smaller_ended() -> None:
    assert sample.configurations(200, seed=1)[:60] == sample.configurations(60, seed=1)


def test_a_sample_too_small_or_too_large_is_refused() -> None:
    for nr in (3, 10**30):
        with pytest.raises(ValueError, match="expected"):
            sample.configurations(nr, seed=1)


def test_the_order_has_each_pair_once_per_repeat_and_the_baseline_in_between() -> None:
    pairs = [(workload, each) for workload in ("a", "b") for each in CONFIGURATIONS]
    items = list(plan.order(pairs, 2, CONFIGURATIONS[0], seed=1))
    plain = [item for item in items if not item.drift]
    assert Counter((item.workload, item.configuration) for item in plain) == Counter(dict.fromkeys(pairs, 2))
    assert [item.repeat for item in plain] == [0] * len(pairs) + [1] * len(pairs)
    places = [place for place, item in enumerate(items) if item.drift]
    assert {item.configuration for item in items if item.drift} == {CONFIGURATIONS[0]}
    assert all(b - a == plan.BETWEEN_BASELINES + 1 for a, b in pairwise(places))
    assert len(set(items)) == len(items)
    assert plain[: len(pairs)] != [plan.Item(*pair, 0) for pair in pairs]


# -- resuming --


class _KilledError(Exception):
    pass


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    whole = compared(tmp_path / "a", Machinery())

    def stop(replay: Replay, configuration: Configuration, call: int) -> bool:
        if call == 13:
            raise _KilledError
        return False

    (tmp_path / "b").mkdir()
    with pytest.raises(_KilledError):
        compared(tmp_path / "b", Machinery(meddle=stop))
    rest = Machinery()
    resumed = compared(tmp_path / "b", rest)
    again = Machinery()
    assert compared(tmp_path / "b", again).agreement == resumed.agreement == whole.agreement
    assert not again.asked
    assert len(rest.asked) + 13 == len((tmp_path / "b" / "measured.jsonl").read_text().splitlines())
    assert resumed.pairs == whole.pairs


def test_a_torn_line_is_measured_again(tmp_path: Path) -> None:
    compared(tmp_path, Machinery())
    path = tmp_path / "measured.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    rest = Machinery()
    compared(tmp_path, rest)
    assert len(rest.asked) == 1
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    path.write_text("policy,params\n1,2\n")
    with pytest.raises(AgreementError, match=r"measured\.jsonl:1: not a record"):
        Kept(path)
    assert path.read_text() == "policy,params\n1,2\n"


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"costs.unlink_ns": 99}, False),
        ({"sched.wake_latency_ns": 99}, False),
        ({"rcu.blimit": 99}, True),
        ({"cpu.hz": 1000}, True),
    ],
)
def test_a_calibration_anew_leaves_measurements_valid_another_machine_does_not(
    tmp_path: Path, change: dict[str, int], again: bool
) -> None:
    compared(tmp_path, Machinery())
    rest = Machinery()
    compared(tmp_path, rest, profile=PROFILE.with_(**change))
    assert bool(rest.asked) == again


def test_figures_of_unlike_machines_never_merge(tmp_path: Path) -> None:
    first = Machinery()
    compared(tmp_path, first, key="a")
    other = Machinery()
    compared(tmp_path, other, key="b")
    assert len(other.asked) == len(first.asked)


# -- failures, disturbance, drift --


def test_a_configurations_own_failure_is_told_and_not_tried_again(tmp_path: Path) -> None:
    def breaks(replay: Replay, configuration: Configuration, call: int) -> bool:
        if configuration.policy == "sheaf":
            raise EvaluationError("breaks its contract")
        return False

    first = Machinery(meddle=breaks)
    found = compared(tmp_path, first)
    asked = Counter(each.policy for each in first.asked)
    assert asked["sheaf"] == len({c for _, c, _ in found.failed}) * 2
    assert {configuration.policy for _, configuration, _ in found.failed} == {"sheaf"}
    assert {why for *_, why in found.failed} == {"breaks its contract"}
    assert "sheaf" not in {pair.configuration.policy for pair in found.pairs}
    again = Machinery(meddle=breaks)
    compared(tmp_path, again)
    assert not again.asked


def test_the_machines_failure_is_tried_again_and_then_ends_it(tmp_path: Path) -> None:
    def once(replay: Replay, configuration: Configuration, call: int) -> bool:
        if call == 5:
            raise EvaluationError("killed", Cause.WORKER_CRASHED)
        return False

    assert not compared(tmp_path, Machinery(meddle=once)).failed

    def always(replay: Replay, configuration: Configuration, call: int) -> bool:
        raise EvaluationError("no such CPU", Cause.ENVIRONMENT)

    broken = Machinery(meddle=always)
    with pytest.raises(AgreementError, match=r"no such CPU \(3 times\); what was measured is kept"):
        compared(tmp_path, broken, key="other")
    assert len(broken.asked) == run.ATTEMPTS


def test_a_disturbed_pass_is_repeated_and_one_that_stays_so_is_not_used(tmp_path: Path) -> None:
    noisy = Machinery(meddle=lambda replay, configuration, call: call % 3 == 0)
    found = compared(tmp_path, noisy, repeats=2)
    records = [json.loads(line) for line in (tmp_path / "measured.jsonl").read_text().splitlines()]
    assert len(noisy.asked) > len(records)
    assert not any(record["disturbed"] for record in records)
    assert all(len(pair.passes) == 2 for pair in found.pairs)


def test_a_pair_that_takes_too_long_is_left_out_and_told(tmp_path: Path) -> None:
    short = SETTINGS.model_copy(update={"longest_s": 0.05})
    waits = Configuration.of("backpressure", {"cap": 16, "group": 16, "hurry": False})
    with pytest.raises(AgreementError, match="baseline"):
        compared(tmp_path, Machinery(), settings=short)
    bound = SETTINGS.model_copy(update={"longest_s": 0.5})
    found = compared(tmp_path, Machinery(), configurations=(*CONFIGURATIONS, waits), settings=bound)
    assert ("chromium", waits, "takes more than 0.5 s") in found.failed
    left_out = {(workload, configuration) for workload, configuration, _ in found.failed}
    assert not left_out & {(pair.workload, pair.configuration) for pair in found.pairs}
    records = Kept(tmp_path / "measured.jsonl").records()
    assert not left_out & {(each.workload, each.configuration) for each in records}


def test_noise_and_drift_are_told(tmp_path: Path) -> None:
    calm, loud = tmp_path / "calm", tmp_path / "loud"
    calm.mkdir()
    loud.mkdir()
    quiet = compared(calm, Machinery(), repeats=2).agreement
    noisy = compared(loud, Machinery(noise=0.2), repeats=2).agreement
    assert quiet.part("all").metric("exit_latency_ns.mean").noise == 0
    found = noisy.part("all").metric("exit_latency_ns.mean").noise
    assert quiet.part("all").metric("exit_latency_ns.mean").repeat == pytest.approx(1)
    ranked = noisy.part("all").metric("exit_latency_ns.mean").repeat
    assert ranked is not None
    assert ranked < 1
    assert found is not None
    assert 0.05 < found < 0.6  # the median of |log| between two is 0.95 of the deviation
    assert all(each.low <= each.median <= each.high for each in noisy.drift)
    assert any(each.low < each.high for each in noisy.drift)


# -- what is kept of it --


def test_an_agreement_is_read_as_it_was_written(tmp_path: Path) -> None:
    agreement = compared(tmp_path, Machinery(noise=0.1)).agreement
    path = tmp_path / "agreement.json"
    path.write_text(model.dump(agreement))
    assert model.load(path) == agreement
    assert agreement.machine == machine.load("vm-2cpu").name
    assert {part.part for part in agreement.parts} == {"all", "development", "held_out"}
    assert agreement.part("development").workloads == ("exit-storm",)


@pytest.mark.parametrize("text", ["", "{}", '{"machine": 3}', "[]"])
def test_what_is_no_agreement_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agreement.json"
    path.write_text(text)
    with pytest.raises(AgreementError, match=r"agreement\.json: not an agreement"):
        model.load(path)
    with pytest.raises(AgreementError, match="No such file"):
        model.load(tmp_path / "none.json")

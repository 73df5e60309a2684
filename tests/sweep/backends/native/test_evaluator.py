"""The evaluator against a program that answers by numbers: what reaches the study, and whose fault is whose."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sweep import machine
from sweep.backends.blocks import baseline
from sweep.backends.evaluator import EvaluationError, Scenario
from sweep.backends.native import evaluator
from sweep.backends.native.evaluator import NativeEvaluator
from sweep.backends.native.fingerprint import Fingerprint
from sweep.backends.native.settings import NativeSettings
from sweep.trial import Cause, Configuration, Measurement
from tests.sweep.backends.native import fakes

LISTS = Configuration.of("whole_list", {"hurry": False})
OBJECTIVES = ("exit_latency_ns.p99", "retained_bytes.mean")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    evaluator.machine_key.cache_clear()


def scenario(name: str = "a@m") -> Scenario:
    one_cpu = machine.load("vm-2cpu").with_(**{"cpu.nr_cpus": 1})
    return Scenario(name, "0" * 16, fakes.request().replay, one_cpu, seed=3)


def by_policy(
    place: Path, monkeypatch: pytest.MonkeyPatch, *, log: Path | None = None, **bodies: str
) -> None:
    """A program that looks at the policy's name in the request and does what the test says. What it did is
    in `log`, a line for each start."""
    lines = ["data = sys.stdin.buffer.read()", "policy = data[16:80].split(b'\\0')[0].decode()"]
    if log is not None:
        lines.append(f"open({str(log)!r}, 'a').write(policy + '\\n')")
    for policy, body in bodies.items():
        lines += [f"if policy == {policy!r}:", *(f"    {line}" for line in body.splitlines())]
    fakes.program(place, monkeypatch, "\n".join(lines))


def says(factor: float = 1.0, **changes: Any) -> str:
    values = {
        name: value * factor if name.endswith((".mean", ".p99")) else value
        for name, value in fakes.metrics().items()
    }
    text = fakes.answer(fakes.pass_line(metrics=values | changes.pop("metrics", {}), **changes))
    return f"sys.stdout.write({text!r})"


def fails(cause: Cause) -> str:
    line = json.dumps({"error": "it does not go", "cause": cause.value})
    return f"print({line!r})\nsys.exit(2)"


def native(*scenarios: Scenario, **settings: Any) -> NativeEvaluator:
    return NativeEvaluator(scenarios or (scenario(),), NativeSettings(**settings), OBJECTIVES)


def test_every_scenario_has_its_measurement_and_its_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_policy(tmp_path, monkeypatch, per_object=says(), whole_list=says(0.5))
    found = native(scenario("a@m"), scenario("b@m"))(LISTS, {})
    assert [name for name, _ in found.measurements] == ["a@m", "b@m"]
    assert [name for name, _ in found.evidence] == ["a@m", "b@m"]
    evidence = dict(found.evidence)["a@m"]
    assert (evidence.level, evidence.blocks, evidence.disturbed) == ("native", 2, 0)
    assert evidence.machine == Fingerprint.take().key()
    for objective in OBJECTIVES:
        ratio = evidence.ratio(objective)
        assert ratio is not None
        assert ratio.value == pytest.approx(0.5)
        value = evidence.value(objective)
        assert value is not None
        assert value.value == pytest.approx(dict(found.measurements)["a@m"].get(objective))


def test_what_is_known_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    by_policy(tmp_path, monkeypatch, log=log, per_object=says(), whole_list=says())
    known = Measurement(max_stall_ns=7.0)
    found = native(scenario("a@m"), scenario("b@m"))(LISTS, {"a@m": known})
    assert dict(found.measurements)["a@m"] is known
    assert [name for name, _ in found.evidence] == ["b@m"]
    assert len(log.read_text().splitlines()) == 1 + 2 * 4


def test_the_baseline_beside_itself_is_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    by_policy(tmp_path, monkeypatch, log=log, per_object=says())
    found = native()(baseline(), {})
    assert set(log.read_text().split()) == {"per_object"}
    assert all(ratio.value == 1 for _, ratio in found.evidence[0][1].ratios)


def test_the_request_is_the_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = NativeSettings(rcu="liburcu", allocator="mimalloc")
    asked = evaluator.request(scenario(), LISTS, settings, (0,))
    assert (asked.rcu, asked.allocator, asked.cpus, asked.seed) == ("liburcu", "mimalloc", (0,), 3)
    assert asked.params == {"hurry": False}
    assert asked.nr_warmup_rows < len(asked.replay.t_ns)


def test_violations_are_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_policy(tmp_path, monkeypatch, per_object=says(), whole_list=says(metrics={"violations": 2}))
    ((_, measurement),) = native()(LISTS, {}).measurements
    assert measurement.violations == 2 * 2 * 2


@pytest.mark.parametrize("cause", [Cause.CONFIGURATION, Cause.ENVIRONMENT])
def test_a_failure_keeps_its_cause_and_names_the_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: Cause
) -> None:
    by_policy(tmp_path, monkeypatch, per_object=says(), whole_list=fails(cause))
    with pytest.raises(EvaluationError, match=r"a@m: whole_list .*it does not go") as raised:
        native()(LISTS, {})
    assert raised.value.cause is cause


def test_the_baselines_failure_is_not_the_candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_policy(tmp_path, monkeypatch, per_object=fails(Cause.CONFIGURATION), whole_list=says())
    with pytest.raises(EvaluationError, match="the baseline cannot be measured") as raised:
        native()(LISTS, {})
    assert raised.value.cause is Cause.ENVIRONMENT
    with pytest.raises(EvaluationError) as own:
        native()(baseline(), {})
    assert own.value.cause is Cause.CONFIGURATION


def test_an_unknown_parameter_is_the_configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_policy(tmp_path, monkeypatch, per_object=says())
    with pytest.raises(EvaluationError) as raised:
        native()(Configuration.of("whole_list", {"size": 3}), {})
    assert raised.value.cause is Cause.CONFIGURATION


def test_cpus_that_are_not_there_are_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_policy(tmp_path, monkeypatch, per_object=says(), whole_list=says())
    with pytest.raises(EvaluationError, match="CPU set") as raised:
        native(cpus=(max(os.sched_getaffinity(0)) + 1,))(LISTS, {})
    assert raised.value.cause is Cause.ENVIRONMENT

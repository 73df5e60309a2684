"""From scenarios to boots, and from trials to measurements with their evidence."""

from __future__ import annotations

import dataclasses

import pytest

from sweep import machine
from sweep.backends.evaluator import EvaluationError, Scenario
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.evaluator import KernelEvaluator, boot_of, machine_key
from sweep.backends.kernel.lab import Lab, LabResult
from sweep.backends.kernel.request import LabAnswer, LabTrial
from sweep.backends.kernel.settings import KernelSettings
from sweep.trial import Cause, Configuration, Measurement, Summary
from tests.sweep.backends.kernel.scenes import exit_after_exit

LISTS = Configuration.of("whole_list", {"hurry": False})
OBJECTIVES = ("exit_latency_ns.p99", "retained_bytes.mean")


def scenario(name: str, profile: str, seed: int = 0) -> Scenario:
    return Scenario(name, "0" * 16, exit_after_exit(2, 100), machine.load(profile), seed)


def result(
    p99: float, violations: int = 0, unmeasured: tuple[str, ...] = (), emulated: bool = True
) -> LabResult:
    measurement = Measurement(exit_latency_ns=Summary(p99=p99), violations=violations)
    return LabResult(LabAnswer(measurement, {}, unmeasured), BootSettings(), "6.12", emulated)


def test_a_machines_profile_decides_how_the_guest_boots() -> None:
    plain = boot_of(scenario("a", "vm-2cpu"), KernelSettings())
    nocb = boot_of(scenario("b", "vm-2cpu-nocb"), KernelSettings())
    phone = boot_of(scenario("c", "phone-8core"), KernelSettings())
    assert (plain.nr_cpus, plain.nocb, plain.lazy) == (
        2,
        False,
        False,
    )  # lazy means nothing where nocb is off
    assert (nocb.nr_cpus, nocb.nocb) == (2, True)
    assert phone.nr_cpus == 8


def test_emulated_figures_are_never_taken_for_a_machines() -> None:
    emulated, real = machine_key(result(1.0)), machine_key(result(1.0, emulated=False))
    assert emulated.startswith("emulated-")
    assert emulated != real
    other_boot = dataclasses.replace(result(1.0), boot=BootSettings(nocb=True))
    assert machine_key(other_boot) != emulated


class Numbers:
    """In the place of a lab: gives what it is told to, by policy."""

    def __init__(self, **answers: float | EvaluationError) -> None:
        self.answers, self.asked = answers, list[str]()

    def run(self, trial: LabTrial, boot: BootSettings) -> LabResult:
        self.asked.append(trial.policy)
        answer = self.answers[trial.policy]
        if isinstance(answer, EvaluationError):
            raise answer
        return result(answer)


def evaluator(lab: object, *scenarios: Scenario) -> KernelEvaluator:
    settings = KernelSettings(icount=1, max_blocks=2)
    return KernelEvaluator(scenarios, settings, OBJECTIVES, "emulated-0", lambda: lab)  # type: ignore[arg-type,return-value]


def test_a_configuration_is_measured_beside_the_baseline_in_abba_blocks() -> None:
    lab = Numbers(per_object=20.0, whole_list=10.0)
    found = evaluator(lab, scenario("a", "vm-2cpu"))(LISTS, {})
    assert lab.asked == ["per_object", *["whole_list", "per_object", "per_object", "whole_list"] * 2]
    ((_, of),) = found.evidence
    assert (of.level, of.machine, of.blocks, of.emulated) == ("kernel", "emulated-0", 2, True)
    ratio = of.ratio("exit_latency_ns.p99")
    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize("cause", [Cause.CONFIGURATION, Cause.OUT_OF_MEMORY])
def test_the_baselines_failure_is_not_the_candidates(cause: Cause) -> None:
    lab = Numbers(per_object=EvaluationError("it does not go", cause), whole_list=10.0)
    with pytest.raises(EvaluationError, match="a: .*it does not go") as caught:
        evaluator(lab, scenario("a", "vm-2cpu"))(LISTS, {})
    assert caught.value.cause.is_the_machines


@pytest.mark.slow
def test_every_scenario_is_measured_in_its_own_boot_and_comes_in_the_studys_order(lab: Lab) -> None:
    scenarios = (scenario("a", "vm-2cpu"), scenario("b", "vm-2cpu-nocb"), scenario("c", "vm-2cpu", 1))
    evaluate = evaluator(lab, *scenarios)
    known = Measurement(callbacks=7)
    found = evaluate(Configuration.of("whole_list"), {"c": known})
    assert [name for name, _ in found.measurements] == ["a", "b", "c"]
    assert dict(found.measurements)["c"] is known
    assert [name for name, _ in found.evidence] == ["a", "b"]
    assert all(e.blocks == 2 and e.ratios for _, e in found.evidence)
    with pytest.raises(EvaluationError, match="a: unknown policy"):
        evaluate(Configuration.of("nonsense"), {})

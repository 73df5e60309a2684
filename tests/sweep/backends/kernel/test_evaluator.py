"""From scenarios to boots, and from trials to measurements with their evidence."""

from __future__ import annotations

import dataclasses

import pytest

from sweep import machine
from sweep.backends.evaluator import EvaluationError, Scenario
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.evaluator import KernelEvaluator, boot_of, evidence, machine_key, median
from sweep.backends.kernel.lab import Lab, LabResult
from sweep.backends.kernel.request import LabAnswer
from sweep.backends.kernel.settings import KernelSettings
from sweep.trial import Configuration, Measurement, Summary
from tests.sweep.backends.kernel.scenes import exits_and_munmaps

ICOUNT = KernelSettings(icount=1)


def scenario(name: str, profile: str, seed: int = 0) -> Scenario:
    return Scenario(name, "0" * 16, exits_and_munmaps(), machine.load(profile), seed)


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


def test_repeats_give_their_median_and_all_their_violations() -> None:
    results = [result(30.0, 1), result(10.0), result(20.0, 2)]
    assert median([r.answer.measurement for r in results]).exit_latency_ns.p99 == 20.0
    assert median([r.answer.measurement for r in results]).violations == 3
    found = evidence(results).value("exit_latency_ns.p99")
    assert found is not None
    assert (found.value, found.low, found.high) == (20.0, 10.0, 30.0)


def test_what_was_not_measured_has_no_figure() -> None:
    found = evidence([result(1.0, unmeasured=("pinned_slab_bytes.peak",)), result(2.0)])
    assert found.unmeasured == ("pinned_slab_bytes.peak",)
    assert found.value("pinned_slab_bytes.peak") is None


def test_emulated_figures_are_never_taken_for_a_machines() -> None:
    emulated, real = machine_key(result(1.0)), machine_key(result(1.0, emulated=False))
    assert emulated.startswith("emulated-")
    assert emulated != real
    other_boot = dataclasses.replace(result(1.0), boot=BootSettings(nocb=True))
    assert machine_key(other_boot) != emulated


@pytest.mark.slow
def test_every_scenario_is_measured_in_its_own_boot_and_comes_in_the_studys_order(lab: Lab) -> None:
    scenarios = (scenario("a", "vm-2cpu"), scenario("b", "vm-2cpu-nocb"), scenario("c", "vm-2cpu", 1))
    evaluate = KernelEvaluator(scenarios, ICOUNT, lab)
    known = Measurement(callbacks=7)
    found = evaluate(Configuration.of("whole_list"), {"c": known})
    assert [name for name, _ in found.measurements] == ["a", "b", "c"]
    assert dict(found.measurements)["c"] is known
    assert [name for name, _ in found.evidence] == ["a", "b"]
    keys = {e.machine for _, e in found.evidence}
    assert len(keys) == 2
    assert all(key.startswith("emulated-") for key in keys)
    assert all(e.level == "kernel" for _, e in found.evidence)
    with pytest.raises(EvaluationError, match="a: unknown policy"):
        evaluate(Configuration.of("nonsense"), {})

"""The loop of rigour, against machines made of numbers: noisy, drifting, disturbed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from sweep.backends.blocks import Block, Comparison, Plan, compare
from sweep.backends.native import disturbance
from sweep.backends.native.answer import Disturbance, Pass
from sweep.trial import METRICS, Configuration, Measurement
from tests.sweep.backends.native.fakes import QUIET

BASE = Configuration.of("per_object", {"hurry": False})
FAST = Configuration.of("whole_list", {"hurry": False})
DURATION_NS = 10**9
WANTED = ("exit_latency_ns.p99", "retained_bytes.mean")


@dataclasses.dataclass
class Machine:
    """Measures by numbers. FAST takes `ratio` of BASE's time. noise: of a pass, log-normal; drift: per pass;
    disturbed: which passes something else runs in, which then take `slower` times as long."""

    ratio: float = 0.8
    noise: float = 0.0
    drift: float = 0.0
    slower: float = 3.0
    disturbed: Callable[[int], bool] = lambda number: False
    violations: int = 0
    unmeasured: tuple[str, ...] = ()
    seed: int = 0
    asked: list[Configuration] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def __call__(self, configuration: Configuration) -> Pass:
        number = len(self.asked)
        self.asked.append(configuration)
        busy = self.disturbed(number)
        time = 1000 * (1 + self.drift * number) * np.exp(self._rng.normal(0, self.noise))
        time *= (self.ratio if configuration == FAST else 1.0) * (self.slower if busy else 1.0)
        values: dict[str, float | int] = {
            name: round(time) if metric.integral else float(time) for name, metric in METRICS.items()
        }
        values["violations"] = self.violations if configuration == FAST else 0
        values |= dict.fromkeys(self.unmeasured, 0)
        others = DURATION_NS // 2 if busy else 0
        return Pass(
            Measurement.from_flat(values),
            self.unmeasured,
            {"duration_ns": DURATION_NS},
            Disturbance(**QUIET | {"others_cpu_ns": others}),
        )


def faults(found: Pass) -> tuple[str, ...]:
    return disturbance.faults(found.disturbance, found.duration_ns)


def run(
    machine: Machine, *, candidate: Configuration = FAST, low: int = 2, high: int = 16, width: float = 0.05
) -> Comparison[Pass]:
    plan = Plan(low, high, width, WANTED)
    return compare(machine, candidate, BASE, plan, np.random.default_rng(0), faults=faults)


def test_the_order_is_abba_after_a_warm_up() -> None:
    machine = Machine()
    run(machine, high=3)
    assert machine.asked[0] == BASE
    assert machine.asked[1:9] == [FAST, BASE, BASE, FAST] * 2


def test_a_still_machine_is_known_after_the_fewest_blocks() -> None:
    machine = Machine()
    found = run(machine)
    assert (found.blocks, found.disturbed, found.quiet) == (2, 0, True)
    assert dict(found.ratios)["exit_latency_ns.p99"].value == pytest.approx(0.8)
    assert found.measurement.exit_latency_ns.mean == pytest.approx(800)


def test_noise_is_repeated_until_it_is_known_and_not_longer() -> None:
    blocks = [run(Machine(noise=noise, seed=4), high=64).blocks for noise in (0.0, 0.01, 0.05)]
    assert blocks == sorted(blocks)
    assert 2 <= blocks[0] < blocks[-1] < 64
    found = run(Machine(noise=0.05, seed=4), high=64)
    for metric in WANTED:
        ratio = dict(found.ratios)[metric]
        assert (ratio.high - ratio.low) / ratio.value <= 0.05


def test_it_ends_with_the_most_blocks_however_noisy() -> None:
    found = run(Machine(noise=0.5), high=5)
    assert found.blocks == 5
    ratio = dict(found.ratios)["exit_latency_ns.p99"]
    assert ratio.high - ratio.low > 0.05


def test_drift_is_in_no_ratio() -> None:
    """The machine becomes twice as slow on the way."""
    found = run(Machine(drift=0.05), low=5, high=5)
    for _, ratio in found.ratios:
        # Counts are whole numbers.
        assert ratio.value == pytest.approx(0.8, rel=1e-3)


def test_disturbed_blocks_are_repeated_and_counted_and_in_no_figure() -> None:
    """Passes 1-4 are the first block; something else runs in its third pass and in the last block's first."""
    machine = Machine(disturbed=lambda number: number in (3, 9))
    found = run(machine, low=3, high=3)
    assert (found.blocks, found.disturbed, found.quiet) == (3, 2, True)
    assert found.measurement.exit_latency_ns.mean == pytest.approx(800)
    assert all(ratio.value == pytest.approx(0.8) for _, ratio in found.ratios)
    assert len(machine.asked) == 1 + 4 * 5
    assert found.faults == ("other processes took 50.0% of the CPUs",)


def test_an_outlier_in_the_warm_up_disturbs_nothing() -> None:
    assert run(Machine(disturbed=lambda number: number == 0)).disturbed == 0


def test_a_machine_that_is_never_quiet_ends_too_and_says_so() -> None:
    found = run(Machine(disturbed=lambda number: True, noise=0.1), high=4)
    assert (found.blocks, found.disturbed, found.quiet) == (0, 4, False)
    assert len(found.used) == 4
    ratio = dict(found.ratios)["exit_latency_ns.p99"]
    assert ratio.low <= 0.8 <= ratio.high


def test_a_few_quiet_blocks_are_used_alone_if_they_suffice() -> None:
    """Every other block is disturbed."""
    found = run(Machine(disturbed=lambda number: (number - 1) // 4 % 2 == 0), low=3, high=4)
    assert (found.blocks, found.disturbed, found.quiet) == (3, 3, True)
    assert found.measurement.exit_latency_ns.mean == pytest.approx(800)


def test_violations_end_it_and_are_summed_over_every_pass() -> None:
    found = run(Machine(noise=0.5, violations=3), high=16)
    assert found.blocks == 2
    assert found.measurement.violations == 2 * 2 * 3
    disturbed = run(Machine(violations=3, disturbed=lambda number: number == 2), high=16)
    assert disturbed.measurement.violations == 3 * 2 * 3
    assert "violations" not in dict(disturbed.ratios)


def test_the_baseline_against_itself_shows_the_noise_alone() -> None:
    found = run(Machine(noise=0.02, seed=1), candidate=BASE, low=8, high=8)
    inside = [ratio.low <= 1 <= ratio.high for _, ratio in found.ratios]
    assert np.mean(inside) > 0.9
    assert all(0.9 < ratio.low < ratio.high < 1.1 for _, ratio in found.ratios)


def test_what_is_not_measured_has_no_interval_and_stops_nothing() -> None:
    found = run(Machine(unmeasured=("retained_bytes.mean", "wakeups")))
    assert found.unmeasured == ("retained_bytes.mean", "wakeups")
    assert not {"retained_bytes.mean", "wakeups"} & {*dict(found.values), *dict(found.ratios)}
    assert found.measurement.wakeups == 0
    assert found.blocks == 2


def test_counts_stay_counts() -> None:
    measurement = run(Machine(noise=0.1)).measurement
    assert isinstance(measurement.callbacks, int)
    assert Measurement.from_flat(measurement.flat()) == measurement


def test_the_same_machine_gives_the_same_comparison() -> None:
    assert run(Machine(noise=0.1, seed=7)) == run(Machine(noise=0.1, seed=7))


def test_each_block_is_told_as_it_ends() -> None:
    told: list[Block[Pass]] = []
    machine = Machine(disturbed=lambda number: number == 1)
    plan = Plan(2, 4, 0.05, WANTED)
    compare(machine, FAST, BASE, plan, np.random.default_rng(0), faults=faults, told=told.append)
    assert [bool(block.faults) for block in told] == [True, False, False]


def test_a_failure_is_not_swallowed() -> None:
    def measure(configuration: Configuration) -> Pass:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        compare(measure, FAST, BASE, Plan(2, 2, 0.05, ()), np.random.default_rng(0))


@pytest.mark.parametrize(("low", "high"), [(1, 4), (5, 4), (0, 0)])
def test_a_plan_that_cannot_end_well_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="expected at least 2"):
        Plan(low, high, 0.05, ())

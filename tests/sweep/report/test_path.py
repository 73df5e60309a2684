"""The path from the baseline: measured, complete, and adding up."""

from __future__ import annotations

from dataclasses import replace

import pytest

import policies
from sweep.backends.evaluator import SimulatorEvaluator
from sweep.report.bench import Bench
from sweep.report.path import Step, path
from sweep.standing import Point, Standing
from sweep.trial import Configuration

from .conftest import OBJECTIVES, Measured

COMBINE = ("mean", "worst", "regret")


def towards(standing: Standing, number: int) -> Standing:
    """As if that trial were recommended."""
    return replace(standing, recommended=standing.points[number])


@pytest.mark.parametrize("combine", COMBINE)
def test_every_trial_is_reached_by_single_changes_that_add_up(measured: Measured, combine: str) -> None:
    asked = measured.study(combine=combine, objectives=OBJECTIVES[:3])
    standing = measured.standing(asked)
    bench = Bench(asked, measured.scenarios, standing)
    baseline = standing.baseline
    assert baseline is not None
    evaluate = SimulatorEvaluator(measured.scenarios)
    for goal in standing.points[-14:]:
        steps = path(towards(standing, goal.trial.number), bench)
        here = baseline.trial.configuration
        for step in steps:
            assert isinstance(step.point, Point)
            assert dict(step.point.measurements) == dict(evaluate(step.configuration, {}).measurements)
            if step.configuration.policy != here.policy:
                defaults = policies.policy(step.configuration.policy).defaults()
                assert step.configuration == Configuration.of(goal.trial.configuration.policy, defaults)
            else:
                assert len(set(step.configuration.params) - set(here.params)) == 1
            here = step.configuration
        assert here == goal.trial.configuration
        for place, (before, after) in enumerate(zip(baseline.values, goal.values, strict=True)):
            assert sum(s.gains[place] for s in steps) == pytest.approx(before - after)


def test_each_step_is_the_best_of_those_left(measured: Measured) -> None:
    asked = measured.study()
    standing = measured.standing(asked)
    bench = Bench(asked, measured.scenarios, standing)
    goal = next(
        p for p in standing.points if p.trial.origin == "sampler" and len(p.trial.configuration.params) == 4
    )
    steps = path(towards(standing, goal.trial.number), bench)
    here, last = steps[0].configuration, steps[0].point
    assert isinstance(last, Point)
    assert len(steps) > 2
    for step in steps[1:]:
        wanted = goal.trial.configuration.mapping()
        for name, value in here.params:
            if wanted[name] != value:
                (other,) = bench.points(
                    [Configuration.of(here.policy, here.mapping() | {name: wanted[name]})]
                )
                assert isinstance(other, Point)
                assert sum(last.values) - sum(other.values) <= step.gain + 1e-12
        here, last = step.configuration, step.point
        assert isinstance(last, Point)


def test_a_gate_is_opened_before_what_it_gates(measured: Measured) -> None:
    gated = [
        (name, param)
        for name, policy in policies.catalogue().items()
        for param in policy.params
        if param.only_with is not None and not policy.defaults()[param.only_with]
    ]
    asked = measured.study()
    standing = measured.standing(asked)
    bench = Bench(asked, measured.scenarios, standing)
    baseline = standing.baseline
    assert baseline is not None
    for name, param in gated:
        assert param.only_with is not None
        goal = policies.policy(name).defaults() | {param.only_with: True, param.name: param.decode(param.max)}
        configuration = Configuration.of(name, goal)
        (point,) = bench.points([configuration])
        assert isinstance(point, Point)
        steps = path(replace(standing, recommended=point), bench)
        changed = [step.change.split(":")[0] for step in steps]
        assert changed.index(param.only_with) < changed.index(param.name)


@pytest.mark.parametrize("combine", COMBINE)
def test_what_is_measured_anew_is_judged_as_in_the_study(measured: Measured, combine: str) -> None:
    asked = measured.study(combine=combine, constraints=["max_stall_ns <= 20 us"])
    standing = measured.standing(asked)
    forgetful = replace(standing, points=standing.points[:1])
    bench = Bench(asked, measured.scenarios, forgetful)
    again = bench.points([p.trial.configuration for p in standing.points])
    for point, other in zip(standing.points, again, strict=True):
        assert isinstance(other, Point)
        assert (other.values, other.broken, other.measurements) == (
            point.values,
            point.broken,
            point.measurements,
        )


def test_no_step_from_the_baseline_to_itself(measured: Measured) -> None:
    asked = measured.study()
    standing = measured.standing(asked)
    assert path(towards(standing, 0), Bench(asked, measured.scenarios, standing)) == ()
    assert path(replace(standing, recommended=None), Bench(asked, measured.scenarios, standing)) == ()


def test_a_step_that_cannot_be_measured_comes_last_and_says_why(measured: Measured) -> None:
    class Broken(Bench):
        """Everything fails that has bulk_size changed, and munmap_batch not."""

        def points(self, configurations):  # type: ignore[no-untyped-def]
            return [
                "bound exceeded"
                if c.mapping().get("bulk_size") == 3 and c.mapping()["munmap_batch"] != 5
                else p
                for c, p in zip(configurations, super().points(configurations), strict=True)
            ]

    asked = measured.study()
    standing = measured.standing(asked)
    goal = Configuration.of(
        "split_bulk", policies.policy("split_bulk").defaults() | {"bulk_size": 3, "munmap_batch": 5}
    )
    bench = Broken(asked, measured.scenarios, standing)
    (point,) = bench.points([goal])
    assert isinstance(point, Point)
    steps: tuple[Step, ...] = path(replace(standing, recommended=point), bench)
    assert [isinstance(step.point, Point) for step in steps] == [True] * 3
    assert steps[-1].change.startswith("bulk_size")

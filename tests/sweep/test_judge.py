"""How good configurations are: ratios, what they combine to over scenarios, the front, what is infeasible."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import noise, pareto
from sweep.constraint import Constraint
from sweep.judge import Judge, MixtureError, judge, regret
from sweep.report import tables
from sweep.standing import REFERENCE, Point, Standing
from sweep.study import Combine
from sweep.trial import (
    REPEAT,
    Attempt,
    Cause,
    Configuration,
    Evidence,
    Failure,
    Interval,
    Level,
    Measurement,
    Spent,
    Summary,
    Trial,
)

OBJECTIVES = ("exit_latency_ns.p99", "retained_bytes.mean")
COMBINE: tuple[Combine, ...] = ("mean", "worst", "regret")
VALUE = st.integers(1, 40).map(float)
PAIR = st.tuples(VALUE, VALUE)
ROWS = st.lists(st.tuples(PAIR, PAIR, st.integers(0, 3)), max_size=14)
"""Of each trial: (latency, retained) in two scenarios, and what is wrong with it."""


def attempt(number: int, *values: tuple[float, float], violations: int = 0, policy: str = "p") -> Attempt:
    """values: (latency, retained) per scenario."""
    measured = tuple(
        (
            f"s{place}",
            Measurement(
                exit_latency_ns=Summary(p99=latency),
                retained_bytes=Level(mean=retained, peak=10 * retained),
                violations=violations,
            ),
        )
        for place, (latency, retained) in enumerate(values)
    )
    origin = "baseline" if number == 0 else "preset:x" if policy == "elsewhere" else "sampler"
    configuration = Configuration.of(policy, {"x": number})
    return Attempt(Trial(number, configuration, origin), 0, measured, None, "here", 0.0, 0.0)


def failed(number: int, cause: Cause) -> Attempt:
    trial = Trial(number, Configuration.of("p", {"x": number}), "sampler")
    return Attempt(trial, 0, (), Failure(cause, "why"), "here", 0.0, 0.0)


def attempts(rows: Sequence[tuple[tuple[float, float], tuple[float, float], int]]) -> list[Attempt]:
    """The baseline and these; 1: outside the space, 2: violates, 3: fails by itself."""
    made = [attempt(0, (20, 20), (10, 30))]
    for number, (first, second, wrong) in enumerate(rows, 1):
        if wrong == 3:
            made.append(failed(number, Cause.CONFIGURATION))
        else:
            policy = "elsewhere" if wrong == 1 else "p"
            made.append(attempt(number, first, second, violations=int(wrong == 2), policy=policy))
    return made


class Space:
    """Holds every configuration of the policy p."""

    def __contains__(self, configuration: object) -> bool:
        return isinstance(configuration, Configuration) and configuration.policy == "p"


def standing(of: Sequence[Attempt], combine: Combine = "mean", constraints: Sequence[str] = ()) -> Standing:
    return judge(of, OBJECTIVES, combine, [Constraint.parse(text) for text in constraints], Space())


# -- one point ----------------------------------------------------------------------------------


def test_an_objective_is_judged_as_its_ratio_to_the_baselines_in_the_same_scenario() -> None:
    of = [attempt(0, (100, 1000), (10, 1e6)), attempt(1, (50, 2000), (20, 1e6))]
    for combine, values in (("mean", ((0.5 + 2) / 2, (2 + 1) / 2)), ("worst", (2.0, 2.0))):
        now = standing(of, combine)
        assert now.points[1].scenario_ratios == ((0.5, 2.0), (2.0, 1.0))
        assert now.points[1].values == values
        assert now.points[1].ratios == (1.25, 1.5)
        assert now.baseline is not None
        assert now.baseline.values == now.baseline.ratios == (1.0, 1.0)


def test_a_baseline_of_zero_is_taken_as_one_unit() -> None:
    now = standing([attempt(0, (0, 10)), attempt(1, (30, 5))])
    assert now.points[1].values == (30.0, 0.5)


def test_regret_by_hand() -> None:
    """Two specialists and a generalist, on one latency-like axis in each of two scenarios.

    Baseline (100, 100) | (100, 100). A is best in the first scenario (0.2), B in the second (0.1); C has
    0.4 in both: it is behind by 0.2 and by 0.3, so its regret is 0.3, where A has 0.9 and B 0.7.
    """
    of = [
        attempt(0, (100, 100), (100, 100)),
        attempt(1, (20, 100), (100, 100)),  # A
        attempt(2, (90, 100), (10, 100)),  # B
        attempt(3, (40, 100), (40, 100)),  # C
    ]
    now = standing(of, "regret")
    assert now.best == ((0.2, 1.0), (0.1, 1.0))
    assert [p.values[0] for p in now.points] == pytest.approx([0.9, 0.9, 0.7, 0.3])
    assert [p.values[1] for p in now.points] == [0, 0, 0, 0]
    assert [p.trial.number for p in now.front] == [3]
    assert now.recommended is now.front[0]
    mean = standing(of, "mean")
    assert mean.recommended is not None
    assert [p.trial.number for p in mean.front] == [3]
    assert [p.values[0] for p in mean.points] == pytest.approx([1.0, 0.6, 0.5, 0.4])
    worst = standing(of, "worst")
    assert [p.values[0] for p in worst.points] == pytest.approx([1.0, 1.0, 0.9, 0.4])


@given(ROWS)
def test_no_regret_is_negative_and_the_best_of_a_scenario_has_none_there(
    rows: list[tuple[tuple[float, float], tuple[float, float], int]],
) -> None:
    now = standing(attempts(rows), "regret")
    choosable = [p for p in now.points if p.feasible and p.trial.configuration.policy == "p"]
    assert all(value >= 0 for p in now.points for value in p.values)
    for scenario in range(2):
        for objective in range(2):
            least = min(p.scenario_ratios[scenario][objective] for p in choosable)
            assert now.best[scenario][objective] == least
    for p in now.points:
        assert p.values == regret(p, now.best)
        if all(p.scenario_ratios[s][0] == now.best[s][0] for s in range(2)):
            assert p.values[0] == 0


def test_what_is_only_compared_to_sets_no_best_and_has_no_negative_regret() -> None:
    of = [attempt(0, (100, 100)), attempt(1, (50, 90)), attempt(2, (1, 1), policy="elsewhere")]
    now = standing(of, "regret")
    assert now.best == ((0.5, 0.9),)
    assert now.points[2].values == (0.0, 0.0)
    assert [p.trial.number for p in now.front] == [1]


# -- what is infeasible ---------------------------------------------------------------------------


def test_constraints_and_violations_are_kept_in_every_scenario_and_said_in_words() -> None:
    bounds = ["retained_bytes.peak <= 1 KiB", "exit_latency_ns.p99 <= 1 us"]
    of = [
        attempt(0, (100, 10), (100, 10)),
        attempt(1, (100, 10), (100, 205)),  # 2,050 B in the second: twice the bound and two bytes
        attempt(2, (3000, 10), (2000, 10)),
        attempt(3, (100, 10), (100, 10), violations=7),
    ]
    now = standing(of, constraints=bounds)
    kept, large, slow, unsafe = now.points
    assert (kept.feasible, kept.excess, kept.broken) == (True, 0.0, ())
    (broken,) = large.broken
    assert (broken.constraint, broken.scenario, broken.value) == (
        "retained_bytes.peak <= 1.00 KiB",
        "s1",
        "2.00 KiB",
    )
    assert large.excess == pytest.approx(2050 / 1024 - 1)
    assert [b.scenario for b in slow.broken] == ["s0", "s1"]
    assert slow.excess == pytest.approx(2 + 1)
    assert {b.constraint for b in unsafe.broken} == {"violations = 0"}
    assert unsafe.excess == 14
    assert unsafe.violations == 14
    assert now.feasible == 1
    assert [p.trial.number for p in now.front] == [0]


@given(ROWS, st.sampled_from(COMBINE))
def test_the_front_is_what_nothing_feasible_in_the_space_dominates(
    rows: list[tuple[tuple[float, float], tuple[float, float], int]], combine: Combine
) -> None:
    now = standing(attempts(rows), combine, ["exit_latency_ns.p99 <= 35 ns"])
    choosable = [p for p in now.points if p.feasible and p.trial.configuration.policy == "p"]
    assert all(p in choosable for p in now.front)
    undominated = {
        p.values for p in choosable if not any(pareto.dominates(o.values, p.values) for o in choosable)
    }
    assert {p.values for p in now.front} == undominated
    assert len(now.front) == len(undominated)
    reference = (REFERENCE[combine],) * 2
    assert now.hypervolume == pytest.approx(pareto.hypervolume([p.values for p in choosable], reference))
    assert now.recommended in now.front
    assert now.feasible == sum(p.feasible for p in now.points)
    assert now.measured == len(now.points)
    assert len(now.failed) == sum(wrong == 3 for _, _, wrong in rows)


# -- as attempts come -----------------------------------------------------------------------------


@given(ROWS, st.sampled_from(COMBINE), st.data())
def test_in_which_batches_attempts_come_makes_no_difference(
    rows: list[tuple[tuple[float, float], tuple[float, float], int]], combine: Combine, data: st.DataObject
) -> None:
    of = attempts(rows)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(of)))) | {0, len(of)})
    bounds = [Constraint.parse("exit_latency_ns.p99 <= 35 ns")]
    made = Judge(OBJECTIVES, combine, bounds, Space())
    values: dict[int, Point] = {}
    volume = 0.0
    for start, end in pairwise(cuts):
        values |= {p.trial.number: p for p in made.add(of[start:end])}
        now = made.standing()
        assert now == judge(of[:end], OBJECTIVES, combine, bounds, Space())
        # What was told as changed is all that changed.
        assert values == {p.trial.number: p for p in now.points}
        if combine != "regret":  # against a better best, old regrets grow
            assert now.hypervolume >= volume
        volume = now.hypervolume
        slim = made.standing(points=False)
        assert slim.points == ()
        assert (slim.front, slim.measured, slim.compared) == (now.front, now.measured, now.compared)


@given(ROWS, st.sampled_from(COMBINE), st.randoms(use_true_random=False))
def test_the_order_of_attempts_makes_no_difference_to_judging_at_once(
    rows: list[tuple[tuple[float, float], tuple[float, float], int]], combine: Combine, random: object
) -> None:
    of = attempts(rows)
    mixed = [*of, failed(1, Cause.NODE_LOST)]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert standing(mixed, combine) == standing(of, combine)


def test_without_a_measured_baseline_there_is_nothing_to_compare_to() -> None:
    for of in ([], [attempt(1, (1, 1))], [failed(0, Cause.CONFIGURATION), attempt(1, (1, 1))]):
        now = standing(of)
        assert now.points == now.front == ()
        assert now.recommended is None
        assert now.hypervolume == 0
        assert now.baseline is None
        assert tables.advice(now).startswith("Nothing is recommended")


@given(ROWS, st.integers(1, 20), st.sampled_from(COMBINE))
def test_units_and_the_scale_of_a_scenario_do_not_matter(
    rows: list[tuple[tuple[float, float], tuple[float, float], int]], exponent: int, combine: Combine
) -> None:
    def chosen(factor: float) -> list[int]:
        made = []
        for each in attempts(rows):
            measured = tuple(
                (
                    name,
                    Measurement(
                        exit_latency_ns=Summary(p99=m.exit_latency_ns.p99 * factor),
                        retained_bytes=Level(mean=m.retained_bytes.mean * factor),
                        violations=m.violations,
                    ),
                )
                for name, m in each.measurements
            )
            made.append(Attempt(each.trial, 0, measured, each.failure, "", 0.0, 0.0))
        now = standing(made, combine)
        return [p.trial.number for p in (*now.front, now.recommended) if p]

    assert chosen(2.0**exponent) == chosen(1.0)  # powers of two scale without rounding


def test_what_is_compared_is_found_by_its_origin() -> None:
    now = standing([attempt(0, (4, 4)), attempt(1, (2, 2), policy="elsewhere"), attempt(2, (1, 1))])
    assert [p.trial.number for p in now.compared] == [0, 1]
    assert [p.trial.number for p in now.by_origin("preset:")] == [1]
    assert math.isclose(now.hypervolume, (2 - 0.25) ** 2)


# -- noise --------------------------------------------------------------------------------------


def noisy(
    number: int,
    *ratios: tuple[float, float],
    spread: float = 0.05,
    machine: str = "m",
    of: int | None = None,
) -> Attempt:
    """ratios: (latency, retained) to the baseline per scenario, as measured beside it; the values say something
    else, because the machine was slower when they were measured. of: the trial that is measured again."""
    made = attempt(number if of is None else of, *((1e3 * a, 1e3 * b) for a, b in ratios))
    evidence = tuple(
        (
            f"s{place}",
            Evidence(
                "native",
                machine,
                4,
                0,
                (),
                tuple((name, noise.around(r, spread)) for name, r in zip(OBJECTIVES, each, strict=True)),
            ),
        )
        for place, each in enumerate(ratios)
    )
    trial = replace(made.trial, number=number, origin=made.trial.origin if of is None else REPEAT)
    return replace(made, trial=trial, evidence=evidence, elapsed_s=2.0)


ONE = (1.0, 1.0)


@pytest.mark.parametrize("combine", COMBINE)
def test_a_paired_ratio_is_the_ratio(combine: Combine) -> None:
    of = [noisy(0, ONE, ONE), noisy(1, (0.5, 2.0), (0.7, 1.0))]
    now = standing(of, combine)
    assert now.points[1].scenario_ratios == ((0.5, 2.0), (0.7, 1.0))
    assert now.points[0].scenario_ratios == (ONE, ONE)
    assert (now.level, now.machine) == ("native", "m")
    assert now.spent == Spent(4.0, 16)
    known = now.certainty[1]
    for value, interval in zip(now.points[1].values, known.values, strict=True):
        assert interval.low <= value <= interval.high
    if combine != "regret":
        assert now.certainty[0].values == (Interval(1, 1, 1),) * 2


def test_values_stand_in_where_no_ratio_was_measured() -> None:
    plain = noisy(1, (0.5, 2.0))
    evidence = replace(plain.evidence[0][1], ratios=(), values=((OBJECTIVES[0], Interval(30, 20, 60)),))
    now = standing([noisy(0, (0.02, 0.02)), replace(plain, evidence=(("s0", evidence),))])
    assert now.points[1].intervals[0][0] == Interval(1.5, 1.0, 3.0)  # of a baseline of 20
    assert now.points[1].scenario_ratios[0] == (1.5, 100.0)


def test_of_points_that_cannot_be_told_apart_each_may_be_on_the_front() -> None:
    of = [noisy(0, ONE), noisy(1, (0.5, 0.5)), noisy(2, (0.505, 0.505)), noisy(3, (0.9, 0.9))]
    now = standing(of)
    assert [p.trial.number for p in now.front] == [1]
    assert 0.5 < now.certainty[1].on_front < 1
    assert 0.3 < now.certainty[2].on_front < now.certainty[1].on_front
    assert now.certainty[3].on_front < 0.01
    assert standing(of).certainty == now.certainty


def test_a_repeat_is_another_look_at_the_same_point() -> None:
    of = [noisy(0, ONE), noisy(1, (0.5, 0.5)), noisy(2, (0.6, 0.4)), noisy(3, (0.4, 0.4), of=1)]
    before, now = standing(of[:3]), standing(of)
    assert [p.trial.number for p in now.points] == [0, 1, 2]
    assert (now.measured, now.repeats, now.told) == (3, 1, 4)
    assert before.points[1].values == (0.5, 0.5)
    assert now.points[1].values == pytest.approx((math.sqrt(0.2), math.sqrt(0.2)))
    assert now.certainty[1].runs == 2
    assert now.points[2] == before.points[2]
    assert now.points[1].evidence[0][1].blocks == 8


@pytest.mark.parametrize("combine", COMBINE)
def test_a_front_after_repeats_is_that_of_the_points_as_they_are_known_then(combine: Combine) -> None:
    """A repeat may take a point off the front, and bring back what it dominated."""
    of = [noisy(0, ONE), noisy(1, (0.1, 0.1)), noisy(2, (0.5, 0.5)), noisy(3, (9.9, 9.9), of=1)]
    judge = Judge(OBJECTIVES, combine, (), Space())
    judge.add(of[:3])
    assert [p.trial.number for p in judge.standing().front] == [1]
    changed = judge.add(of[3:])
    now = judge.standing()
    assert {p.trial.number for p in changed} >= {1}
    assert [p.trial.number for p in now.front] == [2]
    assert now == standing(of, combine)
    expected = pareto.hypervolume([p.values for p in now.front], (REFERENCE[combine],) * 2)
    assert now.hypervolume == expected


@pytest.mark.parametrize(
    "other", [noisy(1, (0.5, 0.5), machine="other"), attempt(1, (10, 10))], ids=["machine", "level"]
)
def test_measurements_of_unlike_machines_are_never_judged_together(other: Attempt) -> None:
    with pytest.raises(MixtureError, match="never compared"):
        standing([noisy(0, ONE), other])

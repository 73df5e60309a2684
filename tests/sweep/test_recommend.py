"""From measurements to a front and a recommendation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import recommend
from sweep.recommend import Point, Standing, point
from sweep.report import tables
from sweep.trial import Attempt, Cause, Configuration, Failure, Level, Measurement, Summary, Trial

OBJECTIVES = ("exit_latency_ns.p99", "retained_bytes.mean")
VALUE = st.integers(1, 40).map(float)


def attempt(number: int, *values: tuple[float, float], violations: int = 0, policy: str = "p") -> Attempt:
    """values: (latency, retained) per scenario."""
    measured = tuple(
        (
            f"s{place}",
            Measurement(
                exit_latency_ns=Summary(p99=latency),
                retained_bytes=Level(mean=retained),
                violations=violations,
            ),
        )
        for place, (latency, retained) in enumerate(values)
    )
    origin = "baseline" if number == 0 else "sampler"
    configuration = Configuration.of(policy, {"x": number})
    return Attempt(Trial(number, configuration, origin), 0, measured, None, "here", 0.0, 0.0)


class Everything:
    """A space that holds all configurations."""

    def __contains__(self, configuration: object) -> bool:
        return True


def standing(attempts: list[Attempt], objectives: tuple[str, ...]) -> Standing:
    return recommend.standing(attempts, objectives, Everything())


def failed(number: int, cause: Cause) -> Attempt:
    trial = Trial(number, Configuration("p"), "sampler")
    return Attempt(trial, 0, (), Failure(cause, "why"), "here", 0.0, 0.0)


def test_a_ratio_is_the_mean_over_scenarios_of_ratios_to_the_baseline() -> None:
    baseline = attempt(0, (100, 1000), (10, 1e6))
    judged = point(attempt(1, (50, 2000), (20, 1e6)), baseline, OBJECTIVES)
    assert judged.ratios == ((0.5 + 2) / 2, (2 + 1) / 2)
    assert point(baseline, baseline, OBJECTIVES).ratios == (1.0, 1.0)


def test_a_baseline_of_zero_is_taken_as_one_unit() -> None:
    judged = point(attempt(1, (30, 5)), attempt(0, (0, 10)), OBJECTIVES)
    assert judged.ratios == (30.0, 0.5)


@given(st.lists(st.tuples(VALUE, VALUE, st.booleans()), max_size=12), st.integers(1, 20))
def test_front_and_recommendation_do_not_depend_on_units_or_scenario_scale(
    values: list[tuple[float, float, bool]], exponent: int
) -> None:
    def judge(factor: float) -> tuple[list[int], int | None]:
        attempts = [attempt(0, (20 * factor, 20 * factor))]
        attempts += [
            attempt(n + 1, (a * factor, b * factor), violations=int(bad))
            for n, (a, b, bad) in enumerate(values)
        ]
        now = standing(attempts, OBJECTIVES)
        return [p.trial.number for p in now.front], now.recommended.trial.number if now.recommended else None

    assert judge(2.0**exponent) == judge(1.0)  # powers of two scale without rounding


@given(st.lists(st.tuples(VALUE, VALUE, st.booleans()), max_size=12))
def test_what_violates_is_never_on_the_front_nor_recommended(values: list[tuple[float, float, bool]]) -> None:
    attempts = [attempt(0, (20, 20))]
    attempts += [attempt(n + 1, (a, b), violations=int(bad)) for n, (a, b, bad) in enumerate(values)]
    now = standing(attempts, OBJECTIVES)
    assert all(p.feasible for p in now.front)
    assert now.recommended in now.front
    for other in now.points:
        if other.feasible:
            assert any(all(f <= o for f, o in zip(p.ratios, other.ratios, strict=True)) for p in now.front)


def test_a_violation_in_one_scenario_is_enough() -> None:
    mixed = attempt(1, (1, 1), (1, 1))
    bad = Measurement(violations=1)
    mixed = Attempt(mixed.trial, 0, (mixed.measurements[0], ("s1", bad)), None, "here", 0.0, 0.0)
    now = standing([attempt(0, (9, 9), (9, 9)), mixed], OBJECTIVES)
    assert [p.trial.number for p in now.front] == [0]


def test_the_knee_is_recommended_and_said_to_be() -> None:
    points = [(10.0, 1.0), (2.0, 2.0), (1.0, 10.0)]
    now = standing([attempt(0, (5, 5)), *(attempt(n + 1, p) for n, p in enumerate(points))], OBJECTIVES)
    assert now.recommended is not None
    assert now.recommended.trial.number == 2
    assert "knee" in tables.advice(now)
    assert "simulated" in tables.advice(now)


def test_without_a_knee_the_point_that_dominates_most_is_recommended() -> None:
    """Two ends and nothing in between: (0.7, 0.97) improves on the baseline far less than (1.05, 0.01)."""
    now = standing([attempt(0, (100, 100)), attempt(1, (70, 97)), attempt(2, (105, 1))], OBJECTIVES)
    assert now.recommended is not None
    assert now.recommended.trial.number == 2
    assert "no knee" in tables.advice(now)


def test_failures_are_counted_where_the_configuration_is_to_blame() -> None:
    attempts = [attempt(0, (5, 5)), failed(1, Cause.CONFIGURATION), failed(2, Cause.NODE_LOST)]
    assert standing(attempts, OBJECTIVES).failed == 1


@pytest.mark.parametrize("attempts", [[], [attempt(0, (5, 5), violations=1)]])
def test_with_nothing_feasible_nothing_is_recommended(attempts: list[Attempt]) -> None:
    now = standing(attempts, OBJECTIVES)
    assert now.recommended is None
    assert now.hypervolume == 0
    assert tables.advice(now).startswith("Nothing is recommended")


def test_rows_that_nobody_could_tell_apart_are_one() -> None:
    attempts = [attempt(0, (1e6, 1e6))]
    attempts += [attempt(n, (5e5 + n, 9e5 - n)) for n in range(1, 9)]
    attempts += [attempt(9, (5e5 + 0.5, 9e5), policy="q"), attempt(10, (1e5, 2e6))]
    now = standing(attempts, OBJECTIVES)
    shown = tables.rows(now)
    assert len(now.front) == 10
    assert len(shown) == 4
    assert now.recommended in shown
    assert shown[-1].trial.origin == "baseline"


def test_points_as_a_table_have_a_row_per_scenario() -> None:
    now = standing([attempt(0, (5, 5), (7, 7)), attempt(1, (1, 1), (2, 2))], OBJECTIVES)
    table = tables.points_table(now.points, now.objectives)
    assert table.num_rows == 4
    assert table["ratio.exit_latency_ns.p99"].to_pylist()[:2] == [1.0, 1.0]
    assert table["scenario"].to_pylist() == ["s0", "s1"] * 2
    assert isinstance(now.points[0], Point)


def test_what_the_study_does_not_choose_from_is_for_comparison_only() -> None:
    attempts = [attempt(0, (5, 5)), attempt(1, (1, 1), policy="elsewhere"), attempt(2, (4, 4))]
    now = recommend.standing(attempts, OBJECTIVES, {attempts[2].trial.configuration})
    assert [p.trial.number for p in now.points] == [0, 1, 2]
    assert [p.trial.number for p in now.front] == [2]
    assert now.recommended is now.front[0]

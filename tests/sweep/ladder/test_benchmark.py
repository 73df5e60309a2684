"""What `python -m tests.bench.ladder` judges by: second values, one scale for all ways."""

from __future__ import annotations

import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.console import Console

from sweep.backends.blocks import baseline
from sweep.course import first_trials
from sweep.scenarios import scenarios
from sweep.trial import REPEAT, SAMPLER, Configuration, Spent
from tests.bench.ladder import __main__ as benchmark
from tests.bench.ladder import truth
from tests.bench.ladder.course import MARGIN, at, course, reached, scale
from tests.bench.ladder.race import UNTAUGHT, Bench, Moment, climb, simulate
from tests.sweep.fake_native import HOST, FakeNative
from tests.sweep.ladder.conftest import Lab

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=20)
POINTS = st.lists(st.tuples(st.floats(0.1, 3.0), st.floats(0.1, 3.0)), min_size=1, max_size=12)


def numbered(count: int) -> list[Configuration]:
    return [Configuration.of("fixed_batch", {"max": number}) for number in range(count)]


@given(POINTS)
def test_all_that_is_known_is_the_whole_and_a_part_of_it_is_no_more(
    points: list[tuple[float, float]],
) -> None:
    values = dict(zip(numbered(len(points)), points, strict=True))
    on = scale([values])
    assert on.share(points) == pytest.approx(1.0)
    assert 0 <= on.share(points[: len(points) // 2]) <= 1 + 1e-9


def test_the_reference_lies_beyond_the_front_and_does_not_depend_on_what_is_behind_it_or_on_the_baseline() -> (
    None
):
    first, second, behind = numbered(3)
    front = {first: (0.5, 1.5), second: (1.0, 1.0)}
    assert scale([front]).reference == pytest.approx((1.0 + MARGIN * 0.5, 1.5 + MARGIN * 0.5))
    assert scale([{**front, behind: (9.0, 9.0), baseline(): (0.1, 0.1)}]) == scale([front])


def test_a_front_is_chosen_by_what_was_measured_then_and_valued_by_the_second_values() -> None:
    lucky, good = numbered(2)
    values = {lucky: (1.0, 1.0), good: (0.5, 0.5)}
    shown = [Moment(Spent(5.0), (lucky,)), Moment(Spent(9.0), (good,))]
    (early, low), (late, high) = course(shown, [values], scale([values]))
    assert (early, late) == (5.0, 9.0)
    assert low == 0.0
    assert high == pytest.approx(1.0)


def test_the_final_hypervolume_is_not_chosen_for_its_luck() -> None:
    """A front of noisy points: chosen and valued by the same figures it is too good, crosswise it is not."""
    x = np.linspace(0.5, 1.5, 20)
    true, dice, some = np.stack([x, 2 - x], axis=1), np.random.default_rng(1), numbered(20)
    exact = scale([values_of(some, true)])
    crosswise, as_one = list[float](), list[float]()
    for _ in range(50):
        drawn = true + 0.15 * dice.standard_normal((2, *true.shape))
        halves = [values_of(some, half) for half in drawn]
        on, lucky = scale(halves), scale([values_of(some, drawn.mean(axis=0))])
        assert on.reference == pytest.approx(lucky.reference)
        crosswise.append(on.final / exact.final)
        as_one.append(lucky.final / exact.final)
    assert np.mean(crosswise) < 0.9 * np.mean(as_one)


def values_of(
    some: list[Configuration], points: NDArray[np.float64]
) -> dict[Configuration, tuple[float, ...]]:
    return {each: tuple(map(float, point)) for each, point in zip(some, points, strict=True)}


def test_second_values_that_tell_nothing_apart_are_an_error() -> None:
    first, second = numbered(2)
    halves = [{first: (1.0, 1.0), second: (9.0, 9.0)}, {first: (9.0, 9.0), second: (1.0, 1.0)}]
    with pytest.raises(ValueError, match="more rounds"):
        scale(halves)


@given(SHARES)
def test_reached_is_for_good(shares: list[float]) -> None:
    of = [(float(place), share) for place, share in enumerate(shares)]
    time_s = reached(of, 0.5)
    assert all(share >= 0.5 for at_s, share in of if at_s >= time_s)
    assert math.isinf(time_s) == (shares[-1] < 0.5)
    assert at(of, float(len(of))) == shares[-1]
    assert at(of, -1.0) == 0.0


def test_second_values_come_of_so_many_rounds_and_are_not_measured_twice(lab: Lab, tmp_path: Path) -> None:
    study = lab.study()
    machine = FakeNative(scenarios(study, HOST), spread=0.1)
    wanted = [each for _, each in first_trials(study) if each in study.space()]
    found = truth.measured(study, machine, wanted, tmp_path / "truth", rounds=8)
    assert set(machine.calls.values()) == {8}
    assert truth.measured(study, machine, wanted, tmp_path / "truth", rounds=8) == found
    assert set(machine.calls.values()) == {8}
    base = dict(machine.truth(baseline()).measurements)
    for configuration in set(wanted) - {baseline()}:
        exact = dict(machine.truth(configuration).measurements)
        halves = zip(*(half[configuration] for half in found), strict=True)
        for name, values in zip(study.objectives, halves, strict=True):
            (ratio,) = [exact[scenario].get(name) / base[scenario].get(name) for scenario in exact]
            assert np.mean(values) == pytest.approx(ratio, rel=4 * 0.1 / math.sqrt(8))
            assert values == pytest.approx([ratio, ratio], rel=4 * 0.1 / math.sqrt(4))


def test_untaught_is_who_measures_the_baseline_and_searches(lab: Lab, tmp_path: Path) -> None:
    study = lab.study()
    made = scenarios(study, HOST)
    machine = FakeNative(made, spread=0.1)
    bench = Bench(machine, lambda: 5.0 * sum(machine.calls.values()))
    silent = Console(file=io.StringIO())
    below = simulate(study, made, tmp_path / "simulator", silent)
    origins = {
        way: {a.trial.origin for a in climb(study, made, way, below, bench, tmp_path / way, silent)}
        for way in ("nsga2", UNTAUGHT)
    }
    assert any(origin.startswith("preset:") for origin in origins["nsga2"])
    assert {"baseline", SAMPLER} <= origins[UNTAUGHT] <= {"baseline", SAMPLER, REPEAT}


def test_some_of_the_ways_are_raced_told_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--simulated", "--seeds", "1", "--ways", "ladder", "random", "-o", str(tmp_path)]
    small = ["budget.native_time_s=40s", "budget.trials=40"]
    settings = [word for setting in small for word in ("--set", setting)]
    monkeypatch.setattr(sys, "argv", ["ladder", *given, *settings])
    benchmark.main()
    said = " ".join(capsys.readouterr().out.split())
    assert "random's end" in said
    assert "nsga2" not in said
    (run,) = json.loads((tmp_path / "courses.json").read_text())["runs"]
    assert list(run) == ["ladder", "random"]
    assert (tmp_path / "ladder.png").stat().st_size > 0


def test_more_blocks_are_less_noise() -> None:
    assert benchmark.trial_spread(0.14, 8) == pytest.approx(benchmark.trial_spread(0.14, 2) / 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--study", "laddr"], "laddr"),
        (["--study", "quick"], "expected ladder: [simulator, native] and budget.native_time_s"),
        (["--set", "budget.native_time_s=soon"], "budget.native_time_s"),
        (["--seeds", "0"], "0: expected a number from 1"),
        (["--rounds", "two"], "two: expected a number from 1"),
        (["--ways", "up"], "invalid choice: 'up'"),
    ],
)
def test_bad_input_ends_with_exit_code_2_and_what_was_wrong(
    given: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ladder", *given])
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err

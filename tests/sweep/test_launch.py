"""The loop: one course per study and seed, whatever runs it, stops it or breaks it."""

import io
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import policies
from sweep import launch
from sweep.execute import Executor
from sweep.execute.in_process import InProcessExecutor
from sweep.launch import Ending, SweepError, first_trials
from sweep.progress import Progress
from sweep.propose.optuna import OptunaProposer
from sweep.recommend import standing
from sweep.store import StoreError
from sweep.store.files import FileStore
from sweep.study import Study
from sweep.track.nothing import NoTracker
from sweep.trial import Attempt, Configuration, Measurement
from tests.sweep.landscape import Row, Shuffled, landscape, study, trial_table

STUDY = study()


def sweep(
    value: Study,
    place: Path,
    executor: Executor | None = None,
    stop: Callable[[], bool] = lambda: False,
    store: FileStore | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> tuple[Ending, list[Attempt]]:
    store = store or FileStore(place)
    proposer = OptunaProposer(value.space(), len(value.objectives), value.seed, value.population)
    progress = Progress(Console(file=io.StringIO()), value.budget.trials, 1)
    executor = executor or InProcessExecutor(landscape)
    try:
        with progress:
            ending = launch.sweep(
                value, proposer, executor, store, NoTracker(), progress, stop=stop, clock=clock
            )
        return ending, store.attempts()
    finally:
        store.close()


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The trial table of STUDY, undisturbed."""
    ending, attempts = sweep(STUDY, tmp_path_factory.mktemp("course"))
    assert not ending.interrupted
    return trial_table(attempts)


def test_a_sweep_runs_its_budget_and_numbers_its_trials(course: list[Row]) -> None:
    assert [trial.number for trial, _, _ in course] == list(range(80))
    assert any(failure for _, _, failure in course)
    assert any(m.violations for _, measured, _ in course for _, m in measured)


def test_baseline_presets_and_defaults_come_first(course: list[Row]) -> None:
    first = first_trials(STUDY)
    assert [(trial.origin, trial.configuration) for trial, _, _ in course[: len(first)]] == first
    assert first[0] == ("baseline", Configuration.of("per_object", policies.policy("per_object").defaults()))
    origins = " ".join(origin for origin, _ in first)
    assert all(name in origins or p.policy == "per_object" for name, p in policies.presets().items())
    measured = {configuration for _, configuration in first}
    assert all(STUDY.space().start(policy) in measured for policy in STUDY.policy_names())


@given(seed=st.integers(0, 2**32))
@settings(max_examples=6)
def test_the_order_of_endings_and_lost_workers_do_not_change_the_course(
    tmp_path_factory: pytest.TempPathFactory, course: list[Row], seed: int
) -> None:
    _, attempts = sweep(STUDY, tmp_path_factory.mktemp("shuffled"), Shuffled(seed))
    assert trial_table(attempts) == course


def test_another_seed_is_another_course(tmp_path: Path, course: list[Row]) -> None:
    _, attempts = sweep(study(seed=2), tmp_path)
    assert trial_table(attempts) != course


@given(stops=st.lists(st.integers(1, 40), min_size=1, max_size=4), seed=st.integers(0, 99))
@settings(max_examples=8)
def test_a_sweep_that_was_stopped_goes_on_as_if_it_had_not_been(
    tmp_path_factory: pytest.TempPathFactory, course: list[Row], stops: list[int], seed: int
) -> None:
    place = tmp_path_factory.mktemp("stopped")
    finished = 0
    for polls in stops:
        left = iter(range(polls))
        ending, attempts = sweep(
            STUDY, place, Shuffled(seed), stop=lambda left=left: next(left, None) is None
        )
        table = trial_table(attempts)
        assert all(row in course for row in table)
        assert len(table) >= finished
        finished = len(table)
        assert ending.interrupted == (finished < 80)
    _, attempts = sweep(STUDY, place, Shuffled(seed + 1))
    assert trial_table(attempts) == course


class Dying(FileStore):
    """A store whose process dies before or after the n-th append."""

    def __init__(self, place: Path, left: int, kept: bool) -> None:
        super().__init__(place)
        self._left, self._kept = left, kept

    def append(self, attempts: Sequence[Attempt]) -> None:
        self._left -= 1
        if self._left >= 0 or self._kept:
            super().append(attempts)
        if self._left < 0:
            raise SystemExit(9)


@given(deaths=st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=3))
@settings(max_examples=8)
def test_a_driver_that_died_at_any_append_is_resumed_exactly(
    tmp_path_factory: pytest.TempPathFactory, course: list[Row], deaths: list[tuple[int, bool]]
) -> None:
    place = tmp_path_factory.mktemp("died")
    for left, kept in deaths:
        try:
            sweep(STUDY, place, Shuffled(left), store=Dying(place, left, kept))
        except SystemExit:
            continue
    _, attempts = sweep(STUDY, place)
    assert trial_table(attempts) == course
    keys = [(a.trial.number, a.number) for a in attempts]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("lost", [frozenset({3}), frozenset({25, 26, 79})])
def test_a_trial_that_no_worker_survived_is_left_out_and_stays_out(
    tmp_path: Path, lost: frozenset[int]
) -> None:
    """Given up in one generation, it must not come back and change the later ones on resuming."""
    _, attempts = sweep(study(64), tmp_path / "whole", Shuffled(1, lost))
    whole = trial_table(attempts)
    assert {trial.number for trial, _, _ in whole} == set(range(64)) - lost
    stops = iter(range(70))
    sweep(study(64), tmp_path / "parts", Shuffled(1, lost), stop=lambda: next(stops, None) is None)
    _, attempts = sweep(study(64), tmp_path / "parts", Shuffled(2, lost))
    assert trial_table(attempts) == whole
    _, attempts = sweep(study(64), tmp_path / "parts", InProcessExecutor(landscape))
    assert trial_table(attempts)[:48] == whole[:48]


def test_a_larger_budget_goes_on_from_where_the_smaller_one_ended(tmp_path: Path, course: list[Row]) -> None:
    _, attempts = sweep(study(41), tmp_path)
    assert trial_table(attempts) == course[:41]
    _, attempts = sweep(STUDY, tmp_path)
    assert trial_table(attempts) == course


def test_a_budget_smaller_than_the_first_trials_still_has_the_baseline(tmp_path: Path) -> None:
    ending, attempts = sweep(study(2), tmp_path)
    assert len(attempts) == 2
    assert ending.standing.points[0].trial.origin == "baseline"
    assert ending.standing.points[0].ratios == (1.0, 1.0)


def test_wall_time_ends_a_sweep_without_calling_it_interrupted(tmp_path: Path, course: list[Row]) -> None:
    ticks = iter(range(10_000))
    limited = study(budget={"trials": 80, "wall_time_s": 50})
    ending, attempts = sweep(limited, tmp_path, clock=lambda: float(next(ticks)))
    assert 0 < len(attempts) < 80
    assert not ending.interrupted
    assert trial_table(attempts) == course[: len(attempts)]


def test_a_store_of_another_course_is_refused(tmp_path: Path) -> None:
    sweep(STUDY, tmp_path)
    with pytest.raises(StoreError, match="was made with other settings"):
        sweep(study(seed=2), tmp_path)


def test_equal_configurations_are_measured_once(tmp_path: Path) -> None:
    counted: list[Configuration] = []

    def evaluate(configuration: Configuration) -> tuple[tuple[str, Measurement], ...]:
        counted.append(configuration)
        return landscape(configuration)

    tiny = study(40, policies=["per_object"])
    _, attempts = sweep(tiny, tmp_path, InProcessExecutor(evaluate))
    assert len(attempts) == 40
    assert len(set(counted)) == len(counted)
    by_key = {a.trial.configuration: a.measurements for a in attempts}
    assert all(by_key[a.trial.configuration] == a.measurements for a in attempts)


def test_without_a_baseline_there_is_no_sweep(tmp_path: Path) -> None:
    from sweep.backends.evaluator import EvaluationError

    def evaluate(configuration: Configuration) -> tuple[tuple[str, Measurement], ...]:
        raise EvaluationError("the clock ran out")

    with pytest.raises(SweepError, match="baseline could not be measured: the clock ran out"):
        sweep(STUDY, tmp_path, InProcessExecutor(evaluate))


def test_the_ending_is_what_the_store_says(tmp_path: Path) -> None:
    ending, attempts = sweep(STUDY, tmp_path)
    random.Random(0).shuffle(attempts)
    assert standing(attempts, STUDY.objectives, STUDY.space()) == ending.standing

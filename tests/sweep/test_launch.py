"""The loop: one course per study and seed, whatever runs it, stops it or breaks it."""

import random
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import policies
from sweep.backends.evaluator import Evaluation, EvaluationError
from sweep.execute.in_process import InProcessExecutor
from sweep.judge import judge
from sweep.launch import SweepError
from sweep.propose import Observation, Proposer
from sweep.store import StoreError
from sweep.store.files import FileStore
from sweep.trial import Attempt, Configuration, Measurement
from tests.sweep.landscape import Row, Shuffled, after, landscape, proposer, study, sweep, trial_table

STUDY = study()
FIRST = 5  # the baseline, what kernels do, the start of a policy that these leave out


class Table(list[Row]):
    """Rows whose text is short, as hypothesis shows what it was given."""

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """The trial table of STUDY, undisturbed."""
    ending, attempts = sweep(STUDY, tmp_path_factory.mktemp("course"))
    assert not ending.interrupted
    return Table(trial_table(attempts))


def test_a_sweep_stopped_before_its_baseline_ended_is_interrupted_and_nothing_else(tmp_path: Path) -> None:
    ending, attempts = sweep(STUDY, tmp_path, stop=after(0))
    assert ending.interrupted
    assert attempts == []
    ending, attempts = sweep(STUDY, tmp_path, Shuffled(0, 1, lost=frozenset({0})), stop=after(3))
    assert ending.interrupted
    assert ending.standing.measured == 0
    assert ending.standing.recommended is None


class Watched(Proposer):
    """Remembers what it was asked and told."""

    def __init__(self, inner: Proposer) -> None:
        self._inner = inner
        self.asked: list[int] = []
        self.told: list[Configuration] = []
        self.answers: list[Configuration] = []

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        self.asked += numbers
        answers = self._inner.ask(numbers, pending)
        self.answers += answers
        return answers

    def observe(self, observations: Sequence[Observation]) -> None:
        self.told += [each.configuration for each in observations]
        self._inner.observe(observations)


# -- what a sweep does ----------------------------------------------------------------------------


def test_a_sweep_runs_its_budget_and_numbers_its_trials(course: Table) -> None:
    assert [trial.number for trial, _, _ in course] == list(range(80))
    assert any(failure for _, _, failure in course)
    assert any(m.violations for _, measured, _ in course for _, m in measured)


def test_baseline_presets_and_defaults_come_first(course: Table) -> None:
    baseline, *others = [trial for trial, _, _ in course[:FIRST]]
    assert baseline.origin == "baseline"
    assert baseline.configuration == Configuration.of("per_object", policies.policy("per_object").defaults())
    measured = {trial.configuration: trial.origin for trial, _, _ in course[:FIRST]}
    for name, preset in policies.presets().items():
        complete = policies.policy(preset.policy).validate(dict(preset.params))
        configuration = Configuration.of(preset.policy, complete)
        assert name in measured[configuration] or configuration == baseline.configuration
    assert all(STUDY.space().start(policy) in measured for policy in STUDY.policy_names())
    assert all(trial.origin.startswith(("preset:", "default")) for trial in others)
    assert all(trial.origin == "sampler" for trial, _, _ in course[FIRST:])


def test_the_proposer_is_told_all_batches_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    watched = Watched(proposer(STUDY))
    _, attempts = sweep(STUDY, tmp_path, Shuffled(3), asked=watched)
    table = trial_table(attempts)
    size = STUDY.batch_size
    assert watched.asked == list(range(FIRST, 80))
    assert len(watched.told) == 80
    for first in range(0, 80, size):
        told = watched.told[first : first + size]
        assert set(told) == {trial.configuration for trial, _, _ in table[first : first + size]}


def test_another_seed_is_another_course(tmp_path: Path, course: Table) -> None:
    _, attempts = sweep(study(seed=2), tmp_path)
    assert trial_table(attempts) != course


def test_equal_configurations_are_measured_once(tmp_path: Path) -> None:
    """The grid asks for every configuration once; the defaults among them come first all the same."""
    counted: list[Configuration] = []

    def evaluate(configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        counted.append(configuration)
        return landscape(configuration, have)

    small = study(40, policies={"fixed_batch": {"max": [8, 32, 512], "idle_timeout_ms": [0, 10]}})
    _, attempts = sweep(small, tmp_path, InProcessExecutor(evaluate))
    assert len(set(counted)) == len(counted)
    by_key = {a.trial.configuration: a.measurements for a in attempts}
    assert all(by_key[a.trial.configuration] == a.measurements for a in attempts)


@pytest.mark.parametrize("sampler", ["parzen", "nsga2", "random", "grid"])
def test_a_space_that_is_used_up_ends_the_study(tmp_path: Path, sampler: str) -> None:
    small = study(
        1000,
        sampler=sampler,
        policies={"per_object": None, "fixed_batch": {"max": {"min": 1, "max": 30}, "idle_timeout_ms": 0}},
    )
    ending, attempts = sweep(small, tmp_path, Shuffled(1))
    assert not ending.interrupted
    measured = [a.trial.configuration for a in attempts if a.settles]
    inside = [each for each in measured if each in small.space()]
    assert len(inside) == len(set(inside)) == small.space().size() == 32
    again, repeated = sweep(small, tmp_path)
    assert repeated == attempts
    assert again.standing == ending.standing


def test_the_ending_is_what_the_store_says(tmp_path: Path) -> None:
    for combine in ("mean", "worst", "regret"):
        value = study(combine=combine, constraints=["retained_bytes.mean <= 30 kB"])
        ending, attempts = sweep(value, tmp_path / combine)
        random.Random(0).shuffle(attempts)
        said = judge(attempts, value.objectives, value.combine, value.bounds(), value.space())
        assert said == ending.standing
        assert 0 < said.feasible < said.measured


# -- whatever disturbs it ---------------------------------------------------------------------------


@given(seed=st.integers(0, 2**32), workers=st.integers(1, 40))
@settings(max_examples=8)
def test_workers_their_number_and_their_losses_do_not_change_the_course(
    tmp_path_factory: pytest.TempPathFactory, course: Table, seed: int, workers: int
) -> None:
    _, attempts = sweep(STUDY, tmp_path_factory.mktemp("shuffled"), Shuffled(seed, workers))
    assert trial_table(attempts) == course


@pytest.mark.parametrize("sampler", ["random", "grid", "tpe"])
@pytest.mark.parametrize("combine", ["worst", "regret"])
def test_every_sampler_and_every_judgement_has_one_course(tmp_path: Path, sampler: str, combine: str) -> None:
    fixed = {"max": [1, 2, 4, 8, 16, 32, 64, 128], "idle_timeout_ms": [0, 1, 10, 100, 1000]}
    value = study(60, sampler=sampler, combine=combine, policies={"fixed_batch": fixed, "sheaf": None})
    if sampler == "grid":
        value = study(60, sampler=sampler, combine=combine, policies={"fixed_batch": fixed})
    _, attempts = sweep(value, tmp_path / "whole")
    sweep(value, tmp_path / "parts", Shuffled(1, 7), stop=after(30))
    _, resumed = sweep(value, tmp_path / "parts", Shuffled(2, 3))
    assert trial_table(resumed) == trial_table(attempts)


@given(
    runs=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 20)), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_a_sweep_that_was_stopped_goes_on_as_if_it_had_not_been(
    tmp_path_factory: pytest.TempPathFactory, course: Table, runs: list[tuple[int, int]], seed: int
) -> None:
    place = tmp_path_factory.mktemp("stopped")
    finished = 0
    for polls, workers in runs:
        ending, attempts = sweep(STUDY, place, Shuffled(seed, workers), stop=after(polls))
        table = trial_table(attempts)
        assert all(row == course[row[0].number] for row in table)
        assert len(table) >= finished
        finished = len(table)
        assert ending.interrupted or finished == 80
    _, attempts = sweep(STUDY, place, Shuffled(seed + 1))
    assert trial_table(attempts) == course


class Dying(FileStore):
    """A store whose process dies before or after the n-th append."""

    def __init__(self, place: Path, left: int, kept: bool) -> None:
        super().__init__(place)
        self._left, self._kept = left, kept

    def append(self, attempts: Sequence[Attempt]) -> None:
        if not attempts:
            return
        self._left -= 1
        if self._left >= 0 or self._kept:
            super().append(attempts)
        if self._left < 0:
            raise SystemExit(9)


@given(
    deaths=st.lists(st.tuples(st.integers(0, 60), st.booleans(), st.integers(1, 20)), min_size=1, max_size=3)
)
@settings(max_examples=12)
def test_a_driver_that_died_at_any_append_is_resumed_exactly(
    tmp_path_factory: pytest.TempPathFactory, course: Table, deaths: list[tuple[int, bool, int]]
) -> None:
    place = tmp_path_factory.mktemp("died")
    for left, kept, workers in deaths:
        try:
            sweep(STUDY, place, Shuffled(left, workers), store=Dying(place, left, kept))
        except SystemExit:
            continue
    _, attempts = sweep(STUDY, place)
    assert trial_table(attempts) == course
    keys = [(a.trial.number, a.number) for a in attempts]
    assert len(set(keys)) == len(keys)


@given(
    budgets=st.lists(st.integers(1, 79), min_size=1, max_size=3),
    seed=st.integers(0, 99),
    polls=st.integers(1, 60),
)
@settings(max_examples=10)
def test_a_larger_budget_goes_on_from_where_the_smaller_one_ended(
    tmp_path_factory: pytest.TempPathFactory,
    course: Table,
    budgets: list[int],
    seed: int,
    polls: int,
) -> None:
    place = tmp_path_factory.mktemp("raised")
    for budget in sorted(budgets):
        _, attempts = sweep(study(budget), place, Shuffled(seed))
        assert trial_table(attempts) == course[:budget]
    sweep(STUDY, place, Shuffled(seed), stop=after(polls))
    _, attempts = sweep(STUDY, place)
    assert trial_table(attempts) == course


@given(polls=st.integers(1, 80), raised=st.integers(81, 120))
@settings(max_examples=6)
def test_a_sweep_that_was_stopped_may_have_its_budget_raised(
    tmp_path_factory: pytest.TempPathFactory, course: Table, polls: int, raised: int
) -> None:
    place = tmp_path_factory.mktemp("stopped-and-raised")
    sweep(STUDY, place, Shuffled(polls), stop=after(polls))
    _, attempts = sweep(study(raised), place)
    assert len(attempts) >= raised
    assert trial_table(attempts)[:80] == course


def test_what_the_store_has_is_not_asked_for_again(tmp_path: Path) -> None:
    sweep(STUDY, tmp_path)
    watched = Watched(proposer(STUDY))
    ending, _ = sweep(STUDY, tmp_path, Shuffled(0), asked=watched)
    assert watched.asked == []
    assert len(watched.told) == 80
    assert ending.trials == 80
    _, attempts = sweep(study(112), tmp_path, asked=watched)
    assert watched.asked == list(range(80, 112))
    assert len(attempts) == 112


@given(gone=st.sets(st.integers(0, 79), min_size=1, max_size=30), seed=st.integers(0, 99))
@settings(max_examples=6)
def test_what_was_lost_from_the_middle_of_the_store_is_measured_again(
    tmp_path_factory: pytest.TempPathFactory, course: Table, gone: set[int], seed: int
) -> None:
    """A damaged stretch of the log: what stands behind it is kept."""
    place = tmp_path_factory.mktemp("damaged")
    with closing(FileStore(place)) as store:
        store.append(
            [Attempt(*row[:1], 0, *row[1:], "", 0.0, 0.0) for row in course if row[0].number not in gone]
        )
    _, attempts = sweep(STUDY, place, Shuffled(seed))
    assert trial_table(attempts) == course


# -- what no worker survives ------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [frozenset({3}), frozenset({25, 26, 79}), frozenset(range(16, 48))])
def test_a_trial_that_no_worker_survived_is_left_out_and_stays_out(
    tmp_path: Path, lost: frozenset[int]
) -> None:
    """Given up in one batch, it must not come back and change the later ones on resuming."""
    ending, attempts = sweep(study(64), tmp_path / "whole", Shuffled(1, lost=lost))
    assert not ending.interrupted
    whole = trial_table(attempts)
    assert {trial.number for trial, _, _ in whole} == set(range(64)) - lost
    assert ending.standing.measured + len(ending.standing.failed) == len(whole)
    sweep(study(64), tmp_path / "parts", Shuffled(1, lost=lost), stop=after(90))
    _, attempts = sweep(study(64), tmp_path / "parts", Shuffled(2, lost=lost))
    assert trial_table(attempts) == whole


def test_what_was_given_up_is_not_proposed_again(tmp_path: Path) -> None:
    watched = Watched(proposer(STUDY))
    sweep(STUDY, tmp_path, Shuffled(1, lost=frozenset(range(20, 40))), asked=watched)
    assert len(set(watched.answers)) == len(watched.answers)
    assert len(watched.told) == 80


def test_what_was_given_up_at_the_end_may_be_measured_by_another_run(tmp_path: Path, course: Table) -> None:
    _, attempts = sweep(STUDY, tmp_path, Shuffled(1, lost=frozenset({70, 79})))
    assert {trial.number for trial, _, _ in trial_table(attempts)} == set(range(80)) - {70, 79}
    _, attempts = sweep(STUDY, tmp_path, Shuffled(2))
    assert trial_table(attempts) == course


# -- how it ends --------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [1, 2, FIRST, FIRST + 1])
def test_a_budget_smaller_than_the_first_trials_still_has_the_baseline(tmp_path: Path, budget: int) -> None:
    ending, attempts = sweep(study(budget), tmp_path)
    assert len(attempts) == budget
    assert ending.standing.points[0].trial.origin == "baseline"
    assert ending.standing.points[0].ratios == (1.0, 1.0)


def test_wall_time_ends_a_sweep_without_calling_it_interrupted(tmp_path: Path, course: Table) -> None:
    ticks = iter(range(10_000))
    limited = study(budget={"trials": 80, "wall_time_s": 50})
    ending, attempts = sweep(limited, tmp_path, clock=lambda: float(next(ticks)))
    assert 0 < len(attempts) < 80
    assert not ending.interrupted
    assert trial_table(attempts) == course[: len(attempts)]
    _, attempts = sweep(STUDY, tmp_path)
    assert trial_table(attempts) == course


def test_a_store_of_another_course_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    _, before = sweep(study(70), tmp_path)
    with pytest.raises(StoreError, match=r"trial \d+ is '.*' in the store, but this study proposes"):
        sweep(study(90, seed=2), tmp_path)
    assert FileStore(tmp_path, read_only=True).attempts() == before


def test_without_a_baseline_there_is_no_sweep(tmp_path: Path) -> None:
    def evaluate(configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        raise EvaluationError("the clock ran out")

    with pytest.raises(SweepError, match="baseline could not be measured: the clock ran out"):
        sweep(STUDY, tmp_path / "fails", InProcessExecutor(evaluate))
    with pytest.raises(SweepError, match="baseline could not be measured: its workers failed"):
        sweep(STUDY, tmp_path / "lost", Shuffled(0, lost=frozenset({0})))

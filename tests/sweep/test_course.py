"""The bookkeeping of batches, without anything that runs: what is asked, run, copied, taken, given up."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.course import AHEAD, Batch, Course, Known, first_trials
from sweep.execute.port import Task
from sweep.propose import Observation, Proposer
from sweep.store import StoreError
from sweep.study import Study
from sweep.trial import REPEAT, SAMPLER, Attempt, Cause, Configuration, Failure, Trial
from tests.sweep.landscape import SCENARIOS, landscape, study, sweep, trial_table


class Listed(Proposer):
    """Proposes what it was given, by number, whatever was observed or is pending."""

    def __init__(self, configurations: Sequence[Configuration], first: int) -> None:
        self._configurations, self._first = configurations, first

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        places = [number - self._first for number in numbers]
        return [self._configurations[p] for p in places if p < len(self._configurations)]

    def observe(self, observations: Sequence[Observation]) -> None:
        pass


def batches(maxima: Sequence[int]) -> list[Configuration]:
    return [Configuration.of("fixed_batch", {"max": each, "idle_timeout_ms": 7}) for each in maxima]


def measured(task: Task, worker: str = "here") -> Attempt:
    of = dict(task.have)
    measurements = landscape(task.trial.configuration, of).measurements
    return Attempt(task.trial, task.number, measurements, None, worker, 1.0, 2.0)


def lost(task: Task) -> Attempt:
    failure = Failure(Cause.WORKER_CRASHED, "gone")
    return Attempt(task.trial, task.number, (), failure, "there", 1.0, 2.0)


STUDY = study(40, batch_size=5, policies=["fixed_batch"])
FIRST = len(Course(STUDY, SCENARIOS, [])._first)
FINE = [n for n in range(1, 3000) if int(batches([n])[0].key(), 16) % 7][:90]
"""Values of `max` that do not fail by themselves."""


def ask(course: Course, proposer: Proposer) -> tuple[list[Task], list[Attempt]]:
    assert course.may_ask()
    return course.next_batch(proposer)


def test_two_batches_are_under_way_and_a_batch_ends_with_its_last_trial() -> None:
    proposer = Listed(batches(FINE), FIRST)
    course = Course(STUDY, SCENARIOS, [])
    first, _ = ask(course, proposer)
    second, _ = ask(course, proposer)
    assert not course.may_ask()
    for task in (*second, *first[1:]):
        course.settle(measured(task))
        assert course.complete() is None
    course.settle(measured(first[0]))
    batch = course.complete()
    assert batch is not None
    assert [a.trial.number for a in batch.settled] == [0, 1, 2, 3, 4]
    assert batch.given_up == ()
    batch = course.complete()
    assert batch is not None
    assert [a.trial.number for a in batch.settled] == [5, 6, 7, 8, 9]
    assert course.complete() is None
    assert course.may_ask()
    assert not course.under_way


@pytest.mark.parametrize("apart", [1, STUDY.batch_size, 3 * STUDY.batch_size])
def test_a_twin_in_the_batch_or_in_another_is_copied_and_never_run(apart: int) -> None:
    (a,) = batches(FINE[:1])
    proposer = Listed([a, *batches(FINE[1:apart]), a, *batches(FINE[apart:])], FIRST)
    course = Course(STUDY, SCENARIOS, [])
    ran: list[Configuration] = []
    copied: list[Attempt] = []
    while not course.ended:
        tasks, copies = course.next_batch(proposer) if course.may_ask() else ([], [])
        for task in tasks:
            copies += course.settle(measured(task))
        for copy in copies:
            assert course.settle(copy) == []
        ran += [task.trial.configuration for task in tasks]
        copied += copies
        course.complete()
    assert ran.count(a) == 1
    (copy,) = copied
    assert copy == Attempt(
        Trial(FIRST + apart, a, "sampler"), 0, landscape(a).measurements, None, "store", 0.0, 0.0
    )


def test_a_twin_of_a_trial_that_was_lost_for_good_is_given_up_with_it() -> None:
    (a,) = batches(FINE[:1])
    proposer = Listed([a, a, *batches(FINE[1:30])], FIRST)
    course = Course(STUDY, SCENARIOS, [])
    tasks = [task for _ in range(AHEAD) for task in ask(course, proposer)[0]]
    assert len(tasks) == 2 * STUDY.batch_size - 1
    for task in tasks:
        assert course.settle(lost(task) if task.trial.configuration == a else measured(task)) == []
    assert course.complete() is None
    course.give_up()
    given_up = [c for _ in range(AHEAD) if (batch := course.complete()) for c in batch.given_up]
    assert given_up == [a, a]


def test_attempts_are_numbered_after_those_in_the_store() -> None:
    proposer = Listed(batches(FINE), FIRST)
    tasks, _ = ask(Course(STUDY, SCENARIOS, []), proposer)
    before = [measured(tasks[0]), lost(tasks[1]), lost(Task(tasks[1].trial, 1)), lost(tasks[2])]
    tasks, copies = ask(Course(STUDY, SCENARIOS, before), proposer)
    assert copies == []
    assert [(task.trial.number, task.number) for task in tasks] == [(1, 2), (2, 1), (3, 0), (4, 0)]


def test_what_was_given_up_is_not_tried_again_once_a_later_batch_knew_of_it() -> None:
    """The batch after the next was proposed in the knowledge that trial 1 came to nothing."""
    proposer = Listed(batches(FINE), FIRST)
    course = Course(STUDY, SCENARIOS, [])
    first, _ = ask(course, proposer)
    second, _ = ask(course, proposer)
    kept = [lost(task) if task.trial.number == 1 else measured(task) for task in (*first, *second)]
    again, _ = ask(Course(STUDY, SCENARIOS, kept), proposer)
    assert [task.trial.number for task in again] == [1]
    for each in kept:
        course.settle(each)
    course.give_up()
    assert course.complete() == Batch(
        tuple(a for a in kept[:5] if a.settles), (first[1].trial.configuration,)
    )
    third, _ = ask(course, proposer)
    kept.append(measured(third[0]))
    taken_up = Course(STUDY, SCENARIOS, kept)
    tasks, _ = ask(taken_up, proposer)
    assert tasks == []
    batch = taken_up.complete()
    assert batch is not None
    assert batch.given_up == (first[1].trial.configuration,)


def test_a_proposer_that_has_nothing_left_ends_the_course() -> None:
    proposer = Listed(batches(FINE[:3]), FIRST)
    course = Course(STUDY, SCENARIOS, [])
    while not course.ended:
        tasks, _ = course.next_batch(proposer) if course.may_ask() else ([], [])
        for task in tasks:
            course.settle(measured(task))
        course.complete()
    assert course.settled == FIRST + 3
    assert not course.may_ask()


def test_a_store_with_other_trials_than_this_study_proposes_is_refused() -> None:
    course = Course(STUDY, SCENARIOS, [])
    tasks, _ = ask(course, Listed(batches(FINE), FIRST))
    other = Attempt(Trial(7, batches([2999])[0], "sampler"), 0, (), None, "", 0.0, 0.0)
    taken_up = Course(STUDY, SCENARIOS, [*map(measured, tasks), other])
    ask(taken_up, Listed(batches(FINE), FIRST))
    with pytest.raises(StoreError, match=r"trial 7 is 'fixed_batch .*max=2999' in the store"):
        ask(taken_up, Listed(batches(FINE), FIRST))


# -- what earlier studies measured --------------------------------------------------------------


def known(configuration: Configuration, *, scenarios: Sequence[str] = SCENARIOS, study: str = "old") -> Known:
    measurements = tuple((name, m) for name, m in landscape(configuration).measurements if name in scenarios)
    return Known(study, configuration, measurements)


@given(
    complete=st.lists(st.sampled_from(FINE[:20]), unique=True, max_size=8),
    partial=st.lists(st.sampled_from(FINE[20:40]), unique=True, max_size=8),
    budget=st.integers(1, 30),
)
@settings(max_examples=30)
def test_known_configurations_come_first_beyond_the_budget_and_parts_are_handed_on(
    complete: list[int], partial: list[int], budget: int
) -> None:
    value: Study = study(budget, batch_size=5, policies=["fixed_batch"])
    told = [known(each) for each in batches(complete)]
    told += [known(each, scenarios=SCENARIOS[1:]) for each in batches(partial)]
    proposer = Listed(batches(partial) + batches(FINE[40:]), FIRST + len(complete))
    course = Course(value, SCENARIOS, [], told)
    assert course.budget == budget + len(complete)
    trials: list[Trial] = []
    run: list[Task] = []
    while not course.ended:
        if course.may_ask():
            tasks, copies = course.next_batch(proposer)
            for each in copies:
                assert each.worker == "from old"
                assert each.measurements == landscape(each.trial.configuration).measurements
                course.settle(each)
            for task in tasks:
                course.settle(measured(task))
            run += tasks
            trials += [t.trial for t in tasks] + [c.trial for c in copies]
        course.complete()
    trials.sort(key=lambda trial: trial.number)
    assert [trial.number for trial in trials] == list(range(budget + len(complete)))
    start = min(FIRST, budget + len(complete))
    taken = [t for t in trials if t.origin == "from:old"]
    assert [t.configuration for t in taken] == batches(complete)[: len(taken)]
    assert [t.number for t in taken] == list(range(start, start + len(taken)))
    assert len(taken) == min(len(complete), max(budget + len(complete) - FIRST, 0))
    for task in run:
        of = {k.configuration: k.measurements for k in told}
        assert task.have == of.get(task.trial.configuration, ())


def test_what_an_earlier_study_measured_of_the_first_trials_is_taken_and_not_asked_twice() -> None:
    baseline = Course(STUDY, SCENARIOS, [])._first[0][1]
    course = Course(STUDY, SCENARIOS, [], [known(baseline)])
    assert course.budget == STUDY.budget.trials
    tasks, (copy,) = ask(course, Listed(batches(FINE), FIRST))
    assert copy.trial == Trial(0, baseline, "baseline")
    assert copy.worker == "from old"
    assert [task.trial.number for task in tasks] == [1, 2, 3, 4]


def test_what_lies_outside_the_study_is_known_but_not_told() -> None:
    """It cannot be chosen; it may still stand for a preset."""
    outside = Configuration.of("sheaf", {"capacity": 8, "flush_ms": 3})
    course = Course(STUDY, SCENARIOS, [], [known(outside)])
    assert course.budget == STUDY.budget.trials
    assert outside not in [configuration for _, configuration in course._first]


def test_scenarios_of_an_earlier_study_stand_in_this_ones_order_and_others_are_left_out(
    tmp_path: object,
) -> None:
    (a,) = batches(FINE[:1])
    of = dict(landscape(a).measurements)
    mixed = (
        ("elsewhere@vm-2cpu", of[SCENARIOS[0]]),
        (SCENARIOS[1], of[SCENARIOS[1]]),
        (SCENARIOS[0], of[SCENARIOS[0]]),
    )
    course = Course(STUDY, SCENARIOS, [], [Known("old", a, mixed)])
    copies: list[Attempt] = []
    for _ in range(AHEAD):
        copies += ask(course, Listed(batches(FINE[1:]), FIRST + 1))[1]
    assert copies[0].measurements == landscape(a).measurements


def test_a_warm_start_learns_what_the_earlier_study_measured_and_is_one_course(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("warm")
    old = study(40)
    _, attempts = sweep(old, place / "old")
    told = [Known("old", a.trial.configuration, a.measurements) for a in attempts if a.failure is None]
    measured_before = {k.configuration for k in told}
    warm = study(40, name="warm", seed=5)
    _, attempts = sweep(warm, place / "warm", known=told)
    table = trial_table(attempts)
    assert len(table) == Course(warm, SCENARIOS, [], told).budget > 40
    ran = {
        a.trial.configuration for a in attempts if not a.worker.startswith("from old") and a.worker != "store"
    }
    assert not ran & measured_before
    _, cold = sweep(warm, place / "cold")
    assert [row[0].configuration for row in table][-20:] != [
        row[0].configuration for row in trial_table(cold)
    ][-20:]
    _, again = sweep(warm, place / "again", known=told)
    assert trial_table(again) == table


# -- noisy backends -----------------------------------------------------------------------------


def native(**changes: object) -> Study:
    return study(30, **{"backend": "native", "batch_size": 4, **changes})


def run_through(
    value: Study, asked: Sequence[Configuration], stored: Sequence[Attempt] = ()
) -> list[Attempt]:
    """All that is run, in order; each takes 2 s."""
    course, proposer = Course(value, SCENARIOS, stored), Listed(asked, len(first_trials(value)))
    ran: list[Attempt] = []
    while not course.ended:
        if course.may_ask():
            tasks, copies = course.next_batch(proposer)
            for copy in copies:
                course.settle(copy)
            for task in tasks:
                made = Attempt(task.trial, task.number, (), None, "here", 0.0, 2.0)
                ran.append(made)
                for twin in course.settle(made):
                    course.settle(twin)
        else:
            assert course.complete() is not None
    return ran


A, B = batches([1000, 1001])


def test_what_is_asked_for_again_is_measured_again_where_there_is_noise() -> None:
    asked = (A, B, A, A)
    ours = [a.trial for a in run_through(native(), asked) if a.trial.configuration in (A, B)]
    assert [(t.configuration, t.origin) for t in ours] == [
        (A, SAMPLER),
        (B, SAMPLER),
        (A, REPEAT),
        (A, REPEAT),
    ]
    exact = run_through(study(40, batch_size=4), asked)
    assert [a.trial.configuration for a in exact if a.trial.configuration in (A, B)] == [A, B]


def test_repeats_are_repeats_when_a_study_is_taken_up_again_too() -> None:
    asked = (A, B, A, B, B)
    whole = run_through(native(), asked)
    for kept in range(len(whole)):
        again = run_through(native(), asked, whole[:kept])
        assert [a.trial for a in again] == [a.trial for a in whole[kept:]]


def test_native_time_ends_a_study_at_the_same_trial_whether_it_is_interrupted_or_not() -> None:
    asked = batches(range(1000, 1040))
    limited = native(budget={"trials": 40, "native_time_s": 20})
    whole = run_through(limited, asked)
    assert len(whole) == (3 + AHEAD - 1) * 4  # used up with the third batch, when the next one was under way
    for kept in (1, 6, 8, 13):
        assert run_through(limited, asked, whole[:kept]) == whole[kept:]
    larger = native(budget={"trials": 40, "native_time_s": 30})
    assert len(run_through(larger, asked, whole)) == 4

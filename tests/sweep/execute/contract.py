"""What every executor must do; inherit `ExecutorContract` and provide the fixtures `executor`, which is idle and
may have run other trials before, and `fresh`, which has run none."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sweep.execute import Executor
from sweep.execute.port import MAX_ATTEMPTS, Task
from sweep.trial import Attempt, Cause, Configuration, Trial
from tests.sweep.execute.evaluates import Trade, evidence

LONG_S = 60.0
"""Long enough for anything here on a busy machine."""


def tasks(*behaviours: str, start: int = 0) -> list[Task]:
    return [
        Task(Trial(number, Configuration.of("p", {"size": number + 1, "behave": behave}), "sampler"))
        for number, behave in enumerate(behaviours, start)
    ]


def collected(executor: Executor) -> Iterator[Attempt]:
    while attempts := executor.collect(LONG_S):
        yield from attempts


def run(executor: Executor, asked: Sequence[Task]) -> list[Attempt]:
    executor.submit(asked)
    return list(collected(executor))


def settled(attempts: list[Attempt]) -> dict[int, Attempt]:
    assert len({a.trial.number for a in attempts if a.settles}) == sum(a.settles for a in attempts)
    return {attempt.trial.number: attempt for attempt in attempts if attempt.settles}


class ExecutorContract:
    @pytest.fixture
    def evaluate(self, tmp_path: Path) -> Trade:
        return Trade(tmp_path)

    def test_every_trial_comes_back_once_with_what_was_measured(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        asked = tasks(*["well"] * 20)
        attempts = run(executor, asked)
        assert sorted((a.trial for a in attempts), key=lambda t: t.number) == [t.trial for t in asked]
        for attempt in attempts:
            assert attempt.failure is None
            assert attempt.number == 0
            assert attempt.worker
            assert attempt.started_s > 0
            assert attempt.elapsed_s >= 0
            assert attempt.measurements == evaluate(attempt.trial.configuration).measurements

    def test_nothing_to_do_is_done_at_once(self, fresh: Executor) -> None:
        assert fresh.collect() == []
        fresh.submit([])
        assert fresh.collect() == []
        assert fresh.all_busy() == 0

    def test_more_may_be_submitted_at_any_time(self, executor: Executor) -> None:
        attempts: list[Attempt] = []
        for batch in range(4):
            executor.submit(tasks(*["well"] * 5, start=5 * batch))
            attempts += executor.collect()
            assert attempts
        attempts += collected(executor)
        assert settled(attempts).keys() == set(range(20))
        assert len(attempts) == 20

    def test_submitting_does_not_wait_for_trials(self, executor: Executor, evaluate: Trade) -> None:
        slow = tasks(*["slow"] * 3)
        executor.submit(slow)
        assert sum(evaluate.ended(t.trial.configuration) for t in slow) == 0
        assert len(list(collected(executor))) == 3

    def test_collecting_waits_no_longer_than_told(self, executor: Executor) -> None:
        executor.submit(tasks(*["well"] * 3))
        attempts: list[Attempt] = []
        ends = time.monotonic() + LONG_S
        while len(attempts) < 3:
            attempts += executor.collect(0.0)
            assert time.monotonic() < ends
        assert len(attempts) == 3

    def test_what_was_measured_before_is_given_to_the_evaluation(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        (task,) = tasks("well")
        have = evaluate(task.trial.configuration).measurements[1:]
        (attempt,) = run(executor, [Task(task.trial, have=have)])
        assert attempt.measurements == evaluate(task.trial.configuration).measurements
        assert evaluate.measured(task.trial.configuration)[1] == "small"

    def test_evidence_comes_with_what_rests_on_it(self, executor: Executor, evaluate: Trade) -> None:
        """Of what is measured now, and of what was measured before; in the order of the measurements."""
        whole, half = tasks("noisy", "noisy")
        found = evaluate(half.trial.configuration)
        have = found.measurements[1:], (("large", evidence(77)),)
        attempts = settled(run(executor, [whole, Task(half.trial, 0, *have)]))
        assert attempts[0].evidence == (("small", evidence(1)), ("large", evidence(1)))
        assert attempts[1].evidence == (("small", evidence(2)), ("large", evidence(77)))
        assert attempts[1].spent.blocks == 79

    def test_a_configurations_own_failure_is_final_and_has_its_words(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        asked = tasks("well", "fails", "well")
        attempts = run(executor, asked)
        assert len(attempts) == 3
        failure = settled(attempts)[1].failure
        assert failure is not None
        assert failure.cause is Cause.CONFIGURATION
        assert failure.text == "more steps than the bound"
        assert evaluate.calls(asked[1].trial.configuration) == 1

    @pytest.mark.parametrize(
        ("behave", "cause"),
        [
            ("eats", Cause.OUT_OF_MEMORY),
            ("defect", Cause.ENVIRONMENT),
            ("no library", Cause.ENVIRONMENT),
        ],
    )
    def test_a_machines_failure_is_tried_again_and_never_settles(
        self, executor: Executor, behave: str, cause: Cause
    ) -> None:
        attempts = run(executor, tasks("well", behave, "well"))
        failed = [a for a in attempts if a.trial.number == 1]
        assert [a.number for a in failed] == list(range(MAX_ATTEMPTS))
        assert {a.failure.cause for a in failed if a.failure} == {cause}
        assert settled(attempts).keys() == {0, 2}

    def test_what_failed_once_comes_back_settled(self, executor: Executor) -> None:
        attempts = run(executor, tasks(*["well"] * 3, "defect_once", *["well"] * 3))
        assert [a.number for a in attempts if a.trial.number == 3] == [0, 1]
        assert settled(attempts).keys() == set(range(7))

    def test_attempts_are_numbered_after_those_of_earlier_runs(self, executor: Executor) -> None:
        well, eats = tasks("well", "eats")
        attempts = run(executor, [Task(well.trial, number=2), Task(eats.trial, number=5)])
        assert sorted((a.trial.number, a.number) for a in attempts) == [
            (0, 2),
            *((1, 5 + n) for n in range(MAX_ATTEMPTS)),
        ]

    def test_after_withdrawing_what_runs_comes_back_and_nothing_else_begins(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        asked = tasks(*["short"] * 400)
        executor.submit(asked)
        attempts = executor.collect()
        executor.withdraw()
        attempts += collected(executor)
        assert 1 <= len(attempts) < 400
        begun = [t.trial.number for t in asked if evaluate.calls(t.trial.configuration)]
        assert sorted(a.trial.number for a in attempts) == begun

    def test_after_withdrawing_failures_are_not_tried_again(self, executor: Executor) -> None:
        executor.submit(tasks("eats"))
        attempts = executor.collect()
        executor.withdraw()
        attempts += collected(executor)
        assert [a.number for a in attempts] in ([0], [0, 1])  # the second one may have begun already

    def test_after_withdrawing_more_may_be_submitted(self, executor: Executor) -> None:
        executor.submit(tasks(*["short"] * 100))
        executor.withdraw()
        before = list(collected(executor))
        assert len(before) < 100
        assert settled(run(executor, tasks(*["well"] * 5, start=100))).keys() == set(range(100, 105))

    def test_the_share_of_time_in_which_all_are_busy_is_told(self, executor: Executor) -> None:
        run(executor, tasks(*["well"] * 4))
        assert 0 <= executor.all_busy() <= 1
        time.sleep(0.3)
        at_end = executor.all_busy()
        time.sleep(0.1)
        assert executor.all_busy() == at_end  # what follows the last trial does not count

    def test_closing_twice_is_closing_once(self, fresh: Executor) -> None:
        fresh.close()
        fresh.close()

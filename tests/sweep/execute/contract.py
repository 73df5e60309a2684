"""What every executor must do; inherit `ExecutorContract` and provide the fixture `executor`."""

from pathlib import Path

import pytest

from sweep.execute import Executor
from sweep.execute.port import MAX_ATTEMPTS
from sweep.trial import Attempt, Cause, Configuration, Trial
from tests.sweep.execute.evaluates import Trade


def trials(*behaviours: str) -> list[Trial]:
    return [
        Trial(number, Configuration.of("p", {"size": number + 1, "behave": behave}), "sampler")
        for number, behave in enumerate(behaviours)
    ]


def settled(attempts: list[Attempt]) -> dict[int, Attempt]:
    return {attempt.trial.number: attempt for attempt in attempts if attempt.settles}


class ExecutorContract:
    @pytest.fixture
    def evaluate(self, tmp_path: Path) -> Trade:
        return Trade(tmp_path)

    def test_every_trial_comes_back_once_with_what_was_measured(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        asked = trials(*["well"] * 20)
        attempts = list(executor.run(asked))
        assert sorted((a.trial for a in attempts), key=lambda t: t.number) == asked
        for attempt in attempts:
            assert attempt.failure is None
            assert attempt.number == 0
            assert attempt.worker
            assert attempt.elapsed_s >= 0
            assert attempt.measurements == evaluate(attempt.trial.configuration)

    def test_nothing_to_do_is_done(self, executor: Executor) -> None:
        assert list(executor.run([])) == []

    def test_it_runs_one_batch_after_another(self, executor: Executor) -> None:
        for _ in range(3):
            assert len(list(executor.run(trials("well", "well")))) == 2

    def test_a_configurations_own_failure_is_final_and_has_its_words(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        asked = trials("well", "fails", "well")
        attempts = list(executor.run(asked))
        assert len(attempts) == 3
        failure = settled(attempts)[1].failure
        assert failure is not None
        assert failure.cause is Cause.CONFIGURATION
        assert failure.text == "more steps than the bound"
        assert evaluate.calls(asked[1].configuration) == 1

    @pytest.mark.parametrize(
        ("behave", "cause"), [("eats", Cause.OUT_OF_MEMORY), ("defect", Cause.ENVIRONMENT)]
    )
    def test_a_machines_failure_is_tried_again_and_never_settles(
        self, executor: Executor, behave: str, cause: Cause
    ) -> None:
        attempts = list(executor.run(trials("well", behave, "well")))
        failed = [a for a in attempts if a.trial.number == 1]
        assert [a.number for a in failed] == list(range(MAX_ATTEMPTS))
        assert {a.failure.cause for a in failed if a.failure} == {cause}
        assert settled(attempts).keys() == {0, 2}

    def test_attempts_are_numbered_after_those_of_earlier_runs(self, executor: Executor) -> None:
        attempts = list(executor.run(trials("well", "eats"), made_before={0: 2, 1: 5}))
        assert sorted((a.trial.number, a.number) for a in attempts) == [
            (0, 2),
            *((1, 5 + n) for n in range(MAX_ATTEMPTS)),
        ]

    def test_when_stopped_what_runs_comes_back_and_nothing_new_begins(
        self, executor: Executor, evaluate: Trade
    ) -> None:
        asked = trials(*["well"] * 40)
        seen: list[Attempt] = []
        for attempt in executor.run(asked, stop=lambda: len(seen) >= 3):
            seen.append(attempt)
        assert 3 <= len(seen) < 40
        begun = sum(evaluate.calls(trial.configuration) for trial in asked)
        assert begun == len(seen)

    def test_closing_twice_is_closing_once(self, executor: Executor) -> None:
        executor.close()
        executor.close()

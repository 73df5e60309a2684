"""The course of a study: batches of trials in the order of their numbers, what is settled, what is under way.

Bookkeeping only; nothing is run, kept or shown here. All of it follows from the study and the store, so a
course that was broken off is taken up by making it again from what the store holds.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import policies
from sweep.execute.port import Task
from sweep.propose import Proposer
from sweep.store.port import StoreError
from sweep.study import Study
from sweep.trial import REPEAT, SAMPLER, Attempt, Configuration, Evidence, Measurement, Spent, Trial

AHEAD = 2
"""Batches under way: the next is asked for while one is still running, so that no worker waits for the last
trial of a batch. So a proposer answers knowing all batches but the one before. A constant of the course:
another number would be another course."""

UNBOUNDED: Final = 10_000_000
"""Trials of a study that ends by something else."""

Measurements = tuple[tuple[str, Measurement], ...]

First = tuple[str, Configuration]
"""A trial that nobody proposes: its origin, and the configuration."""


@dataclass(frozen=True, slots=True)
class Known:
    """Something measured by an earlier study in scenarios that this one has too."""

    study: str
    configuration: Configuration
    measurements: Measurements
    evidence: tuple[tuple[str, Evidence], ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that has ended: its settled attempts, in the order of their numbers, and what machines failed as
    often as they may."""

    settled: tuple[Attempt, ...]
    given_up: tuple[Configuration, ...]


class Course:
    """Where a study stands between asking and telling."""

    def __init__(
        self,
        study: Study,
        scenarios: Sequence[str],
        stored: Sequence[Attempt],
        known: Sequence[Known] = (),
        clock: Callable[[], float] = time.monotonic,
        first: Sequence[First] | None = None,
    ) -> None:
        """scenarios: names, in order. stored: every attempt that the store holds. known: what earlier studies
        measured; where that is complete, it is told before anything is asked for, beyond the budget. first: other
        than first_trials()."""
        self._study, self._scenarios, self._clock = study, tuple(scenarios), clock
        self._first = list(first_trials(study) if first is None else first)
        space = study.space()
        complete = [k for k in known if self._is_complete(k) and k.configuration in space]
        listed = {configuration.key() for _, configuration in self._first}
        self._first += [
            (f"from:{k.study}", k.configuration) for k in complete if k.configuration.key() not in listed
        ]
        self._have = {k.configuration.key(): k for k in known}
        self.budget = (study.nr_trials or UNBOUNDED) + len(self._first) - len(listed)
        self.spent = Spent()
        """By batches that were told."""
        self._noisy = study.backend != "simulator"
        self._before: set[str] = set()  # configurations that were asked for, by key
        self._settled = {a.trial.number: a for a in stored if a.settles}
        self._made: dict[int, int] = {}
        for a in stored:
            self._made[a.trial.number] = max(a.number + 1, self._made.get(a.trial.number, 0))
        self._begun = max(self._made, default=-1) // study.batch_size
        self._same = {a.trial.configuration.key(): a for a in self._settled.values()}
        self._batches: deque[list[Trial]] = deque()
        self._open: deque[set[int]] = deque()
        """Of each batch under way, the trials that are waited for: running, or twins of one that is."""
        self._twins: dict[str, list[Trial]] = {}
        self._asked = 0
        self._exhausted = False
        self.reused = len(self._settled)
        self.ask_s = 0.0
        """Time that the last asking took, per trial."""
        self.trouble = ""
        """What a machine failed last."""

    @property
    def settled(self) -> int:
        """Trials that have ended."""
        return len(self._settled)

    @property
    def under_way(self) -> bool:
        """Whether a batch was asked for and not told yet."""
        return bool(self._batches)

    @property
    def ended(self) -> bool:
        """Whether everything was asked for and told."""
        return not self._batches and self._is_over

    # -- asking --

    def may_ask(self) -> bool:
        """Whether it is time for the next batch."""
        return len(self._batches) < AHEAD and not self._is_over

    @property
    def _is_over(self) -> bool:
        # What is spent counts when it is told, so a study that is taken up again ends at the same trial.
        return self._exhausted or self._asked >= self.budget or self._study.share(self.spent) >= 1

    def next_batch(self, proposer: Proposer) -> tuple[list[Task], list[Attempt]]:
        """The next batch: what has to be run of it, and attempts that are copies of what is known.

        What the store has complete is not asked for again. Raises StoreError if the store holds another
        course than this study proposes.
        """
        numbers = range(self._asked, min(self._asked + self._study.batch_size, self.budget))
        trials = self._stored(numbers) or self._ask(numbers, proposer)
        self._exhausted = len(trials) < len(numbers)
        self._asked += len(trials)
        self._before.update(trial.configuration.key() for trial in trials)
        if not trials:
            return [], []
        self._batches.append(trials)
        self._open.append(set())
        if self._begun >= trials[0].number // self._study.batch_size + AHEAD:
            # The batch after the next was begun, so this one had ended: what was tried and is not settled was
            # given up. What has no attempt was lost from the store, and is measured again.
            trials = [trial for trial in trials if trial.number not in self._made]
        return self._sort(trials)

    def _stored(self, numbers: range) -> list[Trial]:
        if all(number in self._settled for number in numbers):
            return [self._settled[number].trial for number in numbers]
        return []

    def _ask(self, numbers: range, proposer: Proposer) -> list[Trial]:
        head = [Trial(n, self._first[n][1], self._first[n][0]) for n in numbers if n < len(self._first)]
        rest = [n for n in numbers if n >= len(self._first)]
        asked: list[Configuration] = []
        if rest:
            pending = [trial.configuration for batch in (*self._batches, head) for trial in batch]
            began = self._clock()
            asked = proposer.ask(rest, pending)
            self.ask_s = (self._clock() - began) / len(rest)
        trials = [*head, *self._named(rest, asked)]
        for trial in trials:
            stored = self._settled[trial.number].trial if trial.number in self._settled else trial
            if stored.configuration != trial.configuration:
                raise StoreError(
                    f"trial {trial.number} is '{stored.configuration}' in the store, but this study proposes "
                    f"'{trial.configuration}': the store was made by another version; launch under another "
                    "name (--set name=...), with --from to take what was measured"
                )
        return trials

    def _named(self, numbers: Sequence[int], asked: Sequence[Configuration]) -> Iterator[Trial]:
        before = set(self._before)
        for number, configuration in zip(numbers, asked, strict=False):
            known = configuration.key() in before
            yield Trial(number, configuration, REPEAT if self._noisy and known else SAMPLER)
            before.add(configuration.key())

    def _sort(self, trials: Sequence[Trial]) -> tuple[list[Task], list[Attempt]]:
        """A configuration that was measured, or is being measured, is not measured again, but for repeats, by
        which a noisy one gets better known."""
        tasks, copies = [], []
        for trial in trials:
            key = trial.configuration.key()
            if trial.number in self._settled:
                continue
            if trial.origin == REPEAT:
                tasks.append(Task(trial, self._made.get(trial.number, 0)))
                self._open[-1].add(trial.number)
            elif key in self._same:
                copies.append(self._copy(self._same[key], trial))
            elif key in self._twins:
                self._twins[key].append(trial)
                self._open[-1].add(trial.number)
            elif key in self._have and self._is_complete(self._have[key]):
                copies.append(self._taken(self._have[key], trial))
            else:
                known = self._have.get(key)
                have, evidence = (known.measurements, known.evidence) if known else ((), ())
                tasks.append(Task(trial, self._made.get(trial.number, 0), have, evidence))
                self._open[-1].add(trial.number)
                self._twins[key] = []
        return tasks, copies

    # -- settling --

    def settle(self, attempt: Attempt) -> list[Attempt]:
        """An attempt has ended; the copies of it that other trials get."""
        number, key = attempt.trial.number, attempt.trial.configuration.key()
        self._made[number] = attempt.number + 1
        if not attempt.settles:
            self.trouble = attempt.failure.text if attempt.failure else ""
            return []
        self._settled[number] = attempt
        for waited_for in self._open:
            waited_for.discard(number)
        self._same.setdefault(key, attempt)
        return [self._copy(attempt, twin) for twin in self._twins.pop(key, [])]

    def give_up(self) -> None:
        """The executor has nothing left: what is not settled was given up, or withdrawn."""
        for waited_for in self._open:
            waited_for.clear()
        self._twins.clear()

    def complete(self) -> Batch | None:
        """The oldest batch, if it has ended."""
        if not self._batches or self._open[0]:
            return None
        self._open.popleft()
        trials = self._batches.popleft()
        settled = tuple(self._settled[t.number] for t in trials if t.number in self._settled)
        self.spent = sum((attempt.spent for attempt in settled), self.spent)
        return Batch(settled, tuple(t.configuration for t in trials if t.number not in self._settled))

    def _copy(self, first: Attempt, trial: Trial) -> Attempt:
        made = self._made.get(trial.number, 0)
        return replace(first, trial=trial, number=made, worker="store", started_s=0.0, elapsed_s=0.0)

    def _taken(self, known: Known, trial: Trial) -> Attempt:
        of, rests_on = dict(known.measurements), dict(known.evidence)
        measurements = tuple((name, of[name]) for name in self._scenarios)
        evidence = tuple((name, rests_on[name]) for name in self._scenarios if name in rests_on)
        made = self._made.get(trial.number, 0)
        return Attempt(trial, made, measurements, None, f"from {known.study}", 0.0, 0.0, evidence)

    def _is_complete(self, known: Known) -> bool:
        return set(self._scenarios) <= {name for name, _ in known.measurements}


def first_trials(study: Study) -> list[First]:
    """The baseline (trial 0, to which all are compared), what kernels do, and every policy of the study
    as it is when nothing is set; each configuration once. On a ladder the simulator has shown which of the last
    are worth it. What needs type-stable memory is left out where there is none."""
    space = study.space()
    candidates = [("baseline", policies.BASELINE, policies.policy(policies.BASELINE).defaults())]
    for preset in policies.presets().values():
        if policies.policy(preset.policy).typesafe and study.how_native().allocator != "slab":
            continue
        complete = policies.policy(preset.policy).validate(dict(preset.params))
        candidates.append((f"preset:{preset.name}", preset.policy, complete))
    found: dict[str, First] = {}
    for origin, policy, params in candidates:
        configuration = Configuration.of(policy, params)
        known = found.get(configuration.key())
        if known and origin.startswith("preset:") and known[0] != "baseline":
            origin = f"{known[0]}, {origin.removeprefix('preset:')}"
        elif known:
            continue
        found[configuration.key()] = (origin, configuration)
    for name in space.policies if study.ladder is None else ():
        configuration = space.start(name)
        found.setdefault(configuration.key(), ("default", configuration))
    return list(found.values())

"""Samplers that model what was observed: Optuna's TPE and Gaussian process, on one policy at a time.

Both look at parameters that trials have in common. So the policy is chosen first, and the model sees what is
known of it; with TPE, good and bad are judged among all policies.

Bergstra, Bardenet, Bengio and Kegl, "Algorithms for hyper-parameter optimization", 2011 (TPE); Ozaki, Tanigaki,
Watanabe and Onishi, "Multiobjective tree-structured Parzen estimator", 2022.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from random import Random
from typing import Final, Literal, TypeAlias

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from sweep.propose.elite import Selection
from sweep.propose.genome import Axis, Genes, Genome
from sweep.propose.individual import Individual, front
from sweep.propose.memory import Learning
from sweep.propose.space import Space
from sweep.propose.unseen import Point, Unseen
from sweep.trial import Configuration

Model: TypeAlias = Literal["tpe", "gp"]

_MODELLED: Final[dict[Model, int]] = {"tpe": 100, "gp": 30}
"""Trials that the model sees, for each of: the best of all, and the last ones."""
_DRAWS: Final[dict[Model, int]] = {"tpe": 5, "gp": 1}
"""Asked of the model until one is new; then it is left to chance."""
_LEAST = 4  # trials of a policy before its model is asked
_EXPLORE = 0.15  # of the trials: a policy that may have more to give, whatever the model says


class ModelProposer(Learning):
    """First each policy's starting points, then what the model expects most of.

    The model sees a bounded part of the history: the best that a selection keeps, and the last ones (see
    `_MODELLED`). What is pending, it sees with the worst values known: so it does not ask for the same
    neighbourhood again and again (a constant liar).
    """

    def __init__(self, model: Model, space: Space, nr_objectives: int, seed: int, reference: float) -> None:
        """Raises ValueError where the model's library is missing."""
        if model == "gp" and importlib.util.find_spec("torch") is None:
            raise ValueError(
                "sampler gp needs PyTorch, which is not installed: pip install torch (its CPU build is enough), "
                "or choose another sampler"
            )
        self._model = model
        super().__init__(space, nr_objectives, seed, reference)
        self._size = _MODELLED[model]
        self._selection = Selection(self._size, nr_objectives)
        self._best: dict[Point, Individual] = {}
        self._last: dict[Point, Individual] = {}

    def _learn(self, individual: Individual) -> None:
        point = individual.policy, individual.genes
        if point in self._best:
            self._best[point] = individual
            return
        self._last[point] = individual
        if len(self._last) == 2 * self._size:
            kept = self._selection.best([*self._best.values(), *self._last.values()])
            self._best = {(each.policy, each.genes): each for each in kept}
            last = list(self._last.items())[self._size :]
            self._last = {point: each for point, each in last if point not in self._best}

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        unseen = self._seen.unseen(pending)
        known = [*self._best.values(), *self._last.values()]
        best = front(known)
        hopeful = self._race.hopeful([each.values for each in best])
        answers = self._start.next(len(numbers), hopeful, unseen)
        if len(answers) == len(numbers):
            return answers
        view = _View(self._model, self._nr_objectives, self._genome, known)
        for each in (*pending, *answers):
            view.lie(each)
        for number in numbers[len(answers) :]:
            if not unseen.policies():
                break
            answer = self._modelled(Random(f"{self._seed}/{number}"), view, best, hopeful, unseen)
            view.lie(answer)
            answers.append(answer)
        return answers

    def _modelled(
        self, random: Random, view: _View, best: Sequence[Individual], hopeful: set[str], unseen: Unseen
    ) -> Configuration:
        # The policy as the front has it: what a density of good trials over policies comes to.
        policies = [each.policy for each in best if unseen.left(each.policy)]
        if not policies or random.random() < _EXPLORE:
            return unseen.drawn(self._race.draw(hopeful, unseen, random), random)
        policy = random.choice(policies)
        if not view.knows(policy):
            return unseen.drawn(policy, random)
        draws = iter(range(_DRAWS[self._model]))

        def draw() -> Genes:
            modelled = next(draws, None) is not None
            return view.sample(policy, random) if modelled else self._genome.drawn(policy, random)

        return unseen.first(policy, draw, random)


class _View:
    """Optuna studies for one batch: what the model sees, and lies about what is pending."""

    def __init__(self, model: Model, nr_objectives: int, genome: Genome, known: Sequence[Individual]) -> None:
        self._model = model
        self._nr_objectives = nr_objectives
        self._genome = genome
        self._known = known
        self._studies: dict[str, optuna.Study] = {}
        self._lies: list[Individual] = []
        self._worst: dict[str | None, tuple[float, ...]] = {}
        for policy in (None, *genome.axes):
            values = [each.values for each in known if policy in (None, each.policy)]
            if len(values) > 1:
                self._worst[policy] = tuple(map(max, *values))
        self._spaces = {
            policy: {axis.name: _distribution(axis) for axis in axes if axis.length > 1}
            for policy, axes in genome.axes.items()
        }

    def knows(self, policy: str) -> bool:
        """Whether there is enough to model, and something to choose."""
        return bool(self._spaces[policy]) and sum(e.policy == policy for e in self._known) >= _LEAST

    def lie(self, configuration: Configuration) -> None:
        """That it was measured, and is as bad as the worst: of all with TPE, which only ranks; of the policy with
        a Gaussian process, whose scale another policy's values would spoil."""
        genes = self._genome.genes(configuration)
        policy = None if self._model == "tpe" else configuration.policy
        if genes is None or policy not in self._worst:
            return
        lie = Individual(configuration.policy, genes, self._worst[policy], 0.0)
        self._lies.append(lie)
        for policy, study in self._studies.items():
            if self._model == "tpe" or policy == lie.policy:
                study.add_trial(self._trial(lie))

    def sample(self, policy: str, random: Random) -> Genes:
        """What the model expects most of."""
        study = self._study(policy)
        space = {_gene(policy, name): each for name, each in self._spaces[policy].items()}
        seed = random.getrandbits(32)
        sampler: optuna.samplers.BaseSampler
        if self._model == "tpe":
            sampler = optuna.samplers.TPESampler(
                seed=seed, multivariate=True, constant_liar=False, n_startup_trials=_LEAST
            )
        else:
            sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=_LEAST)
        trial = study.ask()
        asked = study.get_trials(deepcopy=False)[trial.number]
        values = sampler.sample_relative(study, asked, space)
        study.tell(trial, state=TrialState.FAIL)
        genes = [
            int(values[_gene(policy, axis.name)]) - axis.first if axis.length > 1 else 0
            for axis in self._genome.axes[policy]
        ]
        return self._genome.canonical(policy, genes)

    def _study(self, policy: str) -> optuna.Study:
        """One for all with TPE, which splits good from bad among all policies; one for each with a Gaussian
        process, which needs every parameter of every trial."""
        of_all = self._model == "tpe"
        key = "" if of_all else policy
        if key not in self._studies:
            study = optuna.create_study(directions=["minimize"] * self._nr_objectives)
            seen = [e for e in (*self._known, *self._lies) if of_all or e.policy == policy]
            study.add_trials([self._trial(each) for each in seen])
            self._studies[key] = study
        return self._studies[key]

    def _trial(self, individual: Individual) -> FrozenTrial:
        policy = individual.policy
        return optuna.trial.create_trial(
            state=TrialState.COMPLETE,
            values=individual.values,
            params={
                _gene(policy, axis.name): gene + axis.first
                for axis, gene in zip(self._genome.axes[policy], individual.genes, strict=True)
                if axis.length > 1
            },
            distributions={_gene(policy, name): each for name, each in self._spaces[policy].items()},
            constraints={"excess": individual.excess},
        )


def _gene(policy: str, name: str) -> str:
    return f"{policy}.{name}"


def _distribution(axis: Axis) -> BaseDistribution:
    if not axis.ordered:
        return CategoricalDistribution(tuple(range(axis.length)))
    return IntDistribution(axis.first, axis.first + axis.length - 1, log=axis.log)

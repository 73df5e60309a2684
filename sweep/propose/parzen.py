"""Children of the few best, of which the most promising is run: where good trials are dense and others are not.

A tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kegl, "Algorithms for hyper-parameter
optimization", 2011; for several objectives Ozaki, Tanigaki, Watanabe and Onishi, 2022) that works within policies,
on a bounded part of the history, and does without what would only repeat a result (`echo.py`). Much of what it
does better than a model of the objectives is to keep going where little was tried: the largest of a few stalls
jumps from one setting to the next.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np

from sweep.propose.echo import Floats, echo, inertness
from sweep.propose.genome import Axis, Genes, Genome
from sweep.propose.individual import Individual, front
from sweep.propose.memory import Learning
from sweep.propose.pool import Pool
from sweep.propose.space import Space
from sweep.propose.spread import spread
from sweep.propose.unseen import Unseen
from sweep.trial import Configuration

_POOL = 64  # the front is looked for among twice as many
_WINDOW = 64  # trials of a policy that are looked at: the last ones
_PAIRED = 32  # of them, those whose results are compared with each other
_GOOD = 0.1  # of the trials: those that children are bred from
_LEAST_GOOD = 4
_EXPLORE = 0.15  # of the trials: of a policy that may have more to give, wherever little was tried
_CHILDREN = 32  # of which one is run
_WIDTH = 0.2  # of a kernel, as a part of a parameter's scale, where one trial is known
_PRIOR = 0.5  # trials that a density which is the same everywhere counts for


class Parzen(Learning):
    """First each policy's starting points, then children of the best.

    What is kept of the history is a pool, the last trials of each policy, its best values, and what was
    observed, as points.
    """

    per_parameter, at_most = 1, 2

    def __init__(self, space: Space, nr_objectives: int, seed: int, reference: float) -> None:
        super().__init__(space, nr_objectives, seed, reference)
        self._pool = Pool(_POOL, nr_objectives)
        self._last: dict[str, dict[Genes, Individual]] = {policy: {} for policy in space.policies}

    def _learn(self, individual: Individual) -> None:
        self._pool.add(individual)
        last = self._last[individual.policy]
        last[individual.genes] = individual
        if len(last) > _WINDOW:
            del last[next(iter(last))]

    def ask(self, numbers: Sequence[int], pending: Sequence[Configuration] = ()) -> list[Configuration]:
        unseen = self._seen.unseen(pending)
        known = self._pool.everybody()
        best = front(known)
        hopeful = self._race.hopeful([each.values for each in best])
        answers = self._start.next(len(numbers), hopeful, unseen)
        if len(answers) == len(numbers):
            return answers
        good = spread(best, max(_LEAST_GOOD, math.ceil(_GOOD * len(known))), self._reference)
        view = _View(self._genome, self._last, good)
        for each in (*pending, *answers):
            view.add(each)
        for number in numbers[len(answers) :]:
            if not unseen.policies():
                break
            random = Random(f"{self._seed}/{number}")
            parents = [
                policy for policy in dict.fromkeys(each.policy for each in good) if unseen.left(policy)
            ]
            explores = not parents or random.random() < _EXPLORE
            policy = self._race.draw(hopeful, unseen, random) if explores else view.parent(parents, random)
            answer = view.child(policy, unseen, random, blindly=explores)
            view.add(answer)
            answers.append(answer)
        return answers


class _View:
    """What is known of each policy, for one batch."""

    def __init__(
        self, genome: Genome, last: Mapping[str, Mapping[Genes, Individual]], good: Sequence[Individual]
    ) -> None:
        self._genome = genome
        self._last = last
        self._good: dict[str, list[Genes]] = defaultdict(list)
        for each in good:
            self._good[each.policy].append(each.genes)
        self._pending: dict[str, list[Genes]] = defaultdict(list)
        self._policies: dict[str, _Known] = {}

    def add(self, configuration: Configuration) -> None:
        """It is pending."""
        genes = self._genome.genes(configuration)
        if genes is None:
            return
        self._pending[configuration.policy].append(genes)
        if configuration.policy in self._policies:
            self._policies[configuration.policy].add(genes)

    def _of(self, policy: str) -> _Known:
        if policy not in self._policies:
            known = _Known(self._genome.axes[policy], self._last[policy], self._good[policy])
            for genes in self._pending[policy][-_WINDOW:]:
                known.add(genes)
            self._policies[policy] = known
        return self._policies[policy]

    def parent(self, policies: Sequence[str], random: Random) -> str:
        """The policy of one of the good of these; the less was tried around it, the more likely."""
        weights = [self._of(policy).room for policy in policies]
        return random.choices(policies, weights)[0]

    def child(self, policy: str, unseen: Unseen, random: Random, *, blindly: bool) -> Configuration:
        """The most promising of some children that are left; it is taken.

        blindly: as if nothing good were known of the policy.
        """
        known = self._of(policy)
        good = [] if blindly or not known.free else self._good[policy]
        children: dict[Genes, None] = {}
        for _ in range(_CHILDREN if known.free else 0):
            bred = good and random.random() * (len(good) + _PRIOR) < len(good)
            genes = known.near(random.choice(good), random) if bred else None
            child = self._genome.canonical(policy, genes) if genes else self._genome.drawn(policy, random)
            if (policy, child) in unseen:
                children[child] = None
        if not children:
            return unseen.drawn(policy, random)
        return unseen.take((policy, known.best(list(children), blindly=not good)))


class _Known:
    """What was tried of one policy, as coordinates of its free parameters."""

    def __init__(self, axes: Sequence[Axis], last: Mapping[Genes, Individual], good: Sequence[Genes]) -> None:
        self._axes = axes
        self.free = [place for place, axis in enumerate(axes) if axis.length > 1]
        lengths = [axes[place].length for place in self.free]
        # Two values, and values without an order, are equally far from each other.
        self._apart = np.array([not axes[place].ordered or axes[place].length == 2 for place in self.free])
        narrow = _WIDTH * (len(last) + 1) ** (-1 / (len(self.free) + 4))  # Scott's rule
        self._width = np.maximum(narrow, [0.35 / length for length in lengths])
        self._near = np.maximum(_WIDTH, [0.35 / length for length in lengths])
        self._tried = self._points(list(last))
        chosen = set(good)
        self._others = self._points([genes for genes in last if genes not in chosen])
        values = np.array([each.values for each in last.values()])[-_PAIRED:]
        self._good = self._points(good)
        self._crowd = 1 + self._kernels(self._good, self._tried, self._near).sum(axis=1)
        self._inert = inertness(self._tried[-_PAIRED:], values)

    def _points(self, genes: Sequence[Genes]) -> Floats:
        rows = [[self._axes[place].coordinate(each[place]) for place in self.free] for each in genes]
        return np.array(rows, dtype=float).reshape(len(genes), len(self.free))

    def add(self, genes: Genes) -> None:
        """It is pending: not good, until it is known."""
        point = self._points([genes])
        self._crowd = self._crowd + self._kernels(self._good, point, self._near)[:, 0]
        self._tried = np.concatenate((self._tried, point))[-2 * _WINDOW :]
        self._others = np.concatenate((self._others, point))[-2 * _WINDOW :]

    @property
    def room(self) -> float:
        """How many are good, each counted the less, the more was tried around it."""
        return float((1 / self._crowd).sum())

    def near(self, genes: Genes, random: Random) -> list[int]:
        """A draw from the kernel that stands on these."""
        moved = list(genes)
        for place, width, apart in zip(self.free, self._width, self._apart, strict=True):
            axis = self._axes[place]
            if not apart:
                moved[place] = axis.at(axis.coordinate(genes[place]) + random.gauss(0, float(width)))
            elif random.random() < _WIDTH:
                moved[place] = random.randrange(axis.length)
        return moved

    def best(self, children: list[Genes], *, blindly: bool) -> Genes:
        """Where the good are dense, the others are not, and a result would be new."""
        points = self._points(children)
        flat = _PRIOR * min(1.0, float(np.prod(math.sqrt(2 * math.pi) * self._width)))
        odds = 1 / self._density(points, self._others, flat)
        if not blindly:
            odds *= self._density(points, self._good, flat)
        return children[int((odds * (1 - echo(points, self._tried, self._inert))).argmax())]

    def _density(self, points: Floats, known: Floats, flat: float) -> Floats:
        kernels = self._kernels(points, known, self._width).sum(axis=1)
        density: Floats = (kernels + flat) / (len(known) + _PRIOR)
        return density

    def _kernels(self, points: Floats, known: Floats, width: Floats) -> Floats:
        steps = np.abs(points[:, None] - known[None])
        steps = np.where(self._apart, np.where(steps > 0, 0.5, 0.0), steps)
        steps /= width
        kernels: Floats = np.exp(-0.5 * np.einsum("ijk,ijk->ij", steps, steps))
        return kernels

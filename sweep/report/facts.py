"""What a report says, as values: everything counted, compared and measured; no words of a page, no drawing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import policies
from sweep import pareto
from sweep.backends.evaluator import Scenario
from sweep.machine import Machine
from sweep.recommend import recommended
from sweep.report.bench import Bench
from sweep.report.evidence import Evidence
from sweep.report.importance import Importance, importance
from sweep.report.path import Step, path
from sweep.standing import REFERENCE, SIMULATED, Point, Standing
from sweep.study import Study
from sweep.trial import Configuration, Measurement

KEY_METRICS: Final = (
    "exit_latency_ns.p99",
    "exit_latency_ns.mean",
    "exit_ns_per_object.mean",
    "munmap_latency_ns.p99",
    "retained_bytes.mean",
    "retained_bytes.peak",
    "pinned_slab_bytes.peak",
    "dead_age_ns.p99",
    "cpu_ns_per_object",
    "max_stall_ns",
    "callbacks",
    "wakeups",
)
"""Shown beside the objectives and what is constrained; the others on demand."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What kernels do today. name: `Linux 6.4-6.14`; presets: their names."""

    name: str
    presets: str
    point: Point
    caveat: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric over all scenarios. times_baseline: the recommendation's ratio to the baseline, the mean over
    scenarios (the largest under `worst`); kernels: theirs; times_kernels: the first divided by each of these.
    (The mean of ratios to a kernel itself would be one scenario's in which that kernel has next to nothing.)
    None where a divisor is 0. scenarios: those that count, in which the baseline's is not 0."""

    metric: str
    scenarios: int
    times_baseline: float | None
    kernels: tuple[float | None, ...]
    times_kernels: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A scenario. front: its own, of what keeps the constraints in it. specialist: what would be recommended
    if this scenario were all; its ratios are by scenario, as in `ratios`. elsewhere: scenarios in which the
    specialist breaks a constraint."""

    index: int
    scenario: Scenario
    baseline: Measurement | None
    recommended: Measurement | None
    ratios: tuple[float, ...]
    best: tuple[float, ...]
    regret: tuple[float, ...]
    front: tuple[Point, ...]
    specialist: Point | None
    specialist_ratios: tuple[float, ...]
    elsewhere: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """How many configurations of a policy break a constraint, in which scenarios, and one of them."""

    policy: str
    constraint: str
    configurations: int
    scenarios: tuple[str, ...]
    example: Configuration
    value: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Configurations of a policy that could not be measured, by their reason."""

    policy: str
    reason: str
    configurations: int
    example: Configuration


@dataclass(frozen=True, slots=True)
class PolicyBest:
    """What a policy comes to by itself. best: what would be recommended if there were no other policy, or what is.
    share: of the study's hypervolume, that it alone reaches."""

    policy: str
    configurations: int
    feasible: int
    best: Point | None
    share: float
    on_front: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A machine and how much of it is guessed. guesses: names of the entries."""

    machine: Machine
    unit_costs: int
    guessed_costs: int
    guesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """All of a report. course: (trials, hypervolume). metrics: what is compared, objectives first."""

    study: Study
    scenarios: tuple[Scenario, ...]
    standing: Standing
    evidence: Evidence
    course: tuple[tuple[int, float], ...]
    metrics: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    overall: tuple[Compared, ...]
    places: tuple[Place, ...]
    path: tuple[Step, ...]
    rejected: tuple[Rejected, ...]
    failed: tuple[Failed, ...]
    importance: tuple[Importance, ...]
    policies: tuple[PolicyBest, ...]
    profiles: tuple[Profile, ...]
    origins: tuple[tuple[str, int], ...]


def gather(
    study: Study,
    scenarios: Sequence[Scenario],
    standing: Standing,
    course: Sequence[tuple[int, float]],
    evidence: Evidence,
    bench: Bench,
) -> Facts:
    """Everything; what the path needs beyond the study's trials is measured."""
    bounded = [bound.metric for bound in study.bounds()]
    metrics = tuple(dict.fromkeys((*standing.objectives, *bounded, *KEY_METRICS)))
    kernels = tuple(_kernels(standing))
    profiles = {s.machine.name: s.machine for s in scenarios}
    space = study.space()
    chosen = [p for p in standing.points if p.trial.configuration in space]
    trials = [*(p.trial for p in standing.points), *(a.trial for a in standing.failed)]
    kinds = Counter(_kind(trial.origin) for trial in trials)
    return Facts(
        study=study,
        scenarios=tuple(scenarios),
        standing=standing,
        evidence=evidence,
        course=tuple(course),
        metrics=metrics,
        kernels=kernels,
        overall=tuple(compare(standing, kernels, name) for name in metrics) if standing.recommended else (),
        places=tuple(_place(standing, chosen, index, s) for index, s in enumerate(scenarios)),
        path=path(standing, bench) if standing.level == SIMULATED else (),
        rejected=_rejected(standing),
        failed=_failed(standing),
        importance=importance(standing),
        policies=_policies(space.policies, standing, chosen),
        profiles=tuple(_profile(machine) for machine in profiles.values()),
        origins=tuple(sorted(kinds.items())),
    )


# -- what it is compared with --


def _kernels(standing: Standing) -> list[Kernel]:
    found = []
    for point in standing.by_origin("preset:"):
        presets = [policies.presets().get(n) for n in point.trial.origin.removeprefix("preset:").split(", ")]
        released = [p for p in presets if p is not None and p.kernels]
        if not released:
            continue
        first, last = released[0].kernels.split("-")[0], released[-1].kernels.split("-")[-1]
        span = f"{first}–{last}" if last else f"{first} and later"
        names = ", ".join(p.name for p in released)
        found.append(Kernel(f"Linux {span}", names, point, revalidation(point.trial.configuration)))
    return found


def moments(course: Sequence[tuple[int, float]], number: int) -> list[tuple[int, float]]:
    """About that many of them, evenly picked, the last among them."""
    if not course:
        return []
    step = -(-len(course) // number)
    return [*course[: len(course) - 1 : step], course[-1]]


def revalidation(configuration: Configuration) -> str:
    """What a type-stable cache costs its readers is in no figure; nothing for other policies."""
    if policies.policy(configuration.policy).typesafe:
        return "readers pay for revalidation, which is in no figure"
    return ""


def compare(standing: Standing, kernels: Sequence[Kernel], metric: str) -> Compared:
    """That metric of the recommendation, the baseline and the kernels."""
    best, baseline = standing.recommended, standing.baseline
    assert best is not None
    assert baseline is not None

    # Of an objective the judge takes at least one unit for the baseline's.
    floor = 1.0 if metric in standing.objectives else 0.0
    divisors = [max(m.get(metric), floor) for _, m in baseline.measurements]

    def over(point: Point) -> float | None:
        pairs = zip(point.measurements, divisors, strict=True)
        paired = {s: e.ratio(metric) for s, e in point.evidence if point is not baseline}
        ratios = [
            each.value if (each := paired.get(s)) else m.get(metric) / divisor
            for (s, m), divisor in pairs
            if divisor
        ]
        if not ratios:
            return None
        return max(ratios) if standing.combine == "worst" else sum(ratios) / len(ratios)

    mine, theirs = over(best), tuple(over(k.point) for k in kernels)
    quotients = tuple(mine / other if mine is not None and other else None for other in theirs)
    return Compared(metric, sum(map(bool, divisors)), mine, theirs, quotients)


# -- scenarios --


def _place(standing: Standing, chosen: Sequence[Point], index: int, scenario: Scenario) -> Place:
    """chosen: points that the study may choose."""
    best, baseline = standing.recommended, standing.baseline
    eligible = [p for p in chosen if all(b.scenario != scenario.name for b in p.broken)]
    front = _front(eligible, [p.scenario_ratios[index] for p in eligible])
    specialist, _ = recommended(front, [p.scenario_ratios[index] for p in front], REFERENCE["mean"])
    ratios = best.scenario_ratios[index] if best else ()
    leasts = standing.best[index] if standing.best else ()
    return Place(
        index=index,
        scenario=scenario,
        baseline=baseline.measurements[index][1] if baseline else None,
        recommended=best.measurements[index][1] if best else None,
        ratios=ratios,
        best=leasts,
        regret=tuple(ratio - least for ratio, least in zip(ratios, leasts, strict=True)) if best else (),
        front=tuple(front),
        specialist=specialist,
        specialist_ratios=specialist.scenario_ratios[index] if specialist else (),
        elsewhere=tuple(sorted({b.scenario for b in specialist.broken})) if specialist else (),
    )


def _front(points: Sequence[Point], values: Sequence[Sequence[float]]) -> list[Point]:
    """What no other dominates. Of two objectives in one pass over the sorted points: there is a front for
    each scenario and policy."""
    if values and len(values[0]) > 2:
        return [points[i] for i in pareto.non_dominated(values)]
    front, least = [], float("inf")
    for i in sorted(range(len(points)), key=lambda i: (tuple(values[i]), i)):
        if values[i][1] < least:
            front.append(points[i])
            least = values[i][1]
    return front


# -- what was not good enough --


def _rejected(standing: Standing) -> tuple[Rejected, ...]:
    found: dict[tuple[str, str], dict[Configuration, list[tuple[str, str]]]] = defaultdict(dict)
    for point in standing.points:
        configuration = point.trial.configuration
        for broken in point.broken:
            by_configuration = found[configuration.policy, broken.constraint]
            by_configuration.setdefault(configuration, []).append((broken.scenario, broken.value))
    return tuple(
        Rejected(
            policy,
            constraint,
            len(those),
            tuple(dict.fromkeys(scenario for broken in those.values() for scenario, _ in broken)),
            *_example(those),
        )
        for (policy, constraint), those in sorted(found.items())
    )


def _example(those: dict[Configuration, list[tuple[str, str]]]) -> tuple[Configuration, str]:
    configuration, broken = next(iter(those.items()))
    scenario, value = broken[0]
    return configuration, f"{value} in {scenario}"


def _failed(standing: Standing) -> tuple[Failed, ...]:
    found: dict[tuple[str, str], list[Configuration]] = defaultdict(list)
    for attempt in standing.failed:
        reason = attempt.failure.text if attempt.failure else ""
        found[attempt.trial.configuration.policy, reason].append(attempt.trial.configuration)
    return tuple(
        Failed(policy, reason, len(set(those)), those[0]) for (policy, reason), those in sorted(found.items())
    )


# -- policies, machines --


def _policies(names: Iterable[str], standing: Standing, chosen: Sequence[Point]) -> tuple[PolicyBest, ...]:
    """In the order of what each reaches alone."""
    reference = REFERENCE[standing.combine]
    corner = (reference,) * len(standing.objectives)
    found = []
    for name in names:
        mine = {p.trial.configuration: p for p in chosen if p.trial.configuration.policy == name}
        points = list(mine.values())
        feasible = [p for p in points if p.feasible]
        front = _front(feasible, [p.values for p in feasible])
        best, _ = recommended(front, [p.values for p in front], reference)
        if standing.recommended and standing.recommended.trial.configuration.policy == name:
            best = standing.recommended
        volume = pareto.hypervolume([p.values for p in front], corner)
        share = volume / standing.hypervolume if standing.hypervolume else 0.0
        on_front = sum(p.trial.configuration.policy == name for p in standing.front)
        found.append(PolicyBest(name, len(points), len(feasible), best, share, on_front))
    return tuple(sorted(found, key=lambda p: (-p.share, p.policy)))


def _profile(machine: Machine) -> Profile:
    entries = list(machine.entries())
    costs = [entry for name, entry in entries if name.startswith("costs.")]
    guesses = tuple(name for name, entry in entries if entry.guess)
    return Profile(machine, len(costs), sum(entry.guess for entry in costs), guesses)


def _kind(origin: str) -> str:
    return "preset" if origin.startswith("preset:") else origin

"""What is counted and compared follows from the standing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import pareto
from sweep.report.bench import Bench
from sweep.report.facts import Facts, gather, moments
from sweep.standing import Standing
from sweep.study import Study

from .conftest import EVIDENCE, OBJECTIVES, Measured

KINDS = {
    "two": {"objectives": OBJECTIVES[:2], "constraints": ["max_stall_ns <= 100 us"]},
    "three by regret": {"objectives": OBJECTIVES[:3], "combine": "regret"},
    "four by the worst": {"objectives": OBJECTIVES, "combine": "worst"},
}


@pytest.fixture(scope="module", params=KINDS)
def gathered(request: pytest.FixtureRequest, measured: Measured) -> tuple[Study, Standing, Facts]:
    asked = measured.study(**KINDS[request.param])
    standing = measured.standing(asked)
    bench = Bench(asked, measured.scenarios, standing)
    return (
        asked,
        standing,
        gather(asked, measured.scenarios, standing, measured.course(asked), EVIDENCE, bench),
    )


Gathered = tuple[Study, Standing, Facts]


def test_each_scenario_has_its_own_front_and_specialist(gathered: Gathered) -> None:
    asked, standing, facts = gathered
    space = asked.space()
    for place in facts.places:
        name = place.scenario.name
        eligible = [
            p
            for p in standing.points
            if p.trial.configuration in space and not any(b.scenario == name for b in p.broken)
        ]
        values = [p.scenario_ratios[place.index] for p in eligible]
        assert [p.trial.number for p in place.front] == [
            eligible[i].trial.number for i in pareto.non_dominated(values)
        ]
        assert place.specialist in place.front
        assert place.regret == tuple(
            a - b for a, b in zip(place.ratios, standing.best[place.index], strict=True)
        )
        assert all(r >= 0 for r in place.regret)
        if standing.combine == "regret":
            assert standing.recommended is not None
            assert all(r <= v + 1e-12 for r, v in zip(place.regret, standing.recommended.values, strict=True))


def test_policies_by_what_they_reach_alone(gathered: Gathered) -> None:
    asked, standing, facts = gathered
    assert sorted(p.policy for p in facts.policies) == sorted(asked.space().policies)
    assert [p.share for p in facts.policies] == sorted((p.share for p in facts.policies), reverse=True)
    assert all(0 <= p.share <= 1 + 1e-12 for p in facts.policies)
    assert sum(p.on_front for p in facts.policies) == len(standing.front)
    for each in facts.policies:
        mine = [p for p in standing.points if p.trial.configuration.policy == each.policy]
        inside = [p for p in mine if p.trial.configuration in asked.space()]
        assert (each.configurations, each.feasible) == (len(inside), sum(p.feasible for p in inside))
        assert each.best is None or (each.best.feasible and each.best in mine)


def test_the_objectives_are_compared_as_they_are_judged(gathered: Gathered) -> None:
    _, standing, facts = gathered
    best = standing.recommended
    assert best is not None
    assert [c.metric for c in facts.overall][: len(standing.objectives)] == list(standing.objectives)
    for i, compared in enumerate(facts.overall[: len(standing.objectives)]):
        judged = (
            max(row[i] for row in best.scenario_ratios) if standing.combine == "worst" else best.ratios[i]
        )
        assert compared.times_baseline == pytest.approx(judged)
        assert compared.scenarios == len(facts.scenarios)
        for kernel, theirs, quotient in zip(
            facts.kernels, compared.kernels, compared.times_kernels, strict=True
        ):
            rows = kernel.point.scenario_ratios
            own = max(row[i] for row in rows) if standing.combine == "worst" else kernel.point.ratios[i]
            assert theirs == pytest.approx(own)
            assert quotient is None or quotient * own == pytest.approx(judged)
    assert [k.name for k in facts.kernels] == ["Linux 6.4–6.14", "Linux 6.15 and later"]


def test_every_trial_is_counted_by_who_asked_for_it(gathered: Gathered) -> None:
    _, standing, facts = gathered
    assert sum(number for _, number in facts.origins) == standing.measured + len(standing.failed)
    assert dict(facts.origins)["baseline"] == 1


def test_guesses_are_those_of_the_profile(gathered: Gathered) -> None:
    _, _, facts = gathered
    (profile,) = facts.profiles
    entries = dict(profile.machine.entries())
    assert set(profile.guesses) == {name for name, entry in entries.items() if entry.guess}
    assert profile.unit_costs == sum(name.startswith("costs.") for name in entries)
    assert profile.guessed_costs == sum(name.startswith("costs.") for name in profile.guesses)


@given(st.integers(0, 300), st.integers(1, 50))
def test_moments_are_few_and_end_with_the_last(length: int, number: int) -> None:
    course = [(n, n / 2) for n in range(length)]
    some = moments(course, number)
    assert len(some) <= number + 1
    assert some == sorted(set(some))
    assert some[-1:] == course[-1:]
    assert some[:1] == course[:1]

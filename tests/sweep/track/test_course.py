"""Which moments of a study are shown."""

from hypothesis import given
from hypothesis import strategies as st

from sweep.track.course import GROWTH, Course, Moment, Speed, metrics, stage
from tests.sweep.track.studies import standing

COUNTS = st.lists(st.integers(1, 10**7), min_size=1, max_size=60).map(sorted)


def moment(trials: int) -> Moment:
    return Moment(trials, float(trials), {"hypervolume": trials / 2})


def course(counts: list[int]) -> Course:
    made = Course()
    for trials in counts:
        made.add(moment(trials))
    return made


@given(COUNTS)
def test_of_each_stage_the_first_is_shown_and_at_the_end_the_last(counts: list[int]) -> None:
    shown = [m.trials for m in course(counts).missing({}, ending=True)]
    assert len({stage(trials) for trials in counts}) <= len(shown) <= len({stage(t) for t in counts}) + 1
    assert shown[0] == counts[0]
    assert shown[-1] == counts[-1]
    for trials in counts:
        assert any(one <= trials <= one * GROWTH * 1.000001 for one in shown)


@given(COUNTS, COUNTS, st.booleans())
def test_what_was_shown_is_not_missing(before: list[int], counts: list[int], ending: bool) -> None:
    first = {m.trials for m in course(before).missing({}, ending=True)}
    second = course(counts)
    more = {m.trials for m in second.missing({"hypervolume": first}, ending=ending)}
    assert not more & first
    assert second.missing({"hypervolume": first | more}, ending=ending) == []


@given(COUNTS)
def test_a_metric_that_came_later_is_shown_though_others_were(counts: list[int]) -> None:
    made = Course()
    for trials in counts:
        made.add(Moment(trials, 0.0, {"old": 1.0, "new": 2.0}))
    assert {name for m in made.missing({"old": set(counts)}) for name in m.metrics} == {"new"}


def test_the_number_of_moments_has_a_bound() -> None:
    made = course([*range(1, 20_000), *range(20_000, 10**6, 100), *range(10**6, 10**7, 10_000)])
    assert len(made.missing({}, ending=True)) < 700


def test_a_moment_before_the_first_trial_has_a_stage_of_its_own() -> None:
    assert [m.trials for m in course([0, 1]).missing({})] == [0, 1]


def test_what_a_moment_shows() -> None:
    now = standing(12)
    best = now.recommended
    assert best is not None
    assert metrics(now, Speed(trials_per_s=300, ask_ms=2.5, workers_busy_share=0.95)) == {
        "front/hypervolume": now.hypervolume,
        "front/size": len(now.front),
        "trials/feasible": 12,
        "trials/infeasible": 0,
        "trials/failed": 0,
        "recommended/exit_latency_ns.p99.ratio": best.ratios[0],
        "recommended/retained_bytes.mean.ratio": best.ratios[1],
        "speed/trials_per_s": 300,
        "speed/ask_ms": 2.5,
        "speed/workers_busy_percent": 95,
    }


def test_without_a_recommendation_and_a_speed_there_are_no_figures_of_them() -> None:
    assert not [name for name in metrics(standing(0)) if name.startswith(("recommended", "speed"))]

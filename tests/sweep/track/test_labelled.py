"""Which points people look at one by one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.track.course import metrics
from sweep.track.labelled import labelled
from tests.sweep.test_judge import noisy
from tests.sweep.test_judge import standing as noisy_standing
from tests.sweep.track.studies import standing


@given(st.integers(0, 90), st.integers(4, 60))
def test_there_are_not_too_many_and_each_is_one(trials: int, limit: int) -> None:
    now = standing(trials)
    shown = labelled(now, limit)
    assert len(shown) <= limit
    assert len({point.key for point in shown}) == len(shown)
    if now.recommended:
        assert shown[0].key == now.recommended.trial.configuration.key()
        assert any("baseline: per_object" in point.name for point in shown)


def test_a_long_front_keeps_its_ends_and_is_thinned_evenly() -> None:
    now = standing(100)
    shown = [
        float(p.metrics["exit_latency_ns.p99.ratio"]) for p in labelled(now, 23) if p.tags["label"] == "front"
    ]
    front = [point.ratios[0] for point in now.front]
    assert len(shown) == 20
    assert shown[0] == min(front)
    assert shown[-1] >= sorted(front)[-3]  # baseline and preset are ends themselves
    places = [sorted(front).index(value) for value in shown]
    assert max(b - a for a, b in pairwise(places)) <= 6


@pytest.mark.parametrize("scenario", ["a/b @ m", "a@b/c", "ä b", "a:b", "../up"])
def test_any_name_of_a_scenario_becomes_a_section(scenario: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    for point in labelled(standing(2, [scenario])):
        for name in point.metrics:
            _validate_metric_name(name)
            assert name.count("/") <= 1


def test_what_a_study_judges_by_stands_beside_the_ratio() -> None:
    now = standing(12, combine="regret")
    best = now.recommended
    assert best is not None
    shown = labelled(now)[0].metrics
    assert shown["retained_bytes.mean.regret"] == best.values[1]
    assert shown["retained_bytes.mean.ratio"] == best.ratios[1]
    assert metrics(now)["recommended/retained_bytes.mean.regret"] == best.values[1]


def test_a_noisy_point_has_the_ends_of_its_intervals_and_its_probability() -> None:
    now = noisy_standing([noisy(0, (1.0, 1.0)), noisy(1, (0.5, 2.0))])
    point = next(each for each in labelled(now) if each.tags["trial"] == "1")
    low, value, high = (point.metrics[f"exit_latency_ns.p99.ratio{end}"] for end in (".low", "", ".high"))
    assert low < value == 0.5 < high
    assert 0 <= point.metrics["on_front"] <= 1
    assert point.tags["figures"] == "measured in user space on machine m"

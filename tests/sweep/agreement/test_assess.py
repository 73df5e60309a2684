"""Agreement of whole comparisons, with a profile that stands in for a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from sweep.agreement import assess
from sweep.agreement.model import PartAgreement
from sweep.trial import Measurement
from tests.sweep.agreement.standins import CONFIGURATIONS, PROFILE, SETTINGS, Machinery, compared, distorted


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[assess.Pair, ...]:
    """As the simulator itself would measure them."""
    return compared(tmp_path_factory.mktemp("same"), Machinery()).pairs


def judged(pairs: list[assess.Pair]) -> PartAgreement:
    return assess.part("all", pairs, CONFIGURATIONS[0], SETTINGS.objectives, seed=1)


def test_a_simulator_agrees_perfectly_with_itself(pairs: tuple[assess.Pair, ...]) -> None:
    part = judged(list(pairs))
    assert part.configurations == len(CONFIGURATIONS)
    assert (part.violations_differ, part.violations_agree) == (0, len(pairs))
    for each in part.metrics:
        assert each.median_error in (0, None), each.metric
        assert each.p90_error in (0, None)
        assert each.pooled.spearman in (pytest.approx(1), None)
        assert each.within_min.kendall in (pytest.approx(1), None)
        assert each.absolute.bias == each.absolute.spread == 0
    assert [each.share for each in part.fronts] == pytest.approx([1, 1, 1])
    assert all(each.measured == each.simulated == each.both for each in part.fronts)


def test_a_factor_is_bias_everywhere_and_vanishes_beside_the_baseline(pairs: tuple[assess.Pair, ...]) -> None:
    part = judged(distorted(pairs, lambda value: 1.3 * value))
    latency, memory = part.metric("exit_latency_ns.mean"), part.metric("retained_bytes.mean")
    for each in (latency, memory):
        assert each.pooled.spearman == pytest.approx(1)
        assert each.median_error == pytest.approx(0.3)
        assert each.absolute.factor == pytest.approx(1.3)
        assert each.relative.bias == pytest.approx(0, abs=1e-9)
        assert all(error.factor == pytest.approx(1.3) for _, error in each.by_policy if error.pairs)
    assert part.metric("dead_age_ns.p50").median_error == 0
    assert all(each.share == pytest.approx(1) for each in part.fronts)


def test_a_monotone_distortion_keeps_ranks_and_fronts_but_not_ratios(pairs: tuple[assess.Pair, ...]) -> None:
    latency = judged(distorted(pairs, lambda value: value**1.2)).metric("exit_latency_ns.p99")
    assert latency.pooled.spearman == pytest.approx(1)
    assert latency.median_error is not None
    assert latency.median_error > 0.5
    assert latency.relative.spread > 0


def test_shuffling_destroys_it(pairs: tuple[assess.Pair, ...]) -> None:
    passes = [pair.passes for pair in pairs if pair.workload == "chromium"]
    Random(2).shuffle(passes)
    there = [pair for pair in pairs if pair.workload == "chromium"]
    part = judged([replace(pair, passes=each) for pair, each in zip(there, passes, strict=True)])
    found = part.metric("retained_bytes.mean")
    assert found.pooled.spearman is not None
    assert found.pooled.spearman < 0.6
    assert part.fronts[0].share is not None
    assert part.fronts[0].share < 0.95


def test_pooling_hides_what_is_wrong_within_a_workload(pairs: tuple[assess.Pair, ...]) -> None:
    """Two workloads that differ by much correlate whatever happens inside: hence both are told."""
    turned = []
    for name in ("exit-storm", "chromium"):
        there = [pair for pair in pairs if pair.workload == name]
        ranked = sorted(there, key=lambda pair: pair.simulated.exit_latency_ns.mean)
        values = [pair.passes for pair in ranked]
        turned += [replace(pair, passes=each) for pair, each in zip(ranked, reversed(values), strict=True)]
    found = judged(turned).metric("exit_latency_ns.mean")
    assert found.within_median.spearman is not None
    assert found.pooled.spearman is not None
    assert found.within_median.spearman < -0.9
    assert found.pooled.spearman > found.within_median.spearman


def test_bias_of_one_policy_is_told_as_that_policy(pairs: tuple[assess.Pair, ...]) -> None:
    there = distorted(
        tuple(pair for pair in pairs if pair.configuration.policy == "whole_list"), lambda value: 2 * value
    )
    others = [pair for pair in pairs if pair.configuration.policy != "whole_list"]
    biases = dict(judged([*there, *others]).metric("exit_latency_ns.mean").by_policy)
    assert biases["whole_list"].factor == pytest.approx(2)
    assert {error.factor for policy, error in biases.items() if policy != "whole_list"} == {1.0}


def test_what_was_not_measured_is_not_compared(pairs: tuple[assess.Pair, ...]) -> None:
    compared_metrics = {each.metric for each in judged(list(pairs)).metrics}
    assert "munmap_latency_ns.max" not in compared_metrics
    assert "munmap_latency_ns.mean" in compared_metrics


def test_violations_on_one_side_alone_are_counted_and_are_on_no_front(
    pairs: tuple[assess.Pair, ...],
) -> None:
    flat = pairs[3].simulated.flat()
    wrong = replace(pairs[3], passes=(Measurement.from_flat(flat | {"violations": 2}),))
    part = judged([*pairs[:3], wrong, *pairs[4:]])
    assert part.violations_differ == 1
    assert part.fronts[0].measured <= len(CONFIGURATIONS) - 1


def test_a_cost_that_is_wrong_shows_as_the_factor_that_it_makes(tmp_path: Path) -> None:
    """End to end: a machine whose unlinking is twice as dear is slower in every policy, by less than two."""
    dearer = PROFILE.with_(**{"costs.unlink_ns": 2 * PROFILE.costs.unlink_ns.value})
    found = compared(tmp_path, Machinery(profile=dearer)).agreement.part("all").metric("exit_latency_ns.mean")
    assert all(1 < error.factor < 2 for _, error in found.by_policy)
    assert found.left_out == 0


def test_the_baseline_must_be_there(pairs: tuple[assess.Pair, ...]) -> None:
    with pytest.raises(KeyError):
        judged([pair for pair in pairs if pair.configuration != CONFIGURATIONS[0]])


def test_what_one_policy_has_no_figure_of_is_compared_over_the_others(pairs: tuple[assess.Pair, ...]) -> None:
    other = CONFIGURATIONS[1]
    unseen = [
        replace(pair, unmeasured=frozenset({"callbacks"}) if pair.configuration == other else frozenset())
        for pair in pairs
    ]
    found, whole = judged(unseen), judged(pairs)
    without = sum(pair.configuration == other for pair in pairs)
    assert found.metric("callbacks").pairs == whole.metric("callbacks").pairs - without
    assert found.metric("retained_bytes.mean").pairs == whole.metric("retained_bytes.mean").pairs

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.trial import METRICS, Attempt, Cause, Configuration, Failure, Measurement, Trial
from tests.sweep.values import configurations, measurements


def test_the_metric_table_is_the_documented_one() -> None:
    summary = ("mean", "p50", "p99", "max")
    assert list(METRICS) == [
        *(f"exit_latency_ns.{leaf}" for leaf in summary),
        *(f"exit_ns_per_object.{leaf}" for leaf in summary),
        *(f"munmap_latency_ns.{leaf}" for leaf in summary),
        "retained_bytes.mean",
        "retained_bytes.peak",
        "retained_split.postponed",
        "retained_split.waiting",
        "retained_split.ready",
        "retained_split.policy_memory",
        "pinned_slab_bytes.mean",
        "pinned_slab_bytes.peak",
        "dead_age_ns.p50",
        "dead_age_ns.p99",
        "dead_age_ns.max",
        "cpu_ns_per_object",
        "max_stall_ns",
        "grace_periods",
        "callbacks",
        "wakeups",
        "lock_waits",
        "violations",
    ]


@given(measurements())
def test_flat_and_nested_hold_the_same_values(measurement: Measurement) -> None:
    flat = measurement.flat()
    assert list(flat) == list(METRICS)
    assert Measurement.from_flat(flat) == measurement
    assert Measurement.from_flat(json.loads(json.dumps(flat))) == measurement
    for name, value in flat.items():
        group, _, leaf = name.partition(".")
        nested = measurement.nested()[group]
        assert (nested[leaf] if leaf else nested) == value == measurement.get(name)


def test_a_metric_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        Measurement().get("exit_latency_ns.p98")
    with pytest.raises(KeyError):
        Measurement().get("exit_latency_ns")
    with pytest.raises(ValueError, match=r"retained_bytes\.mean"):
        Measurement.from_flat({name: 0 for name in METRICS if name != "retained_bytes.mean"})


@given(configurations(), st.randoms())
def test_a_key_depends_on_the_values_and_not_on_their_order(
    configuration: Configuration, random: object
) -> None:
    items = list(configuration.params)
    random.shuffle(items)  # type: ignore[attr-defined]
    assert Configuration.of(configuration.policy, dict(items)) == configuration
    assert Configuration.of(configuration.policy, dict(items)).key() == configuration.key()
    other = dataclasses.replace(configuration, policy=configuration.policy + "x")
    assert other.key() != configuration.key()


def test_keys_are_the_same_for_ever() -> None:
    assert Configuration.of("fixed_batch", {"max": 32, "lazy": False}).key() == "d9135fc71f41a323"
    assert Configuration.of("p", {"a": True}).key() != Configuration.of("p", {"a": 1}).key()


@pytest.mark.parametrize("cause", Cause)
def test_only_the_configurations_own_failure_settles_a_trial(cause: Cause) -> None:
    attempt = Attempt(Trial(0, Configuration("p"), "default"), 0, (), Failure(cause, "why"), "here", 0.0, 0.0)
    assert attempt.settles == (cause is Cause.CONFIGURATION)

"""Bounds on metrics: read, shown, measured against, and whether they can be met together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.constraint import Constraint, ConstraintError, check
from sweep.trial import METRICS, Level, Measurement, Summary

METRIC = st.sampled_from(sorted(METRICS))
RELATION = st.sampled_from(["<=", ">="])


def units_of(metric: str) -> list[str]:
    unit = METRICS[metric].unit
    if unit.startswith("ns"):
        return [" ns", "us", " ms", " s"]
    return [" B", "KiB", " MiB"] if unit == "bytes" else [""]


@given(METRIC, RELATION, st.integers(0, 10**6), st.data())
def test_what_is_shown_reads_back(metric: str, relation: str, number: int, data: st.DataObject) -> None:
    spaces = data.draw(st.sampled_from(["", " ", "  "]))
    unit = data.draw(st.sampled_from(units_of(metric)))
    parsed = Constraint.parse(f"{spaces}{metric}{spaces}{relation}{spaces}{number}{unit}{spaces}")
    assert (parsed.metric, parsed.relation) == (metric, relation)
    again = Constraint.parse(str(parsed).replace(",", ""))
    assert again.metric == metric
    assert again.relation == relation
    assert again.bound == pytest.approx(parsed.bound, rel=0.006)


def test_units_are_those_of_the_metric() -> None:
    assert Constraint.parse("retained_bytes.peak <= 64 MiB").bound == 64 << 20
    assert Constraint.parse("max_stall_ns <= 3 ms").bound == 3e6
    assert Constraint.parse("cpu_ns_per_object <= 2 us").bound == 2000
    assert Constraint.parse("wakeups >= 10").bound == 10
    assert str(Constraint.parse("retained_bytes.peak<=64MiB")) == "retained_bytes.peak <= 64.0 MiB"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no constraint; expected METRIC <= VALUE"),
        ("retained_bytes.peak", "is no constraint"),
        ("retained_bytes.peak <=", "is no constraint"),
        ("retained_bytes.peak <= ", "is no constraint"),
        (
            "retained_bytes.peek <= 64 MiB",
            "no metric 'retained_bytes.peek'; did you mean retained_bytes.peak",
        ),
        ("retained_bytes <= 64 MiB", "did you mean"),
        ("retained_bytes.peak < 64 MiB", "'<' is not for constraints; expected <= or >="),
        ("violations = 0", "'=' is not for constraints"),
        ("retained_bytes.peak <= 64", "has no unit; known: B, KiB"),
        ("retained_bytes.peak <= 3 ms", "unknown unit 'ms'"),
        ("max_stall_ns <= 3 MiB", "unknown unit 'MiB'"),
        ("wakeups <= 3 ms", "no plain number"),
        ("wakeups <= nan", "no plain number"),
        ("wakeups <= many", "no plain number"),
    ],
)
def test_what_is_no_constraint_is_said(text: str, said: str) -> None:
    with pytest.raises(ConstraintError) as error:
        Constraint.parse(text)
    assert said in str(error.value)
    assert repr(text) in str(error.value)


@given(st.floats(0, 1e12), st.floats(0, 1e12), RELATION)
def test_a_bound_is_exceeded_relative_to_itself(value: float, bound: float, relation: str) -> None:
    constraint = Constraint("retained_bytes.mean", relation, bound)  # type: ignore[arg-type]
    excess = constraint.excess(Measurement(retained_bytes=Level(mean=value)))
    kept = value <= bound if relation == "<=" else value >= bound
    assert (excess == 0) == kept
    assert excess >= 0
    if not kept:
        assert excess == pytest.approx(abs(value - bound) / max(bound, 1))


def test_twice_the_bound_is_an_excess_of_one() -> None:
    constraint = Constraint.parse("exit_latency_ns.p99 <= 100 ns")
    assert constraint.excess(Measurement(exit_latency_ns=Summary(p99=200))) == 1
    assert Constraint.parse("violations <= 0").excess(Measurement(violations=3)) == 3


BOUNDS = st.lists(
    st.builds(
        Constraint,
        st.sampled_from(["wakeups", "lock_waits"]),
        RELATION,
        st.integers(-2, 6).map(float),
    ),
    max_size=5,
)


@given(BOUNDS)
def test_constraints_contradict_each_other_where_no_value_meets_them_all(bounds: list[Constraint]) -> None:
    """Whole values from 0 up: all bounds are whole, so one of these meets them if anything does."""
    possible = all(
        any(
            all(not c.excess(Measurement(**{metric: value})) for c in bounds if c.metric == metric)
            for value in range(7)
        )
        for metric in ("wakeups", "lock_waits")
    )
    if possible:
        check(bounds)
    else:
        with pytest.raises(ConstraintError, match="contradict|never be met"):
            check(bounds)


def test_a_contradiction_names_both() -> None:
    with pytest.raises(ConstraintError) as error:
        check([Constraint.parse("max_stall_ns <= 1 ms"), Constraint.parse("max_stall_ns >= 2 ms")])
    assert str(error.value) == "'max_stall_ns <= 1.00 ms' and 'max_stall_ns >= 2.00 ms' contradict each other"

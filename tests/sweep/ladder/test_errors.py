"""The simulator's error as it is learned: what is common, what is each one's own, and how sure it is."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.agreement import model
from sweep.agreement.model import (
    Agreement,
    AgreementError,
    Correlation,
    LogError,
    MetricAgreement,
    PartAgreement,
)
from sweep.ladder.errors import FLOOR, OWN, STATED, Error, ErrorModel, Prior, log_ratio
from sweep.ladder.rungs import MAX_WEIGHT, priors
from sweep.study import Study
from sweep.study_file import parse

VALUES = st.floats(0.05, 20.0)
POINTS = st.lists(st.tuples(st.sampled_from("abc"), VALUES, VALUES), min_size=1, max_size=12)


def taught(of: list[tuple[str, float, float]], factor: float = 1.0) -> ErrorModel:
    """One objective: policy, simulated value, measured value / factor."""
    made = ErrorModel([STATED])
    for number, (policy, simulated, measured) in enumerate(of):
        made.learn(f"k{number}", (policy, (simulated,)), [factor * measured], [0.01])
    return made


def test_what_is_stated_holds_until_something_is_measured() -> None:
    made = ErrorModel([STATED, Prior(Error(0.5, 0.1), 10.0)])
    first, second = made.overall()
    assert (first.bias, second.bias) == (0.0, 0.5)
    assert first.spread == pytest.approx(STATED.error.spread * math.sqrt(1 + 1 / STATED.weight))
    assert made.correlation() == (None, None)
    assert np.array_equal(made.expected([("p", (1.0, 1.0))]), [[0.0, 0.5]])


@given(of=POINTS)
def test_the_order_in_which_it_is_told_does_not_matter(of: list[tuple[str, float, float]]) -> None:
    points = [("a", (0.5,)), ("z", (2.0,))]
    forward = taught(of)
    backward = ErrorModel([STATED])
    for number, (policy, simulated, measured) in reversed(list(enumerate(of))):
        backward.learn(f"k{number}", (policy, (simulated,)), [measured], [0.01])
    assert forward.overall() == backward.overall()
    assert np.array_equal(forward.expected(points), backward.expected(points))


@given(factor=st.floats(0.3, 3.0))
def test_a_common_factor_is_learned_as_the_bias(factor: float) -> None:
    of = [(policy, value, value) for policy in "abcdefgh" for value in (0.3, 0.6, 1.2, 2.4, 4.8)]
    made = taught(of, factor)
    (error,) = made.overall()
    assert error.bias == pytest.approx(math.log(factor), abs=0.1 * abs(math.log(factor)) + 1e-9)
    assert made.expected([("new", (1.0,))])[0, 0] == pytest.approx(error.bias)
    assert made.correlation() == (pytest.approx(1.0),)


def test_more_measurements_without_an_error_make_it_surer() -> None:
    spreads = [
        taught([("a", 1.0 + i, 1.0 + i) for i in range(n)]).overall()[0].spread for n in (0, 5, 20, 80)
    ]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < STATED.error.spread / 3


def test_a_policy_that_comes_out_worse_is_expected_to_again_and_another_is_not() -> None:
    made = taught(
        [("slow", 0.5 * i, 1.0 * i) for i in range(1, 6)] + [("b", 0.5 * i, 0.5 * i) for i in range(1, 6)]
    )
    slow, plain, unknown = made.expected([("slow", (40.0,)), ("b", (40.0,)), ("c", (40.0,))])[:, 0]
    assert slow > unknown > plain
    assert unknown == pytest.approx(made.overall()[0].bias)


def test_a_near_copy_of_what_was_measured_is_known_nearly_as_well_and_a_far_one_is_not() -> None:
    made = taught([("a", 1.0, 2.0), ("b", 3.0, 3.0)])
    points = [("a", (1.0,)), ("a", (30.0,)), ("z", (1.0,))]
    worlds = made.worlds(points, 4000, np.random.default_rng(1))[..., 0]
    near, far, other = worlds.std(axis=0)
    spread = made.overall()[0].spread
    assert near < 0.6 * far < other
    assert near > 0.9 * spread * math.sqrt(OWN)  # its own part is not known
    assert other == pytest.approx(spread, rel=0.05)
    assert abs(worlds[:, 0].mean() - math.log(2)) < abs(worlds[:, 1].mean() - math.log(2))


def test_near_copies_err_together() -> None:
    worlds = ErrorModel([STATED]).worlds(
        [("a", (1.0,)), ("a", (1.01,)), ("b", (1.0,))], 4000, np.random.default_rng(1)
    )
    correlation = np.corrcoef(worlds[..., 0].T)
    assert correlation[0, 1] == pytest.approx(1 - OWN, abs=0.05)
    assert correlation[0, 2] == pytest.approx(0, abs=0.05)


@given(simulated=st.floats(0, 1e3), measured=st.floats(0, 1e3))
def test_next_to_nothing_is_nothing(simulated: float, measured: float) -> None:
    assert math.isfinite(log_ratio(measured, simulated))
    assert log_ratio(FLOOR / 10, FLOOR / 100) == 0.0


def test_noise_is_not_held_against_the_simulator() -> None:
    """A right order, blurred by noise that is known: the correlation is that of the order, as far as it can
    be told; where there is little but noise, none is told."""
    dice = np.random.default_rng(1)
    found = []
    for noise in (0.01, 0.5, 5.0):
        made = ErrorModel([STATED])
        for number in range(200):
            value = math.exp(dice.normal())
            made.learn(f"k{number}", ("a", (value,)), [value * math.exp(noise * dice.normal())], [noise])
        found.append(made.correlation()[0])
    assert found[0] == pytest.approx(1.0, abs=0.01)
    assert found[1] == pytest.approx(1.0, abs=0.06)
    assert found[2] is None


# -- from an agreement --------------------------------------------------------------------------


def metric(name: str, relative: LogError) -> MetricAgreement:
    nothing, none = Correlation(None, None), LogError(0.0, 0.0, 0)
    return MetricAgreement(name, 480, 0, nothing, (), nothing, nothing, 0.1, 0.3, none, relative, (), None)


def agreement(place: Path, **changes: object) -> str:
    """As `agree` writes it."""
    names = ("exit_latency_ns.p99", "retained_bytes.mean")
    metrics = tuple(metric(name, LogError(0.2 + i, 0.1 + i, 480)) for i, name in enumerate(names))
    found = Agreement(
        machine="vm-2cpu",
        machine_key="0123456789abcdef",
        simulator="s",
        bench="b",
        measured_on="2026-01-01",
        seed=1,
        objectives=names,
        passes=480,
        disturbed=0,
        parts=(PartAgreement("all", ("make-j2",), 60, 1, 0, metrics, ()),),
        drift=(),
    )
    path = place / "agreement.json"
    path.write_text(model.dump(replace(found, **changes)))  # type: ignore[arg-type]
    return str(path)


def ladder(path: str, **changes: object) -> Study:
    values = {
        "name": "climb",
        "workloads": ["make-j2"],
        "machines": ["vm-2cpu"],
        "ladder": ["simulator", "native"],
        "promotion": {"agreement": path},
        "budget": {"trials": 10, "native_blocks": 10},
    }
    return parse(values | changes, "climb.yaml")


def test_an_agreement_is_what_is_known_beforehand(tmp_path: Path) -> None:
    found = priors(ladder(agreement(tmp_path)), "0123456789abcdef")
    assert found == [Prior(Error(0.2, 0.1), MAX_WEIGHT), Prior(Error(1.2, 1.1), MAX_WEIGHT)]


@pytest.mark.parametrize(
    ("changes", "host", "study", "said"),
    [
        ({}, "fedcba9876543210", {}, "measured on another machine (fingerprint 0123456789abcdef)"),
        (
            {"machine": "phone-8core"},
            None,
            {},
            "tells how profile phone-8core errs, and this study simulates vm-2cpu",
        ),
        ({}, None, {"objectives": ["max_stall_ns", "retained_bytes.mean"]}, "does not compare max_stall_ns"),
    ],
)
def test_an_agreement_about_something_else_is_refused(
    tmp_path: Path, changes: dict[str, object], host: str | None, study: dict[str, object], said: str
) -> None:
    path = agreement(tmp_path, **changes)
    with pytest.raises(AgreementError) as caught:
        priors(ladder(path, **study), host or "0123456789abcdef")
    assert said in str(caught.value)


def test_an_agreement_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(AgreementError, match=r"nothing\.json"):
        priors(ladder(str(tmp_path / "nothing.json")), "")

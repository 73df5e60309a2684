"""Validation and encoding of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import policies
from policies import Param, ParamValue, Policy, PolicyError

_CHOICE = Param("order", "choice", 0, 2, False, "fifo", "", "", ("fifo", "lifo", "none"))
_EXAMPLE = Policy("example", "a test", "has every type", (_CHOICE,), typesafe=False)


def _values(param: Param) -> st.SearchStrategy[ParamValue]:
    if param.type == "int":
        return st.integers(param.min, param.max)
    return st.booleans() if param.type == "bool" else st.sampled_from(param.choices)


@st.composite
def _configurations(draw: st.DrawFn) -> tuple[Policy, dict[str, ParamValue]]:
    policy = draw(st.sampled_from([*policies.catalogue().values(), _EXAMPLE]))
    params = [param for param in policy.params if draw(st.booleans())]
    return policy, {param.name: draw(_values(param)) for param in params}


@given(_configurations())
def test_encoding_is_undone_by_decoding(configuration: tuple[Policy, dict[str, ParamValue]]) -> None:
    policy, params = configuration
    numbers = policy.encode(params)
    decoded = {param.name: param.decode(n) for param, n in zip(policy.params, numbers, strict=True)}
    assert decoded == policy.defaults() | params
    assert all(param.min <= number <= param.max for param, number in zip(policy.params, numbers, strict=True))


@given(_configurations())
def test_validation_fills_in_defaults_and_changes_nothing_else(
    configuration: tuple[Policy, dict[str, ParamValue]],
) -> None:
    policy, params = configuration
    valid = policy.validate(params)
    assert list(valid) == [param.name for param in policy.params]
    assert valid == policy.defaults() | params
    assert policy.validate(valid) == valid


@given(_configurations())
def test_a_value_is_what_its_word_means(configuration: tuple[Policy, dict[str, ParamValue]]) -> None:
    policy, params = configuration
    for name, value in params.items():
        word = str(value).lower() if isinstance(value, bool) else str(value)
        assert policy.param(name).parse(word) == value


@given(st.data())
def test_a_value_out_of_range_is_refused(data: st.DataObject) -> None:
    integers = [p for policy in policies.catalogue().values() for p in policy.params if p.type == "int"]
    param = data.draw(st.sampled_from(integers))
    outside = st.one_of(st.integers(max_value=param.min - 1), st.integers(min_value=param.max + 1))
    with pytest.raises(PolicyError, match=param.name):
        param.validate(data.draw(outside))


@pytest.mark.parametrize(
    ("policy", "params"),
    [
        ("sheaf", {"capacity": "32"}),
        ("sheaf", {"capacity": 32.5}),
        ("sheaf", {"capacity": True}),
        ("sheaf", {"capacity": None}),
        ("per_object", {"hurry": "yes"}),
        ("per_object", {"hurry": 2}),
        ("per_object", {"hurry": None}),
    ],
)
def test_a_value_of_another_type_is_refused(policy: str, params: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match="expected"):
        policies.policy(policy).validate(params)


def test_a_choice_takes_its_words_alone() -> None:
    assert _EXAMPLE.encode({"order": "none"}) == [2]
    with pytest.raises(PolicyError, match=r"fifo \| lifo \| none"):
        _EXAMPLE.validate({"order": "random"})


def test_numbers_of_other_libraries_become_plain_ones() -> None:
    values = policies.policy("fixed_batch").validate({"max": np.int64(8)})
    assert type(values["max"]) is int


def test_an_unknown_parameter_is_answered_with_the_nearest() -> None:
    with pytest.raises(PolicyError, match="parameter of fixed_batch 'maxx'; did you mean max"):
        policies.policy("fixed_batch").validate({"maxx": 1})

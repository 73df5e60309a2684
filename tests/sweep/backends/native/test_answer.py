"""An answer is what request.h promises, or an error of the machine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.backends.native import answer
from sweep.backends.native.errors import NativeError
from sweep.trial import METRICS, Cause
from tests.sweep.backends.native import fakes


def test_passes_come_as_they_were_measured() -> None:
    lines = [fakes.pass_line(0), fakes.pass_line(1, metrics=fakes.metrics(start=100))]
    first, second = answer.passes(fakes.answer(*lines), 2)
    assert first.measurement.flat() == fakes.metrics()
    assert second.measurement.flat() == fakes.metrics(start=100)
    assert first.details == fakes.DETAILS
    assert first.duration_ns == 1e9
    assert first.unmeasured == ()


def test_what_has_no_meaning_is_named_and_not_taken_for_zero() -> None:
    line = fakes.pass_line(metrics=fakes.metrics() | {"pinned_slab_bytes.mean": None})
    (only,) = answer.passes(fakes.answer(line | {"unmeasured": ["pinned_slab_bytes.mean"]}), 1)
    assert only.unmeasured == ("pinned_slab_bytes.mean",)
    assert only.measurement.pinned_slab_bytes.mean == 0


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in fakes.metrics().items() if key != name}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "Segmentation fault",
        fakes.answer(),
        fakes.answer(fakes.pass_line(), fakes.pass_line(1)),
        json.dumps(fakes.pass_line()),
        fakes.answer(fakes.pass_line(1)),
        fakes.answer([1]),
        "[" * 100_000,
        fakes.answer(fakes.pass_line(metrics=without("violations"))),
        fakes.answer(fakes.pass_line(metrics=fakes.metrics() | {"speed": 1})),
        fakes.answer(fakes.pass_line(metrics=fakes.metrics() | {"max_stall_ns": "12"})),
        fakes.answer(fakes.pass_line(metrics=fakes.metrics() | {"max_stall_ns": -1})),
        fakes.answer(fakes.pass_line(metrics=fakes.metrics() | {"max_stall_ns": float("nan")})),
        fakes.answer(fakes.pass_line(metrics=fakes.metrics() | {"max_stall_ns": float("inf")})),
        fakes.answer(fakes.pass_line(metrics=fakes.metrics() | {"callbacks": 1.5})),
        fakes.answer(fakes.pass_line(metrics=fakes.metrics() | {"callbacks": True})),
        fakes.answer(fakes.pass_line(metrics=fakes.metrics() | {"callbacks": None})),
        fakes.answer(fakes.pass_line(unmeasured=["callbacks"])),
        fakes.answer(fakes.pass_line(unmeasured=[["callbacks"], 3])),
        fakes.answer(fakes.pass_line(disturbance={})),
        fakes.answer(fakes.pass_line(disturbance=fakes.QUIET | {"steal_ns": None})),
        fakes.answer(fakes.pass_line(details=None)),
        fakes.answer(fakes.pass_line(details={})),
        fakes.answer(fakes.pass_line(details={"duration_ns": "long"})),
    ],
)
def test_anything_else_is_garbage(text: str) -> None:
    with pytest.raises(NativeError, match="answers garbage") as raised:
        answer.passes(text, 1)
    assert raised.value.cause is Cause.ENVIRONMENT


@given(st.text())
def test_no_text_is_mistaken_for_an_answer(text: str) -> None:
    assert answer.error(text) is None
    with pytest.raises(NativeError):
        answer.passes(text, 1)


@given(st.data())
def test_a_cut_answer_is_garbage(data: st.DataObject) -> None:
    whole = fakes.answer(fakes.pass_line())
    end = data.draw(st.integers(0, len(whole.rstrip()) - 1))
    with pytest.raises(NativeError):
        answer.passes(whole[:end], 1)


def test_only_the_program_blames_the_configuration() -> None:
    told = answer.error(
        json.dumps(fakes.pass_line()) + '\n{"error": "double free", "cause": "configuration"}\n'
    )
    assert told is not None
    assert (told.cause, str(told)) == (Cause.CONFIGURATION, "double free")
    assert answer.error('{"error": "it was me", "cause": "node_lost"}') is None
    assert answer.error('{"error": 3, "cause": "configuration"}') is None
    assert answer.error(fakes.answer(fakes.pass_line())) is None


def test_every_metric_may_be_unmeasured() -> None:
    names = list(METRICS)
    (only,) = answer.passes(fakes.answer(fakes.pass_line(metrics=dict.fromkeys(names), unmeasured=names)), 1)
    assert only.unmeasured == tuple(names)

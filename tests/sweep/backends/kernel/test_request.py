"""A trial as bytes, and its answer as values."""

from __future__ import annotations

import struct

import pytest

from policies import PolicyError
from sweep.backends.kernel.request import LabTrial, decode, encode
from sweep.trial import METRICS
from tests.sweep.backends.kernel.scenes import OBJECT_BYTES, exits_and_munmaps, under_pressure

HEADER = struct.Struct("=8sII64si4xQqqii qqqqqq iiiiii")


def header(trial: LabTrial) -> tuple[object, ...]:
    return HEADER.unpack_from(encode(trial))


def test_the_header_announces_what_follows() -> None:
    trial = LabTrial(under_pressure(), "dead_list_shrinker", {}, OBJECT_BYTES, seed=-1)
    data = encode(trial)
    magic, version, header_bytes, name, nr_params, *_ = HEADER.unpack_from(data)
    rows = len(trial.replay.t_ns)

    def padded(nr_bytes: int) -> int:
        return (nr_bytes + 7) // 8 * 8

    arrays = 8 * nr_params + 8 * rows + 3 * padded(4 * rows) + padded(rows) + 8 * (2 + 2) * 2 + 8 * 2 * 4
    assert (magic, version, header_bytes) == (b"rculabrq", 1, HEADER.size)
    assert name.rstrip(b"\0") == b"dead_list_shrinker"
    assert len(data) == HEADER.size + arrays


def test_equal_trials_give_equal_bytes_and_a_seed_shows() -> None:
    first, again = (LabTrial(exits_and_munmaps(), "adaptive", {}, OBJECT_BYTES, seed=1) for _ in range(2))
    assert encode(first) == encode(again)
    assert encode(first) != encode(LabTrial(exits_and_munmaps(), "adaptive", {}, OBJECT_BYTES, seed=2))


def test_a_wrong_parameter_is_refused_before_anything_runs() -> None:
    with pytest.raises(PolicyError, match="nonsense"):
        encode(LabTrial(exits_and_munmaps(), "fixed_batch", {"nonsense": 1}, OBJECT_BYTES))


def test_an_answer_needs_every_metric_and_no_other() -> None:
    metrics = dict.fromkeys(METRICS, 1)
    metrics["pinned_slab_bytes.mean"] = None  # type: ignore[assignment]
    answer = {"metrics": metrics, "details": {}, "unmeasured": ["pinned_slab_bytes.mean"]}
    decoded = decode(answer)
    assert decoded.measurement.pinned_slab_bytes.mean == 0
    assert decoded.unmeasured == ("pinned_slab_bytes.mean",)
    with pytest.raises(ValueError, match="callbacks"):
        decode({**answer, "metrics": {k: v for k, v in metrics.items() if k != "callbacks"}})
    with pytest.raises(ValueError, match="extra"):
        decode({**answer, "metrics": {**metrics, "extra": 1}})

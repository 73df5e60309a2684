"""Ranges as studies write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Param, PolicyError
from sweep.propose import Range
from sweep.propose.narrow import narrowed

INTERVAL = Param("interval_ms", "int", 0, 60_000, True, 1000, "ms", "")
CACHE = Param("cache", "int", 0, 1 << 30, True, 4096, "bytes", "")
COUNT = Param("max", "int", 1, 4096, True, 32, "objects", "")
HURRY = Param("hurry", "bool", 0, 1, False, False, "", "")
ORDER = Param("order", "choice", 0, 2, False, "fifo", "", "", ("fifo", "lifo", "any"))


@pytest.mark.parametrize(
    ("param", "wanted", "values"),
    [
        (COUNT, 32, (32,)),
        (COUNT, "32", (32,)),
        (COUNT, [64, 1, 16], (1, 16, 64)),
        (COUNT, {"min": 16, "max": 18}, range(16, 19)),
        (COUNT, {"min": 4000}, range(4000, 4097)),
        (COUNT, {"max": 3}, range(1, 4)),
        (COUNT, {"min": 7, "max": 7}, range(7, 8)),
        (INTERVAL, "1 s", (1000,)),
        (INTERVAL, ["1 s", 4, "40 ms"], (4, 40, 1000)),
        (INTERVAL, {"min": "10 ms", "max": "1 min"}, range(10, 60_001)),
        (CACHE, "4 KiB", (4096,)),
        (HURRY, True, (True,)),
        (HURRY, [True, False], (True, False)),
        (ORDER, "any", ("any",)),
        (ORDER, ["any", "fifo"], ("any", "fifo")),
    ],
)
def test_a_value_a_list_or_bounds_are_taken(param: Param, wanted: object, values: object) -> None:
    assert narrowed(param, wanted) == Range(param, values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("param", "wanted", "said"),
    [
        (COUNT, 0, "'max' does not take 0; expected 1 .. 4096 objects"),
        (COUNT, 4097, "'max' does not take 4097"),
        (COUNT, True, "'max' does not take True"),
        (COUNT, 1.5, "'max' does not take 1.5"),
        (COUNT, "32 ms", "'max': '32 ms' is no plain number (the unit is objects)"),
        (COUNT, [], "'max': the list of values is empty"),
        (COUNT, [3, 3], "'max': a value stands twice"),
        (COUNT, [3, 5000], "'max' does not take 5000"),
        (COUNT, {}, "{} is no range of it; expected min and max"),
        (COUNT, {"from": 3}, "is no range of it; expected min and max"),
        (COUNT, {"min": 9, "max": 3}, "'max': min 9 is above max 3"),
        (COUNT, {"min": 0, "max": 3}, "'max' does not take 0"),
        (COUNT, {"min": 1, "max": 9999}, "'max' does not take 9999"),
        (INTERVAL, "1 MiB", "unknown unit 'MiB'"),
        (INTERVAL, "1", "has no unit"),
        (INTERVAL, "0.5 ms", "'interval_ms' does not take 0.5"),
        (INTERVAL, "2 h", "'interval_ms' does not take 7200000"),
        (HURRY, "perhaps", "'hurry' does not take 'perhaps'; expected false | true"),
        (HURRY, {"min": 0, "max": 1}, "is no range of it; expected a list out of false | true"),
        (ORDER, "random", "'order' does not take 'random'; expected fifo | lifo | any"),
    ],
)
def test_what_a_parameter_does_not_take_is_said(param: Param, wanted: object, said: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(said)):
        narrowed(param, wanted)  # type: ignore[arg-type]


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-5, 5000),
    st.floats(),
    st.sampled_from(["1 s", "10 ms", "4 KiB", "any", "x", "", "true"]),
)
WANTED = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.dictionaries(st.sampled_from(["min", "max", "other"]), SCALARS, max_size=3),
)


@given(st.sampled_from([INTERVAL, CACHE, COUNT, HURRY, ORDER]), WANTED)
def test_what_comes_out_is_a_part_of_the_whole_or_an_error(param: Param, wanted: object) -> None:
    whole = Range.whole(param).values
    try:
        part = narrowed(param, wanted)  # type: ignore[arg-type]
    except PolicyError:
        return
    assert len(part.values) > 0
    if isinstance(part.values, range):  # it may have more values than there is memory
        assert part.values.step == 1
    else:
        assert len(set(part.values)) == len(part.values)
    assert all(value in whole for value in (part.values[0], part.values[-1], part.start))
    assert part.start in part.values
    if param.type == "int":
        assert isinstance(part.values, range) or list(part.values) == sorted(part.values)
        assert all(type(value) is int for value in part.values[:10])

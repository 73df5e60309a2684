"""Quantities as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import units
from sweep.units import UnitError, quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("3 ms", "ns", 3e6),
        ("1.5s", "ns", 1.5e9),
        ("2 min", "ns", 120e9),
        ("7 ns", "ns", 7),
        (" 1e3 us ", "ns", 1e6),
        ("2 s", "ms", 2000),
        ("500 us", "ms", 0.5),
        ("8 h", "s", 28_800),
        ("64 MiB", "bytes", 64 << 20),
        ("4kB", "bytes", 4000),
        ("12 B", "bytes", 12),
        ("42", "objects", 42),
        ("1e3", "", 1000),
        (17, "ns", 17),
        (2.5, "bytes", 2.5),
    ],
)
def test_texts_with_a_unit_and_plain_numbers_are_read(text: str | float, unit: str, value: float) -> None:
    assert quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("3", "ns", "has no unit; known: ns, us"),
        ("3 mss", "ns", "unknown unit 'mss'; known: ns, us"),
        ("3 MiB", "ns", "unknown unit 'MiB'"),
        ("3 ms", "bytes", "unknown unit 'ms'; known: B, KiB"),
        ("ms", "ns", "is no time: expected a number and a unit, such as '3 ns'"),
        ("-3 ms", "ns", "is no time"),
        ("", "bytes", "is no size"),
        ("3 objects", "objects", "is no plain number (the unit is objects)"),
        ("much", "", "is no plain number"),
        ("nan", "", "is no plain number"),
        ("inf", "objects", "is no plain number"),
        ("1e999 s", "ns", "too large"),
    ],
)
def test_what_is_no_quantity_is_said(text: str, unit: str, said: str) -> None:
    with pytest.raises(UnitError) as error:
        quantity(text, unit)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "ns", "0 ns"),
        (999, "ns", "999 ns"),
        (1234, "ns", "1.23 µs"),
        (98_700_000, "ns", "98.7 ms"),
        (67108864, "bytes", "64.0 MiB"),
        (0.5, "bytes", "0.50 B"),
        (1234567, "", "1,234,567"),
        (76.54, "ns/object", "76.5"),
    ],
)
def test_values_are_written_with_three_digits(value: float, unit: str, text: str) -> None:
    assert units.format_value(value, unit) == text


@given(value=st.floats(1e-2, 1e15), unit=st.sampled_from(["ns", "bytes"]))
def test_what_is_written_reads_back_to_three_digits(value: float, unit: str) -> None:
    assert quantity(units.format_value(value, unit), unit) == pytest.approx(value, rel=0.006, abs=0.006)


@given(
    number=st.decimals(0, 10**6, places=3),
    unit=st.sampled_from([*units.TIME_NS]),
    kept=st.sampled_from(["ns", "ms", "s"]),
)
def test_a_time_is_the_same_in_whatever_unit_it_is_kept(number: object, unit: str, kept: str) -> None:
    assert quantity(f"{number} {unit}", kept) == pytest.approx(
        float(str(number)) * units.TIME_NS[unit] / units.TIME_NS[kept]
    )

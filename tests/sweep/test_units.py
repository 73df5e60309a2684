import pytest

from sweep import units


@pytest.mark.parametrize(
    ("text", "value"), [("3 ms", 3e6), ("1.5s", 1.5e9), ("2 min", 120e9), ("7 ns", 7), (" 1e3 us ", 1e6)]
)
def test_times_are_read(text: str, value: float) -> None:
    assert units.parse_time_ns(text) == value


@pytest.mark.parametrize(("text", "value"), [("64 MiB", 64 << 20), ("4kB", 4000), ("12 B", 12)])
def test_sizes_are_read(text: str, value: float) -> None:
    assert units.parse_size_bytes(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3", "no unit"),
        ("3 mss", "unknown unit 'mss'"),
        ("ms", "expected a number"),
        ("-3 ms", "expected a number"),
    ],
)
def test_what_is_no_time_is_said(text: str, said: str) -> None:
    with pytest.raises(units.UnitError, match=said):
        units.parse_time_ns(text)


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

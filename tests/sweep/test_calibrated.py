"""The profile that a calibration writes reads back as what was found."""

import datetime

import jsonschema
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sweep.backends.costs import Cost
from sweep.calibrated import Calibrated, profile
from sweep.trial import Interval
from tests.sweep.test_study_file import SCHEMAS

costs_ns = st.integers(0, 10**9) | st.floats(0, 1e9).map(lambda value: round(value, 2))


@given(measured=st.floats(0.01, 1e8), fixed=costs_ns)
def test_every_value_of_a_profile_is_a_number_for_readers_and_editors(measured: float, fixed: float) -> None:
    interval = Interval(measured, 0.9 * measured, 1.1 * measured)
    found = Calibrated(
        "",
        "in a test",
        "k",
        "a machine",
        {},
        "calibrate",
        (Cost("costs.lock_ns", interval, "a lock"),),
        {"costs.object_cool_ns": (fixed, "it is so")},
        {},
    )
    document = yaml.safe_load(profile("vm-2cpu", found, datetime.date(2026, 1, 1), 3))
    jsonschema.validate(document, SCHEMAS["machine"])
    assert document["costs"]["object_cool_ns"]["value"] == fixed
    assert abs(document["costs"]["lock_ns"]["value"] - measured) <= 0.005

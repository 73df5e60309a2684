"""The catalogue is what the C files say, and every table in them is well-formed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import policies
from policies import Policy, PolicyError

_DIRECTORY = Path(__file__).parents[2] / "policies"
_EXPECTED = {
    "adaptive",
    "amortized",
    "backpressure",
    "dead_list_shrinker",
    "direct_exit",
    "exit_hint",
    "fixed_batch",
    "paged_batch",
    "per_object",
    "sheaf",
    "split_bulk",
    "time_throttle",
    "typesafe",
    "whole_list",
}
_UNITS = {"", "ms", "objects", "pointers", "batches", "% of high_watermark", "% of a grace period"}
_EVERY = pytest.mark.parametrize("policy", policies.catalogue().values(), ids=policies.catalogue())


def test_the_catalogue_holds_every_policy_of_the_project() -> None:
    assert set(policies.catalogue()) >= _EXPECTED


def test_the_catalogue_equals_the_files() -> None:
    assert list(policies.catalogue()) == sorted(file.stem for file in _DIRECTORY.glob("*.c"))


def test_the_baseline_is_in_the_catalogue() -> None:
    assert policies.BASELINE in policies.catalogue()


def test_only_the_typesafe_policy_is_typesafe() -> None:
    assert [policy.name for policy in policies.catalogue().values() if policy.typesafe] == ["typesafe"]


@_EVERY
def test_a_table_equals_its_source(policy: Policy) -> None:
    source = (_DIRECTORY / f"{policy.name}.c").read_text()
    rows = re.findall(r'\] = \{\s*"(\w+)",\s*PARAM_(\w+),', source)
    assert [(name, kind.lower()) for name, kind in rows] == [(p.name, p.type) for p in policy.params]


@_EVERY
def test_a_file_states_its_licence_and_its_states(policy: Policy) -> None:
    source = (_DIRECTORY / f"{policy.name}.c").read_text()
    assert source.startswith("/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */\n")
    header = source[: source.index("#include")]
    for state in ("holds", "posts", "frees", "bounds"):
        assert re.search(rf"^ \* {state} ", header, re.MULTILINE), state


@_EVERY
def test_a_table_is_well_formed(policy: Policy) -> None:
    names = [param.name for param in policy.params]
    bools = {param.name for param in policy.params if param.type == "bool"}
    assert len(names) == len(set(names))
    assert policy.origin
    assert policy.summary
    for param in policy.params:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", param.name)
        assert param.help
        assert "\n" not in param.help
        assert param.unit in _UNITS
        assert param.min < param.max
        assert not param.log_scale or param.min > 0, "a log scale has no zero"
        assert param.only_with is None or param.only_with in bools - {param.name}
        assert param.validate(param.default) == param.default


@_EVERY
def test_a_parameter_in_milliseconds_says_so_in_its_name(policy: Policy) -> None:
    for param in policy.params:
        assert param.name.endswith("_ms") == (param.unit == "ms")


def test_an_unknown_policy_is_answered_with_the_nearest() -> None:
    with pytest.raises(PolicyError, match=r"'per_objct'.*did you mean per_object"):
        policies.policy("per_objct")


# -- presets ------------------------------------------------------------------------------------


def test_presets_are_valid_configurations() -> None:
    for name, preset in policies.presets().items():
        assert name == preset.name
        policy = policies.policy(preset.policy)
        assert policy.validate(dict(preset.params)) == dict(preset.params)
        assert preset.description


@pytest.mark.parametrize(
    ("policy", "releases"), [("direct_exit", "6.4 6.8 6.12 6.14"), ("typesafe", "6.15 6.17 6.18 7.1")]
)
def test_a_release_finds_what_it_does(policy: str, releases: str) -> None:
    for release in releases.split():
        assert policies.preset(f"linux-{release}").policy == policy


def test_every_release_is_covered_once() -> None:
    for minor in range(4, 30):
        assert sum(preset.covers(6, minor) for preset in policies.presets().values()) == 1


def test_a_release_without_per_vma_locks_has_no_preset() -> None:
    with pytest.raises(PolicyError, match="per-VMA locks came with"):
        policies.preset("linux-6.1")


def test_an_unknown_preset_is_answered_with_the_nearest() -> None:
    with pytest.raises(PolicyError, match="did you mean rfc-2022-09"):
        policies.preset("rfc-2022")

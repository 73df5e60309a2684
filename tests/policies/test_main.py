"""`python -m policies`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

import policies
from policies.__main__ import app

_RUN = CliRunner(env={"COLUMNS": "300"})


def test_list_names_every_policy_and_preset() -> None:
    output = _RUN.invoke(app, ["list"]).output
    for name in (*policies.catalogue(), *policies.presets()):
        assert name in output


@pytest.mark.parametrize("name", policies.catalogue())
def test_show_prints_every_parameter(name: str) -> None:
    policy = policies.policy(name)
    output = _RUN.invoke(app, ["show", name]).output
    assert policy.summary in output
    for param in policy.params:
        assert param.name in output
        assert param.describe_range() in output


@pytest.mark.parametrize("name", policies.catalogue())
def test_show_as_json_is_the_policy(name: str) -> None:
    document = json.loads(_RUN.invoke(app, ["show", name, "--format", "json"]).output)
    policy = policies.policy(name)
    assert document["name"] == name
    assert {param["name"]: param["default"] for param in document["params"]} == policy.defaults()


def test_list_as_json_holds_everything() -> None:
    document = json.loads(_RUN.invoke(app, ["list", "--format", "json"]).output)
    assert [policy["name"] for policy in document["policies"]] == list(policies.catalogue())
    assert [preset["name"] for preset in document["presets"]] == list(policies.presets())


def test_show_finds_what_a_release_does() -> None:
    output = _RUN.invoke(app, ["show", "linux-6.8"]).output
    assert "direct_exit bulk_size=1" in output
    assert "6.4-6.14" in output


def test_show_gives_what_a_kernel_itself_took_and_whether_that_was_emulated() -> None:
    measured = policies.preset("linux-6.12").measured
    assert measured
    output = _RUN.invoke(app, ["show", "linux-6.12"]).output
    assert f"measured: {measured}" in output
    assert "emulated: no machine's times" in output
    assert "on real CPUs" in str(replace(measured, emulated=False))
    document = json.loads(_RUN.invoke(app, ["show", "linux-6.12", "--format", "json"]).output)
    assert document["measured"]["emulated"] is True
    assert "measured:" not in _RUN.invoke(app, ["show", "rfc-2022-09"]).output


@pytest.mark.parametrize(
    ("name", "hint"), [("adaptiv", "did you mean adaptive"), ("linux-5.15", "per-VMA locks")]
)
def test_an_unknown_name_is_bad_input(name: str, hint: str) -> None:
    result = _RUN.invoke(app, ["show", name])
    assert result.exit_code == 2
    assert hint in result.stderr
    assert "Traceback" not in result.output

"""recommended.yaml: what it states can be measured again, exactly."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep import paths, simulate_command
from sweep.errors import USER_ERRORS
from sweep.judge import judge
from sweep.report import recommendation
from sweep.report.recommendation import Recommendation
from sweep.scenarios import scenarios
from sweep.trial import Measurement
from tests.sweep.values import measurements

from .conftest import Measured, attempts, study
from .test_native_page import native


def written(where: Path, trials: int = 22, **changes: Any) -> tuple[Recommendation, Path]:
    """The recommendation of a small study, and its file."""
    asked = study(**changes)
    made = scenarios(asked)
    standing = judge(
        attempts(asked, made, trials), asked.objectives, asked.combine, asked.bounds(), asked.space()
    )
    value = recommendation.recommendation(asked, made, standing)
    assert value is not None
    recommendation.write(value, where / "recommended.yaml")
    return value, where / "recommended.yaml"


KINDS: dict[str, dict[str, Any]] = {
    "as the workload says": {"workloads": ["shell-configure"]},
    "other readers": {
        "workloads": ["shell-configure"],
        "readers": {"kind": "rcu_only", "background_readers_per_cpu_per_s": 500},
    },
    "pressure": {
        "workloads": ["phone-app-cycle"],
        "machines": ["phone-8core"],
        "pressure": {"points": [[0, 1200], [500_000_000, 300], [900_000_000, 1500]]},
    },
    "no pressure": {"workloads": ["phone-app-cycle"], "pressure": "none"},
    "scaled": {"workloads": [{"name": "shell-configure", "dilation": 0.3, "replicas": 2}]},
    "looped": {"workloads": ["giant-exit", {"name": "giant-exit", "loops": 2}], "machines": ["vm-2cpu-nocb"]},
    "repeated, several machines": {
        "workloads": ["shell-configure"],
        "machines": ["vm-2cpu", "server-128cpu"],
        "repeats": 2,
        "seed": 7,
        "combine": "regret",
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_stated_figures_are_measured_again(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value, path = written(tmp_path, **KINDS[kind])
    assert simulate_command.run_config(path, "json") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["as_stated"] is True
    assert err == ""
    assert list(document["scenarios"]) == [each.name for each in value.scenarios]
    for each in value.scenarios:
        shown = document["scenarios"][each.name]
        assert shown.pop("as_stated") is True
        assert shown.pop("differing") == []
        assert Measurement.from_flat(each.metrics).nested() == shown
        assert each.scenario().key == each.key


def test_a_machine_file_is_found_beside_it_and_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    mine = tmp_path / "a" / "mine.yaml"
    text = (paths.conf() / "machines" / "vm-2cpu.yaml").read_text()
    mine.write_text(text.replace("value: 250", "value: 1000"))
    assert mine.read_text() != text
    _, path = written(tmp_path / "a", workloads=["giant-exit"], machines=[str(mine)])
    assert simulate_command.run_config(path, "json") == 0
    path.write_text(path.read_text().replace(str(mine), "mine.yaml"))
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert simulate_command.run_config(tmp_path / "b" / path.name, "json") == 0


def test_a_table_for_each_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, path = written(tmp_path, workloads=["giant-exit", "shell-configure"])
    assert simulate_command.run_config(path) == 0
    out = capsys.readouterr().out
    assert out.count("exit_latency_ns.p99") == 2
    assert "All figures are those" in out


def test_what_is_not_as_stated_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, path = written(tmp_path, workloads=["giant-exit"])
    document = yaml.safe_load(path.read_text())
    document["scenarios"][0]["metrics"]["callbacks"] += 1
    path.write_text(yaml.safe_dump(document))
    assert simulate_command.run_config(path, "json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["scenarios"]["giant-exit@vm-2cpu"]["differing"] == ["callbacks"]
    assert "callbacks" in err
    assert "another one now" not in err
    document["scenarios"][0]["key"] = "0" * 16
    path.write_text(yaml.safe_dump(document))
    assert simulate_command.run_config(path, "json") == 1
    assert "another one now" in capsys.readouterr().err


def _changed(**values: Any) -> Any:
    return lambda document: document | values


def _scenario(**values: Any) -> Any:
    return lambda document: document | {"scenarios": [document["scenarios"][0] | values]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: "no document", "is no recommended.yaml"),
        (lambda _: {}, "is no recommended.yaml"),
        (lambda _: {"name": "quick", "workloads": ["make-j2"]}, "is no recommended.yaml"),
        (lambda d: d | {3: 4, None: True}, "3"),
        (_changed(policy=3), "policy"),
        (_changed(params=[]), "params"),
        (_changed(policy="fixed_bacth"), "fixed_batch"),
        (_changed(params={"max": -1}), "max"),
        (_changed(params={"maxx": 1}), "max"),
        (_changed(scenarios=[]), "scenarios"),
        (_changed(scenarios="all"), "scenarios"),
        (_changed(scenarios=[3]), "scenarios"),
        (_changed(figures="measured"), "figures"),
        (_changed(colour="red"), "colour"),
        (lambda d: d | {"scenarios": d["scenarios"] * 2}, "twice"),
        (_scenario(machine="vm2cpu"), "vm-2cpu"),
        (_scenario(machine="none.yaml"), "none.yaml"),
        (_scenario(workload={"name": "giant-exitt"}), "giant-exit"),
        (_scenario(workload={"name": "none.parquet"}), "none.parquet"),
        (_scenario(workload={"name": "giant-exit", "loops": 0}), "loops"),
        (_scenario(readers={"kind": "none"}), "readers"),
        (_scenario(pressure={"points": [[5, 1], [5, 1]]}), "t_ns 5 follows 5"),
        (_scenario(metrics={"speed": 3}), "speed"),
        (_scenario(seed="x"), "seed"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(change: Any, words: str, tmp_path: Path) -> None:
    _, path = written(tmp_path, trials=4, workloads=["giant-exit"], policies=["fixed_batch"])
    path.write_text(yaml.safe_dump(change(yaml.safe_load(path.read_text()))))
    with pytest.raises(USER_ERRORS, match=words):
        simulate_command.run_config(path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: [", b"2024-99-99", b"[" * 5000])
def test_what_is_no_yaml_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(USER_ERRORS, match="bad.yaml"):
        simulate_command.run_config(tmp_path / "bad.yaml")
    with pytest.raises(USER_ERRORS, match="No such file"):
        simulate_command.run_config(tmp_path / "none.yaml")


@pytest.fixture(scope="module")
def a_recommendation(measured: Measured) -> Recommendation:
    asked = measured.study()
    value = recommendation.recommendation(asked, measured.scenarios, measured.standing(asked))
    assert value is not None
    return value


@settings(max_examples=60, deadline=None)
@given(measurement=measurements(), ratio=st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_comes_back_as_it_was(
    a_recommendation: Recommendation,
    tmp_path_factory: pytest.TempPathFactory,
    measurement: Measurement,
    ratio: float,
) -> None:
    first = a_recommendation.scenarios[0].model_copy(update={"metrics": measurement.flat()})
    value = a_recommendation.model_copy(update={"scenarios": (first,), "values": {"callbacks": ratio}})
    path = tmp_path_factory.getbasetemp() / "numbers.yaml"
    recommendation.write(value, path)
    again = recommendation.read(path)
    assert again == value
    assert [type(v) for v in again.scenarios[0].metrics.values()] == [type(v) for v in first.metrics.values()]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_the_file_is_read_or_refused_in_words(
    a_recommendation: Recommendation, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    document = a_recommendation.model_dump(mode="json", exclude_none=True)
    first = document["scenarios"][0]
    holder = data.draw(st.sampled_from([document, first, first["workload"], first["metrics"]]))
    holder[data.draw(st.sampled_from([*holder, "new"]))] = data.draw(JUNK)
    path = tmp_path_factory.getbasetemp() / "junk.yaml"
    path.write_text(yaml.safe_dump(document))
    with contextlib.suppress(*USER_ERRORS):
        value = recommendation.read(path)
        assert value.configuration.policy == value.policy
        for each in value.scenarios[:1]:
            if each.workload.replicas * each.workload.loops < 10:
                assert each.scenario().name == each.name


@pytest.mark.parametrize(("machine", "emulated"), [("emulated-0123", True), ("kvm-0123", False)])
def test_figures_of_a_kernel_say_whether_it_was_emulated(
    measured: Measured, tmp_path: Path, machine: str, emulated: bool
) -> None:
    made = [
        replace(a, evidence=tuple((s, replace(e, level="kernel", machine=machine)) for s, e in a.evidence))
        for a in native(measured)
    ]
    asked = measured.study()
    value = recommendation.recommendation(asked, measured.scenarios, measured.standing(asked, made))
    assert value is not None
    assert (value.figures, value.emulated) == ("kernel", emulated or None)
    recommendation.write(value, tmp_path / "recommended.yaml")
    assert recommendation.read(tmp_path / "recommended.yaml") == value
    assert ("EMULATED" in (tmp_path / "recommended.yaml").read_text()) == emulated

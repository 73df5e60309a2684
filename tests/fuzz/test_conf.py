"""Whatever stands in a configuration file, a study or a profile comes out, or one error made for people.

SWEEP_FUZZ_EXAMPLES=100000 makes the runs long (hours, for the profiles).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sweep import machine, paths, study_file
from sweep.machine import MachineError
from sweep.study import Study
from sweep.study_file import StudyError
from tests.fuzz.texts import ANYTHING, SNIPPETS, altered, mangled

EXAMPLES = int(os.environ.get("SWEEP_FUZZ_EXAMPLES", "60"))

STUDIES = [path.read_text() for path in sorted(paths.conf().glob("*.yaml")) if path.stem != "exhaustive"]
MACHINES = [path.read_text() for path in sorted((paths.conf() / "machines").glob("*.yaml"))]
WRITTEN = [
    "name: x\nworkloads: [make-j2]\nmachines: [vm-2cpu]\nbudget: {trials: 9}\n",
    """name: ranges
workloads: [{name: make-j2, dilation: 2.5, loops: 3}, /nowhere/x.parquet]
machines: [vm-2cpu, ./other.yaml]
readers: {kind: rcu_only, section_quantiles: [[0, 10], [1000000, 500]]}
pressure: {points: [[0, 1200], [1000000, 900]]}
policies: {fixed_batch: {max: {min: 8, max: 512}, idle_timeout_ms: [0, 10 ms]}, sheaf: null}
constraints: [retained_bytes.peak <= 64 MiB, max_stall_ns <= 3 ms]
budget: {trials: 20, wall_time_s: 5 min}
combine: regret
repeats: 2
""",
]
STUDY_TEXTS = [*STUDIES, *WRITTEN]
STUDY_VALUES: list[dict[str, Any]] = [yaml.safe_load(text) for text in STUDY_TEXTS]
MACHINE_VALUES: list[dict[str, Any]] = [yaml.safe_load(text) for text in MACHINES]


def check(read: Callable[[], Study]) -> None:
    said = ""
    try:
        study = read()
    except StudyError as error:
        said = str(error)
    if said:
        assert said.startswith(("conf/x.yaml: ", "--set "))
        assert "pydantic" not in said
    else:
        assert study_file.read(study_file.dump(study), "again") == study
        assert study.space().size() > 0


@settings(max_examples=EXAMPLES)
@given(
    text=mangled(STUDY_TEXTS),
    overrides=st.lists(st.text(max_size=12) | st.sampled_from(SNIPPETS), max_size=1),
)
@example(text="a: " + "[" * 5000, overrides=[])
@example(text="name: 2001-13-41", overrides=[])
@example(text="&a [*a]", overrides=[])
@example(text="? [a]\n: b", overrides=[])
@example(text="a: &x [*x]", overrides=[])
@example(text="dict[: 1", overrides=[])
@example(text="budget: {literal[: 1}", overrides=[])
@example(text=WRITTEN[0], overrides=["name={a: &x [*x]}"])
@example(text=WRITTEN[0], overrides=["seed=2001-13-41"])
@example(text=WRITTEN[0], overrides=["seed=" + "[" * 5000])
@example(text=WRITTEN[0], overrides=["budget.trials.x.y=3"])
@example(text=WRITTEN[0], overrides=["..=3"])
def test_any_text_is_a_study_or_an_error(text: str, overrides: list[str]) -> None:
    check(lambda: study_file.read(text, "conf/x.yaml", overrides))


@settings(max_examples=EXAMPLES)
@given(values=altered(STUDY_VALUES))
@example(values=STUDY_VALUES[-1] | {"description": "a\x85b\u2028c"})
@example(
    values=STUDY_VALUES[-1] | {"workloads": ["x" * 5000 + ".parquet"], "machines": ["y" * 5000 + ".yaml"]}
)
def test_any_values_are_a_study_or_an_error(values: dict[Any, Any]) -> None:
    check(lambda: study_file.parse(values, "conf/x.yaml"))


@settings(max_examples=EXAMPLES)
@given(
    path=st.lists(st.sampled_from([*STUDY_VALUES[-1], "min", "max", "kind"]), min_size=1, max_size=3),
    value=ANYTHING,
)
def test_any_override_is_a_study_or_an_error(path: list[str], value: object) -> None:
    text = yaml.safe_dump(value, default_flow_style=True) if not isinstance(value, str) else value
    override = f"{'.'.join(path)}={text}"
    check(lambda: study_file.read(STUDY_TEXTS[-1], "conf/x.yaml", [override]))


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("profile") / "x.yaml"


def read_machine(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    said = ""
    try:
        machine.load(path).resolved()
    except MachineError as error:
        said = str(error)
    assert "pydantic" not in said


@settings(max_examples=EXAMPLES)
@given(text=mangled(MACHINES))
@example(text="cpu: 2001-13-41")
@example(text="[" * 5000)
@example(text="extends: [a]")
@example(text="extends: x.yaml")
@example(text="extends: " + "x" * 300)
@example(text="extends: " + "x" * 300 + ".yaml")
@example(text='extends: "a\\0b.yaml"')
@example(text="extends: ../../../etc/passwd")
@example(text="1: 2\nextends: ideal")
def test_any_text_is_a_profile_or_an_error(text: str, profile: Path) -> None:
    read_machine(text.encode("utf-8", "surrogatepass"), profile)


@settings(max_examples=EXAMPLES)
@given(values=altered(MACHINE_VALUES))
def test_any_values_are_a_profile_or_an_error(values: dict[Any, Any], profile: Path) -> None:
    read_machine(yaml.safe_dump(values, allow_unicode=True).encode(), profile)


@settings(max_examples=EXAMPLES)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_an_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory, profile: Path
) -> None:
    study = profile.with_name("study.yaml")
    study.write_bytes(content)
    with pytest.raises(StudyError, match="study.yaml: "):
        study_file.load(study)
    profile.write_bytes(content)
    with pytest.raises(MachineError):
        machine.load(profile)

"""Study files: those that come with the project, and reading, writing, overriding, finding."""

import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

import policies
from sweep import machine, paths, study_file
from sweep.study_file import StudyError, dump, find, load, names, read

CONF = paths.conf()
ROOT = CONF.parent
SCHEMAS = {
    "study": json.loads((CONF / "schema" / "study.json").read_text()),
    "machine": json.loads((CONF / "schema" / "machine.json").read_text()),
}
MACHINES = sorted(path.stem for path in (CONF / "machines").glob("*.yaml"))

TEXT = "name: small\nworkloads: [pgbench-connect]\nmachines: [vm-2cpu]\nbudget: {trials: 10}\n"


# -- what comes with the project ------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_every_study_is_good_and_editors_agree(name: str) -> None:
    path = find(name)
    study = load(path)
    assert study.name == name
    assert study.description
    assert path.read_text().startswith("# yaml-language-server: $schema=schema/study.json\n")
    jsonschema.validate(yaml.safe_load(path.read_text()), SCHEMAS["study"])
    assert read(dump(study), "dumped") == study


@pytest.mark.parametrize("name", MACHINES)
def test_editors_agree_with_every_profile(name: str) -> None:
    path = CONF / "machines" / f"{name}.yaml"
    assert path.read_text().startswith("# yaml-language-server: $schema=../schema/machine.json\n")
    jsonschema.validate(yaml.safe_load(path.read_text()), SCHEMAS["machine"])


def test_the_schemas_in_conf_are_what_the_command_prints() -> None:
    assert SCHEMAS["study"] == json.loads(json.dumps(study_file.schema()))
    assert SCHEMAS["machine"] == json.loads(json.dumps(machine.schema()))
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "change",
    [
        {"worklods": []},
        {"workloads": []},
        {"budget": {"trials": 0}},
        {"budget": {"trials": 5, "wall": 3}},
        {"seed": -1},
        {"sampler": "none"},
        {"combine": "best"},
        {"readers": {"kind": "nobody"}},
        {"objectives": ["max_stall_ns"]},
        {"name": "Not/A/Name"},
    ],
)
def test_what_the_reader_refuses_by_shape_an_editor_marks(change: dict[str, object]) -> None:
    values = yaml.safe_load(TEXT)
    jsonschema.validate(values, SCHEMAS["study"])
    with pytest.raises(StudyError):
        study_file.parse(values | change, "x")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values | change, SCHEMAS["study"])


@pytest.mark.parametrize(
    "change",
    [
        {"budget": {"trials": 5, "wall_time_s": "8 h"}},
        {"readers": "rcu_only"},
        {"pressure": "none"},
        {"policies": "all"},
        {"policies": {"fixed_batch": {"max": {"min": 1, "max": 9}}, "sheaf": None}},
        {"workloads": [{"name": "make-j2", "replicas": 2}]},
    ],
)
def test_what_the_reader_takes_an_editor_takes(change: dict[str, object]) -> None:
    values = yaml.safe_load(TEXT) | change
    study_file.parse(values, "x")
    jsonschema.validate(values, SCHEMAS["study"])


def test_quick_is_what_the_documentation_says() -> None:
    quick = load(find("quick"))
    assert len(quick.workloads) == 3
    assert quick.machines == ("vm-2cpu",)
    assert quick.policy_names() == tuple(policies.catalogue())
    assert quick.objectives == ("exit_latency_ns.p99", "retained_bytes.mean")


def test_the_other_studies_are_what_they_are_for() -> None:
    assert len(load(find("seed-discussion")).policy_names()) == 8
    assert load(find("robust")).combine == "regret"
    assert load(find("exhaustive")).sampler == "grid"
    assert {"phone", "server"} <= set(names())


@pytest.mark.slow
def test_a_wheel_carries_conf_with_its_schemas(tmp_path: Path) -> None:
    """Configured and installed by cmake as for a wheel; nothing is compiled for it."""
    build = tmp_path / "build"
    subprocess.run(["cmake", "-S", ROOT, "-B", build], check=True, capture_output=True)
    script = (build / "cmake_install.cmake").read_text()
    installed = re.findall(r'"\$\{CMAKE_INSTALL_PREFIX\}/(sweep/conf)".* FILES? "([^"]+)"', script)
    assert installed == [("sweep/conf", f"{CONF}/")]


# -- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected keys and values, as in conf/quick.yaml"),
        ("- a\n- b\n", "expected keys"),
        ("a: [1", "not YAML"),
        ("name: x\n", "workloads: field required"),
        ("name: 2001-13-41\n", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("\0", "not YAML"),
    ],
)
def test_what_is_no_study_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=said) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "binary.yaml"):
        with pytest.raises(StudyError, match=f"{path}: cannot be read: "):
            load(path)


def test_a_study_is_found_by_name_or_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find("quick") == paths.conf() / "quick.yaml"
    (tmp_path / "quick.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    assert find("quick") == paths.conf() / "quick.yaml"
    assert find("quick.yaml") == Path("quick.yaml")
    with pytest.raises(StudyError, match=r"there is no study 'quik'; did you mean 'quick'\?"):
        find("quik")
    with pytest.raises(StudyError, match="none.yaml: no such file"):
        find(str(tmp_path / "none.yaml"))
    for name in ("x" * 5000, "x" * 5000 + ".yaml", "a\0b.yaml", "", "."):
        with pytest.raises(StudyError, match="no such file|there is no study"):
            find(name)


# -- overriding -----------------------------------------------------------------------------------


def test_overrides_are_yaml_values_under_dotted_keys() -> None:
    changed = read(
        TEXT,
        "x",
        [
            "budget.trials=77",
            "policies={sheaf: null, typesafe: null}",
            "policies.sheaf.capacity=[8, 16]",
            "seed=5",
            "readers.kind=rcu_only",
            "description=a=b",
        ],
    )
    assert changed.budget.trials == 77
    assert set(changed.policy_names()) == {"sheaf", "typesafe"}
    assert changed.space().policies["sheaf"][0].values == (8, 16)
    assert changed.seed == 5
    assert changed.readers is not None
    assert changed.readers.kind == "rcu_only"
    assert changed.description == "a=b"
    assert read(TEXT, "x").budget.trials == 10


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("budget", "--set budget: expected KEY=VALUE, such as --set budget.trials=200"),
        ("=3", "expected KEY=VALUE"),
        ("name.first=3", "--set name.first=3: 'name' holds a value, not keys"),
        ("seed=[1", "--set seed=[1: the value is not YAML"),
        ("seed=2001-13-41", "the value is not YAML"),
        ("sede=1", "there is no key 'sede'; did you mean 'seed'"),
        ("budget.trial=1", "budget: there is no key 'trial'; did you mean 'trials'"),
    ],
)
def test_a_bad_override_is_said(override: str, said: str) -> None:
    with pytest.raises(StudyError, match=re.escape(said)):
        read(TEXT, "x", [override])

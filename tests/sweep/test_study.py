"""Study files: what is read, and one clear message for everything that is wrong."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import policies
from sweep import paths, study
from sweep.study import Study, StudyError, find, load

GOOD = {
    "name": "small",
    "workloads": ["pgbench-connect"],
    "machine": "vm-2cpu",
    "budget": {"trials": 10},
}


def written(tmp_path: Path, changes: dict[str, object]) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(GOOD | changes))
    return path


@pytest.mark.parametrize("name", study.names())
def test_every_study_that_comes_with_the_project_is_good(name: str) -> None:
    assert load(find(name)).name == name


def test_quick_is_what_the_documentation_says() -> None:
    quick = load(find("quick"))
    assert len(quick.workloads) == 3
    assert quick.machine == "vm-2cpu"
    assert quick.policy_names() == tuple(policies.catalogue())
    assert quick.objectives == ("exit_latency_ns.p99", "retained_bytes.mean")


def test_a_resolved_study_reads_back_as_itself(tmp_path: Path) -> None:
    first = load(written(tmp_path, {"policies": ["fixed_batch", "per_object"], "readers": "rcu_only"}))
    path = tmp_path / "resolved.yaml"
    path.write_text(yaml.safe_dump(first.resolved()))
    assert load(path).resolved() == first.resolved()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"worklods": ["x"]}, "no key 'worklods'; did you mean 'workloads'"),
        ({"workloads": []}, "workloads"),
        ({"workloads": ["pgbench-conect"]}, "no workload 'pgbench-conect'; did you mean 'pgbench-connect'"),
        ({"workloads": ["pgbench-connect", "pgbench-connect"]}, "twice"),
        ({"machine": "vm-2cpus"}, "no machine 'vm-2cpus'; did you mean 'vm-2cpu'"),
        ({"policies": []}, "is empty"),
        ({"policies": ["fixd_batch"]}, "no policy 'fixd_batch'; did you mean 'fixed_batch'"),
        ({"policies": "some"}, "policies"),
        (
            {"fixed": {"fixed_batch": {"maxx": 3}}},
            "unknown parameter of fixed_batch 'maxx'; did you mean max",
        ),
        ({"fixed": {"fixed_batch": {"max": -3}}}, "'max' does not take -3"),
        (
            {"policies": ["sheaf"], "fixed": {"fixed_batch": {"max": 3}}},
            "no policy of this study 'fixed_batch'",
        ),
        (
            {"objectives": ["exit_latency_ns.p98", "violations"]},
            "no metric 'exit_latency_ns.p98'; did you mean",
        ),
        ({"objectives": ["max_stall_ns"]}, "objectives"),
        ({"budget": {}}, "budget.trials"),
        ({"budget": {"trials": 0}}, "budget.trials"),
        ({"budget": {"trials": "many"}}, "budget.trials"),
        ({"budget": {"trials": 5, "wall_time": 3}}, "no key 'wall_time'; did you mean 'wall_time_s'"),
        ({"sampler": "nsga3"}, "sampler"),
        ({"population": 1}, "population"),
        ({"seed": -1}, "seed"),
        ({"name": "Not/A/Name"}, "name"),
        ({"readers": "nobody"}, "readers"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(StudyError) as error:
        load(written(tmp_path, changes))
    assert said in str(error.value)
    assert "small.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected keys"),
        ("- a\n- b\n", "expected keys"),
        ("a: [1", "not YAML"),
        ("name: x\n", "workloads: field required"),
    ],
)
def test_what_is_no_study_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=said):
        load(path)


def test_a_name_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="did you mean 'quick'"):
        find("quik")
    with pytest.raises(StudyError, match="no such file"):
        find(str(tmp_path / "none.yaml"))
    assert find("quick") == paths.conf() / "quick.yaml"


def test_overrides_are_yaml_values_under_dotted_keys(tmp_path: Path) -> None:
    path = written(tmp_path, {})
    changed = load(path, ["budget.trials=77", "policies=[sheaf, typesafe]", "fixed.sheaf={}", "seed=5"])
    assert changed.budget.trials == 77
    assert set(changed.policy_names()) == {"sheaf", "typesafe"}
    assert changed.seed == 5
    assert load(path).budget.trials == 10


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("budget", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("name.first=3", "'name' holds a value"),
        ("seed=[1", "not YAML"),
        ("sede=1", "did you mean 'seed'"),
    ],
)
def test_a_bad_override_is_said(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        load(written(tmp_path, {}), [override])


def test_fixed_parameters_leave_one_value_in_the_space(tmp_path: Path) -> None:
    fixed = {"fixed_batch": {"max": 12}, "per_object": {"hurry": True}}
    small = load(written(tmp_path, {"policies": ["fixed_batch", "per_object"], "fixed": fixed}))
    space = small.space()
    assert space.start("fixed_batch").mapping()["max"] == 12
    assert space.start("per_object").mapping()["hurry"] is True
    assert all(p.min == p.max for p in space.policies["fixed_batch"] if p.name == "max")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from([*Study.model_fields]), value=ANYTHING)
def test_whatever_stands_under_a_key_there_is_a_study_or_a_message(key: str, value: object) -> None:
    said = "conf/x.yaml: "
    try:
        study.parse(GOOD | {key: value}, "conf/x.yaml")
    except StudyError as error:
        said = str(error)
    assert said.startswith("conf/x.yaml: ")

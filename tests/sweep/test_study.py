"""What a study is: its values, checked against what exists, and the space that it spans."""

import pytest
import yaml

import policies
from sweep.propose import Range
from sweep.study import Study
from sweep.study_file import StudyError, parse, read
from sweep.trial import Configuration

GOOD: dict[str, object] = {
    "name": "small",
    "workloads": ["pgbench-connect"],
    "machines": ["vm-2cpu"],
    "budget": {"trials": 10},
}


def study(**changes: object) -> Study:
    return parse(GOOD | changes, "small.yaml")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"worklods": ["x"]}, "there is no key 'worklods'; did you mean 'workloads'?"),
        ({"workloads": []}, "workloads: list should have at least 1 item"),
        ({"workloads": ["pgbench-conect"]}, "there is no workload 'pgbench-conect'; did you mean 'pgbench-connect'"),
        ({"workloads": ["pgbench-connect", "pgbench-connect"]}, "workloads: names 'pgbench-connect' twice"),
        ({"workloads": [{"name": "make-j2", "loop": 2}]}, "there is no key 'loop'; did you mean 'loops'"),
        ({"workloads": [{"name": "make-j2", "dilation": 0}]}, "dilation: "),
        ({"workloads": [{"name": "make-j2", "window": [0, 0]}]}, "window: starts at 0 s, 0 s long: expected"),
        ({"workloads": [{"name": "make-j2", "window": ["1 MiB", 1]}]}, "unknown unit 'MiB'"),
        ({"workloads": [{"name": "make-j2", "window": [1]}]}, "window"),
        ({"machines": ["vm-2cpus"]}, "there is no machine 'vm-2cpus'; did you mean 'vm-2cpu'"),
        ({"machines": []}, "machines: list should have at least 1 item"),
        ({"machines": "vm-2cpu"}, 'machines: input should be a list (it is "vm-2cpu")'),
        ({"machine": "vm-2cpu"}, "there is no key 'machine'; did you mean 'machines'"),
        ({"policies": []}, "policies: is empty: name at least one policy, or write `all`"),
        ({"policies": {}}, "policies: is empty"),
        ({"policies": ["fixd_batch"]}, "there is no policy 'fixd_batch'; did you mean 'fixed_batch'"),
        ({"policies": {"fixd_batch": None}}, "there is no policy 'fixd_batch'; did you mean 'fixed_batch'"),
        ({"policies": "some"}, "policies: expected `all`, a list of policies, or policies with the ranges"),
        ({"policies": 3}, "policies: expected `all`, a list of policies, or policies with the ranges"),
        ({"policies": [1]}, "policies: expected `all`, a list of policies, or policies with the ranges"),
        ({"policies": {1: None}}, "policies: expected `all`, a list of policies, or policies with the ranges"),
        ({"policies": {"sheaf": 3}}, "policies: sheaf: expected ranges by parameter, such as {capacity: 32}"),
        ({"policies": {"sheaf": {"capacity": None}}}, "sheaf.capacity: expected a value, a list of values, or {min"),
        ({"policies": {"sheaf": {"capacity": {"min": [1]}}}}, "sheaf.capacity: expected a value, a list"),
        ({"policies": {"sheaf": {"capacity": [[1]]}}}, "sheaf.capacity: expected a value, a list"),
        ({"policies": {"sheaf": {1: 2}}}, "sheaf.1: expected a value, a list"),
        ({"policies": ["sheaf", "sheaf"]}, "policies: names 'sheaf' twice"),
        ({"policies": {"fixed_batch": {"mx": 3}}}, "policies.fixed_batch: unknown parameter of fixed_batch 'mx'; did"),
        ({"policies": {"fixed_batch": {"max": -3}}}, "policies.fixed_batch: parameter 'max' does not take -3"),
        ({"policies": {"fixed_batch": {"max": {"min": 3, "max": 99999}}}}, "'max' does not take 99999; expected 1 .. 4096"),
        ({"policies": {"fixed_batch": {"max": []}}}, "the list of values is empty"),
        ({"policies": {"fixed_batch": {"idle_timeout_ms": "3 MiB"}}}, "unknown unit 'MiB'"),
        ({"objectives": ["exit_latency_ns.p98", "violations"]}, "there is no metric 'exit_latency_ns.p98'; did you mean"),
        ({"objectives": ["max_stall_ns"]}, "objectives: list should have at least 2 items"),
        ({"objectives": ["max_stall_ns", "max_stall_ns"]}, "objectives: names 'max_stall_ns' twice"),
        ({"constraints": ["max_stall_ns <= 3 MiB"]}, "constraints: 'max_stall_ns <= 3 MiB': '3 MiB' has the unknown unit"),
        ({"constraints": ["max_stall_ns <= 1 ms", "max_stall_ns >= 2 ms"]}, "contradict each other"),
        ({"constraints": ["wakeups <= 5", "wakeups <= 5"]}, "constraints: names 'wakeups <= 5' twice"),
        ({"budget": {}}, "budget.trials: field required"),
        ({"budget": 100}, "budget: "),
        ({"budget": {"trials": 0}}, "budget.trials: input should be greater than 0 (it is 0)"),
        ({"budget": {"trials": "many"}}, "budget.trials: "),
        ({"budget": {"trials": 5, "wall_time": 3}}, "there is no key 'wall_time'; did you mean 'wall_time_s'"),
        ({"budget": {"trials": 5, "wall_time_s": "3 MiB"}}, "budget.wall_time_s: '3 MiB' has the unknown unit 'MiB'"),
        ({"budget": {"trials": 5, "wall_time_s": "3"}}, "budget.wall_time_s: '3' has no unit"),
        ({"sampler": "nsga3"}, "sampler: "),
        ({"combine": "best"}, "combine: input should be 'mean', 'worst' or 'regret'"),
        ({"population": 1}, "population: "),
        ({"seed": -1}, "seed: "),
        ({"repeats": 0}, "repeats: "),
        ({"name": "Not/A/Name"}, "name: "),
        ({"readers": "nobody"}, "readers"),
        ({"readers": {"kind": "nobody"}}, "readers.kind: input should be 'mm_ref' or 'rcu_only'"),
        ({"pressure": "much"}, "pressure"),
        ({"pressure": {"points": []}}, "pressure.points: list should have at least 1 item, not 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_file_and_key(changes: dict[str, object], said: str) -> None:
    with pytest.raises(StudyError) as error:
        study(**changes)
    assert said in str(error.value)
    assert str(error.value).startswith("small.yaml: ")
    assert len(str(error.value).splitlines()) == 1


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(StudyError) as error:
        study(seed=-1, sampler="none", budget={"trials": 0})
    assert [line.split(":")[1].strip() for line in str(error.value).splitlines()] == [
        "budget.trials",
        "sampler",
        "seed",
    ]


def test_stretched_workloads_have_a_name_of_their_own() -> None:
    made = study(
        workloads=["make-j2", {"name": "make-j2", "replicas": 4}, {"name": "a/b.parquet", "dilation": 0.5}]
    )
    assert [use.label for use in made.workloads] == ["make-j2", "make-j2(replicas=4)", "b(dilation=0.5)"]
    with pytest.raises(StudyError, match="twice"):
        study(workloads=["make-j2", {"name": "make-j2", "loops": 1}])


def test_policies_are_all_or_some_or_have_ranges() -> None:
    assert study().policy_names() == tuple(policies.catalogue())
    assert study(policies=["typesafe", "per_object"]).policy_names() == ("per_object", "typesafe")
    ranged = study(policies={"fixed_batch": {"max": [8, 64], "idle_timeout_ms": "10 ms"}, "sheaf": None})
    assert ranged.policy_names() == ("fixed_batch", "sheaf")
    space = ranged.space()
    assert space.count("fixed_batch") == 2
    assert space.policies["sheaf"] == tuple(Range.whole(p) for p in policies.policy("sheaf").params)
    assert Configuration.of("fixed_batch", {"max": 64, "idle_timeout_ms": 10}) in space
    assert Configuration.of("fixed_batch", {"max": 32, "idle_timeout_ms": 10}) not in space
    assert space.start("fixed_batch").mapping() == {"max": 8, "idle_timeout_ms": 10}


def test_readers_pressure_and_wall_time_have_short_forms() -> None:
    made = study(readers="rcu_only", pressure="none", budget={"trials": 5, "wall_time_s": "1.5 min"})
    assert made.readers is not None
    assert made.readers.kind == "rcu_only"
    assert made.readers.preempted_ppm is None
    assert made.pressure == "none"
    assert made.budget.wall_time_s == 90
    assert study(pressure={"points": [[0, 1200], [5, 900]]}).pressure is not None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"policies": ["fixed_batch", "per_object"], "readers": "rcu_only"},
        {"policies": {"fixed_batch": {"max": {"min": 8}, "idle_timeout_ms": ["1 s", 0]}, "typesafe": None}},
        {"workloads": [{"name": "make-j2", "replicas": 3}], "repeats": 2, "combine": "regret"},
        {"constraints": ["retained_bytes.peak <= 64 MiB"], "pressure": {"points": [[0, 1000]]}},
        {"budget": {"trials": 7, "wall_time_s": "8 h"}},
    ],
)
def test_a_resolved_study_reads_back_as_itself(changes: dict[str, object]) -> None:
    first = study(**changes)
    again = read(yaml.safe_dump(first.resolved()), "again")
    assert again.resolved() == first.resolved()
    assert again.space() == first.space()

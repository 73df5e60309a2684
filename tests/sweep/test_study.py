"""What a study is: its values, checked against what exists, and the space that it spans."""

import pytest
import yaml

import policies
from sweep.backends.native.settings import NativeSettings
from sweep.course import first_trials
from sweep.ladder import below as ladder_below
from sweep.propose import Range
from sweep.study import Study
from sweep.study_file import StudyError, dump, parse, read
from sweep.trial import Configuration, Spent

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
        ({"native": {}}, "native: only with backend: native"),
        ({"backend": "native", "native": {"allocater": "slab"}}, "no key 'allocater'; did you mean 'allocator'"),
        ({"backend": "native", "native": {"rcu": "kernel"}}, "native.rcu: input should be 'kernel_like' or 'liburcu'"),
        ({"backend": "native", "native": {"timeout_s": "1 MiB"}}, "native.timeout_s: '1 MiB' has the unknown unit"),
        ({"backend": "native", "native": {"cpus": [1, 1]}}, "native.cpus: 1: expected numbers of CPUs, each once"),
        ({"backend": "native", "native": {"min_blocks": 9, "max_blocks": 8}}, "min_blocks 9 is above max_blocks 8"),
        ({"backend": "native", "native": {"allocator": "glibc"}}, "no type-stable memory, which policy typesafe"),
        (
            {
                "backend": "native",
                "native": {"allocator": "glibc"},
                "policies": ["per_object"],
                "constraints": ["pinned_slab_bytes.peak <= 1 MiB"],
            },
            "pinned_slab_bytes.peak has no meaning with glibc",
        ),
        ({"budget": {"trials": 9, "native_time_s": 9}}, "native_time_s and native_blocks are for backend: native"),
        ({"ladder": ["native"]}, "or [simulator, native, kernel], not ['native']"),
        ({"ladder": ["simulator", "native"]}, "budget: a ladder needs native_time_s or native_blocks"),
        ({"promotion": {}}, "promotion: only with ladder"),
        (
            {
                "ladder": ["simulator", "native"],
                "budget": {"trials": 9, "native_blocks": 9},
                "backend": "simulator",
            },
            "a ladder ends at its last level",
        ),
        (
            {"ladder": ["simulator", "native"], "budget": {"trials": 9, "native_blocks": 9}, "combine": "regret"},
            "a ladder needs mean or worst",
        ),
        (
            {"ladder": ["simulator", "native"], "budget": {"trials": 9, "native_blocks": 9}, "name": "x" * 60},
            "of a ladder at most 54 characters",
        ),
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


# -- levels -------------------------------------------------------------------------------------


def test_how_native_trials_are_measured_is_the_backends_own_default() -> None:
    made = study(backend="native")
    assert NativeSettings(**made.how_native().model_dump()) == NativeSettings()


def test_units_are_read_in_native_sections() -> None:
    budget = {"trials": 10, "native_time_s": "5 min"}
    made = study(backend="native", native={"timeout_s": "2 min"}, budget=budget)
    assert made.how_native().timeout_s == 120
    assert made.budget.share(Spent(150.0, 1000)) == 0.5
    both = study(backend="native", budget=budget | {"native_blocks": 500})
    assert both.budget.share(Spent(150.0, 1000)) == 2.0
    assert study().budget.share(Spent(150.0, 1000)) == 0.0


def test_a_ladder_is_measured_natively_in_small_batches_and_simulated_in_large_ones() -> None:
    made = study(ladder=["simulator", "native"], budget={"trials": 40, "native_blocks": 9}, repeats=2)
    assert (made.backend, made.batch_size, made.nr_trials) == ("native", 4, None)
    below = ladder_below(made)
    assert (below.backend, below.batch_size, below.nr_trials) == ("simulator", 16, 40)
    assert below.name == "small.simulator"
    assert (below.space(), below.objectives, below.repeats) == (made.space(), made.objectives, 2)
    assert read(dump(below), "again") == below
    assert read(dump(made), "again") == made


def test_what_needs_type_stable_memory_is_not_compared_with_where_there_is_none() -> None:
    policies_ = ["per_object", "fixed_batch"]
    on_slab = study(backend="native", policies=policies_)
    elsewhere = study(backend="native", policies=policies_, native={"allocator": "jemalloc"})
    presets = {configuration.policy for _, configuration in first_trials(on_slab)}
    assert presets - {configuration.policy for _, configuration in first_trials(elsewhere)} == {"typesafe"}

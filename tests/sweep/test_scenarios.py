"""What a study measures in, and what makes two measurements comparable."""

from typing import Any

import pytest

from sweep.machine import MachineError
from sweep.scenarios import scenarios
from sweep.study import Study
from sweep.study_file import parse
from workloads import WorkloadError


def study(**changes: Any) -> Study:
    values = {
        "name": "x",
        "workloads": ["burst-silence"],
        "machines": ["vm-2cpu"],
        "budget": {"trials": 5},
    }
    return parse(values | changes, "x")


def keys(**changes: Any) -> list[str]:
    return [scenario.key for scenario in scenarios(study(**changes))]


def test_every_workload_is_on_every_machine_once_for_each_seed() -> None:
    value = study(
        workloads=["burst-silence", {"name": "giant-exit", "loops": 2}],
        machines=["vm-2cpu", "phone-8core"],
        repeats=2,
        seed=7,
    )
    made = scenarios(value)
    assert [s.name for s in made] == [
        f"{workload}@{machine}{repeat}"
        for workload in ("burst-silence", "giant-exit(loops=2)")
        for machine in ("vm-2cpu", "phone-8core")
        for repeat in ("", "#2")
    ]
    assert [s.seed for s in made] == [7, 8] * 4
    assert len({s.key for s in made}) == len(made)


def test_equal_scenarios_have_equal_keys_whatever_else_the_study_says() -> None:
    plain = keys()
    assert keys() == plain
    assert (
        keys(name="y", policies=["sheaf"], sampler="random", budget={"trials": 9}, combine="worst") == plain
    )
    assert keys(workloads=["giant-exit", "burst-silence"])[1:] == plain
    assert keys(workloads=[{"name": "burst-silence", "dilation": 1.0}]) == plain


@pytest.mark.parametrize(
    "changes",
    [
        {"workloads": ["giant-exit"]},
        {"workloads": [{"name": "burst-silence", "loops": 2}]},
        {"workloads": [{"name": "burst-silence", "dilation": 2.0}]},
        {"machines": ["vm-2cpu-nocb"]},
        {"readers": "rcu_only"},
        {"readers": {"preempted_ppm": 77}},
        {"pressure": {"points": [[0, 900]]}},
        {"seed": 2},
    ],
)
def test_what_a_measurement_follows_from_changes_the_key(changes: dict[str, Any]) -> None:
    assert keys(**changes) != keys()


def test_readers_and_pressure_are_changed_as_the_study_says() -> None:
    (made,) = scenarios(study(readers={"kind": "rcu_only", "readers_per_1000_faults": 9}))
    (plain,) = scenarios(study())
    assert made.replay != plain.replay
    (calm,) = scenarios(study(workloads=["phone-app-cycle"], machines=["phone-8core"], pressure="none"))
    (pressed,) = scenarios(study(workloads=["phone-app-cycle"], machines=["phone-8core"]))
    assert calm.key != pressed.key


def test_what_cannot_be_read_is_an_error_of_its_kind() -> None:
    with pytest.raises(WorkloadError, match="nowhere.parquet"):
        scenarios(study(workloads=["/tmp/nowhere.parquet"]))
    with pytest.raises(MachineError, match="nowhere.yaml"):
        scenarios(study(machines=["/tmp/nowhere.yaml"]))

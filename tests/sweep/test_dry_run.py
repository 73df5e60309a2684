"""The size of a study and about how long it takes, before it is run."""

import pytest

from sweep.dry_run import estimate
from sweep.scenarios import scenarios
from sweep.study import Study
from sweep.study_file import parse
from tests.sweep.fake_native import HOST


def study(**changes: object) -> Study:
    values = {
        "name": "x",
        "workloads": ["burst-silence", "giant-exit"],
        "machines": ["vm-2cpu"],
        "policies": {"fixed_batch": {"max": [1, 2, 4], "idle_timeout_ms": [0, 10]}, "per_object": None},
        "budget": {"trials": 1000},
    }
    return parse(values | changes, "x")


def lines(value: Study, workers: int | None = 4, trial_s: float = 0.5) -> dict[str, str]:
    ticks = iter([0.0, trial_s])
    host = HOST if value.backend == "native" else None
    said = estimate(value, scenarios(value, host), workers, clock=lambda: next(ticks))
    return dict((*line.split(": ", 1), "")[:2] for line in said)


def test_size_and_time_are_said() -> None:
    said = lines(study())
    freed = sum(s.replay.objects_freed for s in scenarios(study()))
    assert said["scenarios"] == f"2 ({freed:,} objects freed in each trial)"
    assert said["search space"] == "8 configurations of 2 policies"
    assert said["one trial"].startswith("about 500 ms")
    assert said["run time"] == "about 125 s for 1,000 trials on 4 workers"


def test_a_grid_ends_with_its_space() -> None:
    said = lines(study(sampler="grid"))
    assert int(said["run time"].split(" for ")[1].split()[0]) in range(8, 16)


@pytest.mark.parametrize(("wall_time_s", "sooner"), [(60, True), (600, False)])
def test_an_earlier_end_by_the_clock_is_said(wall_time_s: int, sooner: bool) -> None:
    said = lines(study(budget={"trials": 1000, "wall_time_s": wall_time_s}))
    assert ("the budget's wall time ends it earlier" in said) == sooner


def test_native_trials_take_the_workloads_own_time_and_nothing_is_measured_to_know_it() -> None:
    value = study(
        backend="native",
        native={"min_blocks": 2, "max_blocks": 4},
        budget={"trials": 100, "native_time_s": "10 min"},
        workloads=[{"name": "burst-silence", "window": [0, 1]}],
    )
    said = lines(value, trial_s=float("nan"))
    assert said["one native trial"].startswith("8.80 s to 17.6 s (2 to 4 undisturbed blocks of 4 passes")
    assert said["run time"] == "at least 880 s for 100 trials"
    assert "native time ends it after 600 s" in said

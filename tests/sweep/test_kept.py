"""What a store keeps of a study beside its attempts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sweep import kept as keeping
from sweep.backends.evaluator import Scenario
from sweep.course import Known
from sweep.judge import judge
from sweep.kept import Kept, course_of, find, keep
from sweep.scenarios import scenarios
from sweep.store.files import FileStore
from sweep.study import Study
from sweep.study_file import StudyError, parse
from sweep.trial import Measurement
from tests.sweep.landscape import study as made_up
from tests.sweep.landscape import sweep

STUDY: Study = made_up(40)


@pytest.fixture(scope="module")
def measured_in() -> tuple[Scenario, ...]:
    return scenarios(STUDY)


@pytest.fixture
def kept(tmp_path: Path, measured_in: tuple[Scenario, ...]) -> Kept:
    """STUDY, kept and run."""
    directory = tmp_path / "store" / STUDY.name
    sweep(STUDY, directory)
    return keep(directory, STUDY, measured_in)


def test_a_kept_study_is_found_as_it_was_kept(kept: Kept, measured_in: tuple[Scenario, ...]) -> None:
    found = find(kept.directory.parent, STUDY.name)
    assert found == kept
    assert found.study == STUDY
    assert dict(found.keys) == {s.name: s.key for s in measured_in}
    assert list(found.keys) == [s.name for s in measured_in]
    assert len(found.identity) == 32
    assert found.known() == []


def test_keeping_again_changes_nothing_but_the_budget(kept: Kept, measured_in: tuple[Scenario, ...]) -> None:
    larger = STUDY.model_copy(update={"budget": made_up(99).budget})
    again = keep(kept.directory, larger, measured_in)
    assert again == replace(kept, study=larger)
    assert find(kept.directory.parent, STUDY.name) == again


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"seed": 5}, "another seed"), ({"sampler": "random", "population": 8}, "another sampler, population")],
)
def test_another_study_of_that_name_is_refused(
    kept: Kept, measured_in: tuple[Scenario, ...], changes: dict[str, object], said: str
) -> None:
    with pytest.raises(StudyError, match=said):
        keep(kept.directory, made_up(40, **changes), measured_in)
    assert find(kept.directory.parent, STUDY.name) == kept


def test_scenarios_that_are_no_longer_what_they_were_are_refused(
    kept: Kept, measured_in: tuple[Scenario, ...]
) -> None:
    changed = (measured_in[0], replace(measured_in[1], key="0" * 16))
    with pytest.raises(
        StudyError, match=f"{changed[1].name}: the workload, the machine profile or the simulator"
    ):
        keep(kept.directory, STUDY, changed)


def test_how_it_stands_is_judged_from_its_attempts(kept: Kept) -> None:
    attempts = FileStore(kept.directory, read_only=True).attempts()
    now = judge(attempts, STUDY.objectives, STUDY.combine, STUDY.bounds(), STUDY.space())
    assert kept.standing() == now
    assert kept.attempts() == attempts


def test_its_course_ends_where_it_stands(kept: Kept) -> None:
    course = course_of(kept.study, kept.attempts())
    assert [moment.trials for moment in course] == [16, 32, 40]
    assert [m.at_s for m in course] == sorted(m.at_s for m in course)
    volumes = [moment.standing.hypervolume for moment in course]
    assert volumes == sorted(volumes)
    now = kept.standing()
    assert course[-1].standing == replace(now, points=())
    assert course_of(kept.study, replace(kept, directory=kept.directory / "none").attempts()) == []


def test_what_is_taken_are_measurements_in_scenarios_of_the_same_key(
    kept: Kept, measured_in: tuple[Scenario, ...]
) -> None:
    """The second scenario is another one; the first has another name here."""
    warm = made_up(40, name="warm", seed=3)
    here = (
        replace(measured_in[1], key="1" * 16),
        replace(measured_in[0], name="renamed"),
    )
    (kept.directory.parent / "warm").mkdir()
    taken = keep(kept.directory.parent / "warm", warm, here, [kept]).known()
    attempts = [a for a in kept.attempts() if a.failure is None]
    first = measured_in[0].name
    wanted: dict[str, Measurement] = {
        a.trial.configuration.key(): dict(a.measurements)[first] for a in attempts
    }
    assert {k.configuration.key(): k.measurements for k in taken} == {
        key: (("renamed", m),) for key, m in wanted.items()
    }
    assert {k.study for k in taken} == {STUDY.name}
    assert all(isinstance(k, Known) for k in taken)
    # It stays, whatever becomes of the study that it was taken from.
    assert find(kept.directory.parent, "warm").known() == taken


def test_a_status_is_replaced_or_left_as_it_is(tmp_path: Path) -> None:
    keeping.write_status(tmp_path, {"state": "running"})
    keeping.write_status(tmp_path, {"state": "complete"})
    assert json.loads((tmp_path / "status.json").read_text()) == {"state": "complete"}
    keeping.write_status(tmp_path / "nowhere", {"state": "running"})  # nothing depends on it
    assert not (tmp_path / "nowhere").exists()


def test_there_is_no_study_where_none_was_kept(tmp_path: Path, kept: Kept) -> None:
    with pytest.raises(StudyError, match=f"{tmp_path}: there is no study here"):
        find(tmp_path, "x")
    with pytest.raises(StudyError, match="there is no study 'made-upp'; did you mean 'made-up'"):
        find(kept.directory.parent, "made-upp")
    assert parse(STUDY.model_dump(), "x") == STUDY

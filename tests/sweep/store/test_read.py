"""The read side: one trial table whatever the course, and questions in SQL."""

import dataclasses
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.store import StoreError, read, record
from sweep.store.files import FileStore
from sweep.trial import METRICS, Attempt, Cause, Evidence, Failure, Interval
from tests.sweep.conftest import attempt
from tests.sweep.store.history import history

WHOLE = list(history(40))
NATIVE = Evidence("native", "m1", 4, 0, (), (("exit_latency_ns.p99", Interval(0.5, 0.25, 1.0)),))


def written(place: Path, attempts: list[Attempt], dice: random.Random) -> Path:
    """In batches and seals as it comes."""
    store = FileStore(place, seal_every=dice.choice([1, 7, 1000]))
    left = list(attempts)
    while left:
        size = dice.randint(1, 9)
        store.append(left[:size])
        del left[:size]
        if dice.random() < 0.1:
            store.seal()
    store.close()
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("study"), WHOLE, random.Random(1))


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> bytes:
    read.write_trials(place, place / "trials.parquet")
    return (place / "trials.parquet").read_bytes()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_trials_are_the_same_bytes_whatever_the_course_was(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: bytes, seed: int
) -> None:
    """Other machines, another order of endings, other times, workers and losses of them, other seals."""
    dice = random.Random(seed)
    course: list[Attempt] = []
    for settled in (a for a in WHOLE if a.settles):
        losses = dice.choice([0, 0, 0, 1, 2])
        for number in range(losses):
            lost = Failure(dice.choice([c for c in Cause if c.is_the_machines]), f"lost {dice.random()}")
            half = settled.measurements[: dice.randint(0, 1)]
            course.append(dataclasses.replace(settled, number=number, failure=lost, measurements=half))
        where = {"worker": f"w{dice.random()}", "started_s": dice.random(), "elapsed_s": dice.random()}
        course.append(dataclasses.replace(settled, number=losses, **where))
    course.sort(key=lambda a: a.trial.number + dice.uniform(0, 12) + a.number)
    place = written(tmp_path_factory.mktemp("other"), course, dice)
    read.write_trials(place, place / "trials.parquet")
    assert (place / "trials.parquet").read_bytes() == undisturbed


def test_what_was_only_simulated_has_no_columns_for_noise(tmp_path: Path, place: Path) -> None:
    """So a simulated study gives the bytes that it gave before there were noisy backends."""
    assert read.trials_table(place).column_names == list(read.TRIAL_COLUMNS)
    noisy = dataclasses.replace(attempt(0), evidence=(("b @ m", NATIVE),))
    table = read.trials_table(written(tmp_path, [noisy, attempt(1)], random.Random(1)))
    assert table.column_names == [*read.TRIAL_COLUMNS, *record.EVIDENCE]
    assert table["machine"].to_pylist() == [None, NATIVE.machine, None, None]
    assert table["ratios"][1].as_py() == [
        {"metric": "exit_latency_ns.p99", "value": 0.5, "low": 0.25, "high": 1.0}
    ]


def test_the_trial_table_has_one_row_for_each_settled_trial_and_scenario(place: Path) -> None:
    rows = read.trials_table(place).to_pylist()
    expected = [
        (a.trial, scenario, a.failure.text if a.failure else None, m)
        for a in sorted((a for a in WHOLE if a.settles), key=lambda a: a.trial.number)
        for scenario, m in a.measurements or [(None, None)]
    ]
    assert [(r["trial"], r["scenario"], r["failure_text"]) for r in rows] == [
        (trial.number, scenario, text) for trial, scenario, text, _ in expected
    ]
    for row, (trial, _, _, measured) in zip(rows, expected, strict=True):
        assert (row["policy"], row["origin"], row["configuration"]) == (
            trial.configuration.policy,
            trial.origin,
            trial.configuration.key(),
        )
        assert {m: row[m] for m in METRICS} == (measured.flat() if measured else dict.fromkeys(METRICS))


def test_a_trial_is_settled_by_the_first_attempt_that_settles_it(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.append([attempt(1, 1), dataclasses.replace(attempt(0), number=0), attempt(1, 2)])
    store.close()
    assert read.trials_table(tmp_path)["trial"].to_pylist() == [0, 0, 1, 1]
    assert read.query(tmp_path, "select trial from trials order by 1")["trial"].to_pylist() == [0, 0, 1, 1]


def test_an_empty_study_has_empty_tables(tmp_path: Path) -> None:
    FileStore(tmp_path).close()
    assert read.trials_table(tmp_path).num_rows == 0
    assert read.query(tmp_path, "from attempts").num_rows == 0
    read.write_trials(tmp_path, tmp_path / "trials.parquet")
    assert pq.read_table(tmp_path / "trials.parquet").column_names == list(read.TRIAL_COLUMNS)


def test_sql_sees_the_same_trials(place: Path) -> None:
    hidden = ", ".join(["params", *record.EVIDENCE])  # nothing here is noisy
    found = read.query(place, f"select * exclude ({hidden}) from trials order by trial, scenario").to_pylist()
    assert found == read.trials_table(place).drop_columns(["params"]).to_pylist()


def test_sql_sees_every_attempt(place: Path) -> None:
    found = read.query(place, "from attempts order by trial, attempt").to_pylist()
    assert [
        (
            r["trial"],
            r["attempt"],
            r["scenarios"],
            r["failure_cause"],
            r["worker"],
            r["started_s"],
            r["elapsed_s"],
        )
        for r in found
    ] == [
        (
            *(a.trial.number, a.number, len(a.measurements), a.failure and a.failure.cause.value),
            *(a.worker, a.started_s, a.elapsed_s),
        )
        for a in WHOLE
    ]


def test_sql_reaches_parameters_by_name(place: Path) -> None:
    answer = read.query(
        place,
        """select policy, (params->'max')::int as max, params->>'lazy' as lazy, "exit_latency_ns.p99"
           from trials where scenario = 'b @ m' and (params->'max')::int < 35 order by max""",
    ).to_pylist()
    expected = [attempt(trial) for trial in range(3)]
    assert answer == [
        {
            "policy": "fixed_batch",
            "max": a.trial.configuration.mapping()["max"],
            "lazy": "true",
            "exit_latency_ns.p99": a.measurement("b @ m").exit_latency_ns.p99,
        }
        for a in expected
    ]


@pytest.mark.parametrize("sql", ["selec 1", "select nothing from trials", "from nowhere"])
def test_wrong_sql_is_said_with_what_there_is(place: Path, sql: str) -> None:
    with pytest.raises(StoreError, match=r"(?s).*tables: trials, attempts; `describe trials`"):
        read.query(place, sql)


def test_reading_what_is_not_there_is_empty_and_makes_nothing(tmp_path: Path) -> None:
    assert read.attempts(tmp_path / "nowhere") == ([], [])
    assert not (tmp_path / "nowhere").exists()

import shutil
from pathlib import Path

import pytest

from sweep.backends.native import placement
from sweep.trial import METRICS, Attempt, Configuration, Measurement, Trial
from tests.beside import made_once
from tests.sweep.small import QUIET, invoke, written


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests measure beside other tests: the CPUs never stay as near each other as on a quiet machine."""
    monkeypatch.setattr(placement, "FIRST_LOOK_NS", 50_000_000)
    monkeypatch.setattr(placement, "PATIENCE_NS", 50_000_000)
    monkeypatch.setattr(placement, "ATTEMPTS", 2)


def measurement(start: int = 1) -> Measurement:
    return Measurement.from_flat({name: start + place for place, name in enumerate(METRICS)})


def attempt(trial: int, number: int = 0) -> Attempt:
    configuration = Configuration.of("fixed_batch", {"max": 32 + trial, "lazy": True})
    measured = (("a @ m", measurement(trial)), ("b @ m", measurement(2 * trial)))
    return Attempt(Trial(trial, configuration, "sampler"), number, measured, None, "host/1", 1.5, 0.25)


@pytest.fixture
def an_attempt() -> Attempt:
    return attempt(0)


@pytest.fixture
def ten_attempts() -> list[Attempt]:
    return [attempt(trial) for trial in range(10)]


@pytest.fixture(scope="session")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the small study after one undisturbed run; to be read only."""

    def launch(place: Path) -> None:
        result = invoke("launch", written(place), "--store", place / "store", *QUIET)
        assert result.exit_code == 0, result.output

    return made_once(tmp_path_factory.mktemp("launched", numbered=False), launch) / "store"


@pytest.fixture
def store(launched: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(launched, tmp_path / "store"))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables: making them takes seconds, copying them nothing."""

    def migrate(place: Path) -> None:
        from mlflow import MlflowClient

        MlflowClient(f"sqlite:///{place / 'mlflow.db'}").search_experiments()

    return made_once(tmp_path_factory.mktemp("empty-database", numbered=False), migrate) / "mlflow.db"

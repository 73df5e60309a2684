from pathlib import Path

import pytest

from tests.beside import made_once


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables: making them takes seconds, copying them nothing."""

    def migrate(place: Path) -> None:
        from mlflow import MlflowClient

        MlflowClient(f"sqlite:///{place / 'mlflow.db'}").search_experiments()

    return made_once(tmp_path_factory.mktemp("empty-database", numbered=False), migrate) / "mlflow.db"

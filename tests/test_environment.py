"""What was installed is what was meant."""

from __future__ import annotations

from importlib import metadata

from sweep import paths


def test_mlflow_is_3() -> None:
    # Beside pyarrow 26 pip falls back to mlflow 1.27 without a word.
    assert metadata.version("mlflow").split(".")[0] == "3"


def test_pyarrow_is_one_that_mlflow_takes() -> None:
    assert int(metadata.version("pyarrow").split(".")[0]) < 26


def test_the_files_that_come_with_the_package_are_found() -> None:
    assert (paths.conf() / "machines" / "vm-2cpu.yaml").is_file()

"""Whether this host can measure a study is said before anything runs, in one message."""

import os
from pathlib import Path

import pytest

from sweep.backends.native import allocators
from tests.sweep.small import QUIET, invoke, words, written

NATIVE = {
    "workloads": [{"name": "giant-exit", "window": [0, 0.1]}],
    "backend": "native",
    "budget": {"trials": 3},
}


def launch(place: Path, *options: str, **changes: object) -> str:
    """What is said; nothing was begun."""
    result = invoke(
        "launch", written(place, **(NATIVE | changes)), "--store", place / "store", *QUIET, *options
    )
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert not (place / "store" / "small" / "study.yaml").exists()
    return words(result.output)


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one, which nobody gets to start."""
    (tmp_path / "bench").write_text("")
    monkeypatch.setenv("SWEEP_BENCH", str(tmp_path / "bench"))


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_without_the_benchmark_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SWEEP_BENCH", str(tmp_path / "nowhere"))
    assert "nowhere: there is no such file" in launch(tmp_path, *options)


def test_a_machine_with_more_cpus_than_this_host_is_refused(tmp_path: Path) -> None:
    said = launch(tmp_path, machines=["server-128cpu"])
    assert f"machine server-128cpu has 128 CPUs, here are {len(os.sched_getaffinity(0))}" in said


@pytest.mark.parametrize(
    ("cpus", "said"), [([4095, 0], "there is no CPU 4095"), ([0], "machine vm-2cpu has 2 CPUs, here are 1")]
)
def test_cpus_that_do_not_do_are_refused(tmp_path: Path, cpus: list[int], said: str) -> None:
    assert said in launch(tmp_path, native={"cpus": cpus})


def test_an_allocator_that_is_not_installed_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocators, "find", lambda soname: None)
    said = launch(tmp_path, native={"allocator": "mimalloc"})
    assert "allocator mimalloc: " in said
    assert "apt-get install libmimalloc" in said


def test_a_program_that_is_none_fails_the_baseline_as_the_machines_fault(tmp_path: Path) -> None:
    """It is tried again, kept with its cause, and the study says what was wrong."""
    result = invoke("launch", written(tmp_path, **NATIVE), "--store", tmp_path / "store", *QUIET)
    assert result.exit_code == 2
    assert "the baseline could not be measured: its workers failed: " in words(result.output)
    assert "cannot be started" in words(result.output)

"""The kernel lab as users reach it: a study begun, gone on with and reported; one trial by hand; what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sweep import kept as keeping
from sweep.backends.kernel.lab import Lab
from tests.sweep.small import QUIET, invoke, words

STUDY: dict[str, object] = {
    "name": "lab",
    "workloads": [{"name": "pgbench-connect", "window": [7.1, 0.02]}],
    "machines": ["vm-2cpu"],
    "backend": "kernel",
    "kernel": {"icount": 1, "max_blocks": 2},
    "policies": ["per_object", "whole_list"],
    "objectives": ["cpu_ns_per_object", "retained_bytes.mean"],
    "budget": {"trials": 1},
}


def written(place: Path, **changes: object) -> Path:
    path = place / "lab.yaml"
    path.write_text(yaml.safe_dump(STUDY | changes))
    return path


@pytest.mark.slow
def test_a_study_is_launched_resumed_and_reported_as_emulated(lab: Lab, tmp_path: Path) -> None:
    store = tmp_path / "store"
    begun = invoke("launch", written(tmp_path), "--store", store, *QUIET)
    assert begun.exit_code == 0, begun.output
    resumed = invoke("resume", "lab", "--set", "budget.trials=2", "--store", store, *QUIET)
    assert resumed.exit_code == 0, resumed.output
    assert "These figures are emulated" in words(resumed.output)
    kept = keeping.find(store, "lab")
    attempts = kept.attempts()
    assert [a.failure for a in attempts] == [None, None]
    for _, evidence in (each for a in attempts for each in a.evidence):
        assert (evidence.level, evidence.blocks, evidence.emulated) == ("kernel", 2, True)
        assert kept.host is not None
        assert evidence.machine == kept.host.key()
    assert str(kept.described()["figures"]).startswith("emulated")
    front = json.loads(invoke("front", "lab", "--store", store, "--format", "json").stdout)
    assert (front["figures"], front["emulated"]) == ("kernel", True)
    for name in ("report.html", "report.md", "recommended.yaml"):
        assert "emulated" in (kept.directory / "results" / name).read_text()


@pytest.mark.slow
def test_one_trial_by_hand_says_that_it_is_emulated(lab: Lab) -> None:
    # Some grace periods long: in 20 ms only the first few callbacks are invoked before the end, of either policy.
    result = invoke(
        "measure", "--backend", "kernel", "--icount", 1, "--workload", "pgbench-connect", "--window", "7.1s,60ms",
        "--policy", "whole_list", "--blocks", 2, "--format", "json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["emulated"] is True
    assert said["figures"].startswith("emulated")
    assert said["fingerprint"]["key"].startswith("emulated-")
    assert 0 < said["metrics"]["callbacks"]["ratio"]["value"] < 0.2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--memory", "3"), "--memory 3: '3' has no unit"),
        (("--memory", "3 MiB"), "--memory 3 MiB: Input should be greater than or equal to 134217728"),
        (("--icount", "1", "--accel", "kvm"), "icount: only an emulated guest has it"),
        (("--cpus", "0,1"), "--cpus: only with --backend native"),
        (("--rcu", "liburcu", "--allocator", "glibc"), "--rcu, --allocator: only with --backend native"),
        (("--set", "size=3"), "size"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_boots(options: tuple[str, ...], said: str) -> None:
    result = invoke(
        "measure", "--backend", "kernel", "--workload", "giant-exit", "--policy", "whole_list", *options
    )
    assert result.exit_code == 2
    assert said in words(result.output)
    assert "Traceback" not in result.output


def test_options_of_a_guest_are_none_of_this_machine() -> None:
    result = invoke("measure", "--workload", "giant-exit", "--icount", 1, "--memcg")
    assert result.exit_code == 2
    assert "--icount, --memcg: only with --backend kernel" in words(result.output)


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_missing_packages_are_said_with_the_line_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SWEEP_KERNEL_ROOT", str(tmp_path))
    monkeypatch.setenv("SWEEP_KERNEL_CACHE", str(tmp_path / "cache"))
    result = invoke("launch", written(tmp_path), "--store", tmp_path / "store", *QUIET, *dry)
    assert result.exit_code == 2
    assert "apt-get install linux-image-6.12-cloud-amd64" in words(result.output)
    assert not (tmp_path / "store" / "lab" / "study.yaml").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kernel": {"cpus": 4}}, "kernel: there is no key 'cpus'"),
        ({"kernel": {"memory_bytes": "64 MiB"}}, "kernel.memory_bytes: input should be greater than"),
        ({"kernel": {"min_blocks": 4, "max_blocks": 2}}, "min_blocks 4 is above max_blocks 2"),
        ({"kernel": {"icount": 1, "accel": "kvm"}}, "only an emulated guest has it"),
        ({"backend": "native"}, "kernel: only with backend: kernel"),
        ({"native": {}}, "native: only with backend: native"),
        ({"budget": {"trials": 1, "native_blocks": 3}}, "native_time_s and native_blocks are for backend: native"),
        ({"ladder": ["native", "kernel"]}, "[simulator, kernel] or [simulator, native, kernel], not"),
        ({"ladder": ["simulator", "kernel"]}, "a ladder needs kernel_time_s or kernel_blocks"),
        (
            {"ladder": ["simulator", "native", "kernel"], "budget": {"trials": 1, "kernel_blocks": 3}},
            "a ladder needs native_time_s or native_blocks",
        ),
    ],
)  # fmt: skip
def test_a_study_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    result = invoke("launch", written(tmp_path, **changes), "--store", tmp_path / "store", *QUIET)
    assert result.exit_code == 2
    assert said in words(result.output)

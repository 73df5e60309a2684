"""`measure` and `selftest` as a user types them, with a program that answers by numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sweep.backends.native import allocators, cpus
from sweep.backends.native.fingerprint import Fingerprint
from sweep.trial import METRICS
from tests.sweep.backends.native import fakes
from tests.sweep.small import invoke, words

TRIAL = ("measure", "--workload", "shell-configure", "--window", "2 s,10 ms", "--policy", "whole_list")


@pytest.fixture(autouse=True)
def _two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the profile of these commands has, whatever is here."""
    monkeypatch.setattr(cpus, "online", lambda: (0, 1, 2))
    monkeypatch.setattr(cpus, "permitted", lambda: (0, 1))


@pytest.fixture
def _answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.answering(tmp_path, monkeypatch)


@pytest.mark.usefixtures("_answering")
def test_the_json_form_is_one_document_and_whole() -> None:
    result = invoke(*TRIAL, "--set", "hurry=true", "--blocks", 3, "--format", "json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["figures"] == "measured on this machine, user space"
    assert (document["policy"], document["params"]) == ("whole_list", {"hurry": True})
    assert document["baseline"] == {"policy": "per_object", "params": {"hurry": False}}
    assert document["window_ns"] == [2_000_000_000, 10_000_000]
    assert (document["blocks"], document["disturbed"], document["quiet"]) == (3, 0, True)
    assert document["fingerprint"]["key"] == Fingerprint.take().key()
    assert document["metrics"].keys() == METRICS.keys() - {"violations"}
    for name, metric in document["metrics"].items():
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert metric["ratio"]["value"] == 1, name
    assert "block 3" in result.stderr


@pytest.mark.usefixtures("_answering")
def test_the_table_says_what_it_is() -> None:
    result = invoke(*TRIAL, "--blocks", 2)
    assert result.exit_code == 0, result.output
    text = words(result.stdout)
    assert "measured on this machine, user space" in text
    assert "2 undisturbed blocks, 0 disturbed." in text
    assert Fingerprint.take().key() in text
    assert all(name in result.stdout for name in METRICS)


def test_what_was_not_measured_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["pinned_slab_bytes.mean", "pinned_slab_bytes.peak"]
    line = fakes.pass_line(metrics=fakes.metrics() | dict.fromkeys(names), unmeasured=names)
    fakes.answering(tmp_path, monkeypatch, line)
    table = words(invoke(*TRIAL, "--allocator", "glibc", "--blocks", 2).stdout)
    assert f"Not measured with this allocator and mode: {', '.join(names)}" in table
    document = json.loads(invoke(*TRIAL, "--allocator", "glibc", "--blocks", 2, "--format", "json").stdout)
    assert document["unmeasured"] == names
    assert not set(names) & document["metrics"].keys()


def test_a_machine_that_is_never_quiet_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = fakes.pass_line(disturbance=fakes.QUIET | {"others_cpu_ns": 10**10})
    fakes.answering(tmp_path, monkeypatch, noisy)
    result = invoke(*TRIAL, "--blocks", 2)
    assert result.exit_code == 0, result.output
    assert "never quiet" in words(result.stdout)
    assert "other processes took" in words(result.stderr)


def test_violations_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.answering(tmp_path, monkeypatch, fakes.pass_line(metrics=fakes.metrics() | {"violations": 5}))
    document = json.loads(invoke(*TRIAL, "--format", "json").stdout)
    assert document["violations"] == 2 * 2 * 5


@pytest.mark.usefixtures("_answering")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--allocator", "tcmalloc"), "'tcmalloc' is not one of"),
        (("--rcu", "qsbr"), "'qsbr' is not one of"),
        (("--cpus", "0"), "CPU set 0: machine vm-2cpu has 2 CPUs, here are 1"),
        (("--cpus", "0,9"), "CPU set 0,9: there is no CPU 9; this host has 0,1,2"),
        (("--cpus", "0,2"), "CPU 2 is not permitted"),
        (("--cpus", "0,0"), "a CPU is named twice"),
        (("--cpus", "two"), "--cpus two: expected CPU numbers such as 0,1 or 2-5"),
        (("--machine", "phone-8core"), "machine phone-8core has 8 CPUs, here are 2"),
        (("--blocks", "1"), "be greater than or equal to 2"),
        (("--window", "5"), "--window 5: expected START,LENGTH"),
        (("--window", "1000 s,1 s"), "the window of shell-configure starts at"),
        (("--set", "hury=true"), "did you mean hurry?"),
        (("--readers", "nobody"), "expected mm_ref or rcu_only"),
        (("--workload", "shell"), "no workload 'shell'"),
    ],
)
def test_bad_input_is_one_message_and_code_2(change: tuple[str, str], message: str) -> None:
    result = invoke(*TRIAL, *change)
    assert result.exit_code == 2, result.output
    assert message in words(result.stderr)
    assert "Traceback" not in result.output
    assert not result.stdout


def test_a_missing_allocator_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.answering(tmp_path, monkeypatch)
    monkeypatch.setattr(allocators, "find", lambda library: None)
    result = invoke(*TRIAL, "--allocator", "jemalloc")
    assert result.exit_code == 2
    assert "apt-get install libjemalloc2" in result.stderr


def test_without_the_program_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_BENCH", str(tmp_path / "none"))
    for command in (TRIAL, ("selftest", "--window", "2 s,10 ms")):
        result = invoke(*command)
        assert result.exit_code == 2
        assert "there is no such file" in words(result.stderr)


# -- selftest --

SELFTEST = ("selftest", "--workload", "shell-configure", "--window", "2 s,10 ms", "--blocks", 4)


def noisy(place: Path, monkeypatch: pytest.MonkeyPatch, by: float) -> None:
    """Each start is slower than the one before by a number that its own count gives; times alone."""
    line = json.dumps(fakes.pass_line())
    fakes.program(
        place,
        monkeypatch,
        f"""import json
count = os.open({str(place / "count")!r}, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
os.write(count, b'x')
number = os.fstat(count).st_size
line = json.loads({line!r})
for name in line["metrics"]:
    if "_ns" in name and not isinstance(line["metrics"][name], bool):
        line["metrics"][name] *= 1 + {by} * (number * 7919 % 13) / 13
print(json.dumps(line))
print('{{"done": true}}')""",
    )


@pytest.mark.usefixtures("_answering")
def test_a_still_machine_passes_its_selftest() -> None:
    result = invoke(*SELFTEST)
    assert result.exit_code == 0, result.output
    assert "Quiet: every interval contains 1 and is within ±3%." in words(result.stdout)


@pytest.mark.usefixtures("_answering")
def test_by_itself_it_takes_small_and_large_exits() -> None:
    document = json.loads(invoke("selftest", "--blocks", 2, "--format", "json").stdout)
    assert [each["trial"].split()[0] for each in document["workloads"]] == [
        "shell-configure",
        "many-mappings",
    ]


def test_a_noisy_machine_says_what_it_can_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy(tmp_path, monkeypatch, by=0.5)
    result = invoke(*SELFTEST, "--format", "json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["workloads"]
    latency = found["metrics"]["exit_latency_ns.mean"]
    assert latency["resolves"] > 0.03
    assert not latency["quiet"]
    assert found["metrics"]["callbacks"]["quiet"]
    p99 = found["metrics"]["exit_latency_ns.p99"]
    assert f"exit_latency_ns.p99 {p99['resolves']:.1%}" in found["verdict"]


def broken(place: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    bodies: dict[str, Any] = {
        "crash": "os.kill(os.getpid(), signal.SIGSEGV)",
        "breach": """print('{"error": "freed twice", "cause": "configuration"}')\nsys.exit(2)""",
    }
    if how == "violations":
        fakes.answering(place, monkeypatch, fakes.pass_line(metrics=fakes.metrics() | {"violations": 1}))
    else:
        fakes.program(place, monkeypatch, "import resource\nresource.setrlimit(4, (0, 0))\n" + bodies[how])


@pytest.mark.parametrize("how", ["crash", "breach", "violations"])
def test_a_broken_benchmark_fails_its_selftest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    broken(tmp_path, monkeypatch, how)
    result = invoke(*SELFTEST)
    assert result.exit_code == 1, result.output
    assert "broken" in result.stderr


def test_the_commands_are_in_the_help() -> None:
    text = invoke("--help").stdout
    assert "measure" in text
    assert "selftest" in text

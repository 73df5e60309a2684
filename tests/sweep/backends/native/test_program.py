"""The runner against programs that misbehave: each failure has its cause, its words, and leaves nobody behind."""

from __future__ import annotations

import json
import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from policies import PolicyError
from sweep.backends.native import allocators, program
from sweep.backends.native.errors import NativeError, NativeUnavailableError
from sweep.trial import Cause
from tests.sweep.backends.native import fakes


def failure(timeout_s: float = 20, **changes: Any) -> NativeError:
    with pytest.raises(NativeError) as raised:
        program.run(fakes.request(**changes), timeout_s=timeout_s)
    return raised.value


def alive(pid: int) -> bool:
    """Whether it runs; the dead may still be waited for by whoever inherited them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_an_answer_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.answering(tmp_path, monkeypatch, fakes.pass_line(0), fakes.pass_line(1))
    found = program.run(fakes.request(passes=2), timeout_s=20)
    assert [each.measurement.flat() for each in found] == [fakes.metrics()] * 2


def test_the_request_arrives_whole_however_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the program answers before it has read: neither side waits for the other."""
    line = fakes.pass_line(details=fakes.DETAILS | {"padding": "x" * 300_000})
    fakes.program(
        tmp_path,
        monkeypatch,
        f"sys.stdout.write({json.dumps(line)!r} + '\\n')\nread = len(sys.stdin.buffer.read())\n"
        "assert read > 10_000_000, read\nprint('{\"done\": true}')",
    )
    many = fakes.replay([fakes.munmap(i, 0, 0, 1) for i in range(500_000)])
    assert len(program.run(fakes.request(replay=many), timeout_s=60)) == 1


def test_not_built_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(program.package, "__path__", [str(tmp_path)])
    monkeypatch.delenv("SWEEP_BENCH", raising=False)
    with pytest.raises(NativeUnavailableError, match="apt-get install liburcu-dev && make build"):
        program.path()
    assert failure().cause is Cause.ENVIRONMENT


def test_an_override_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWEEP_BENCH", str(tmp_path / "none"))
    assert str(tmp_path / "none") in str(failure())


def test_what_is_no_program_cannot_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "bench"
    path.write_bytes(b"\x7fELF, but no more of it")
    path.chmod(0o755)
    monkeypatch.setenv("SWEEP_BENCH", str(path))
    told = failure()
    assert told.cause is Cause.ENVIRONMENT
    assert "cannot be started" in str(told)


def test_garbage_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.program(tmp_path, monkeypatch, "print('hello')")
    told = failure()
    assert told.cause is Cause.ENVIRONMENT
    assert "garbage" in str(told)


def test_garbage_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.program(tmp_path, monkeypatch, "while True: os.write(1, b'x' * 65536)")
    told = failure(timeout_s=120)
    assert told.cause is Cause.ENVIRONMENT
    assert "without end" in str(told)


def test_a_hung_program_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    fakes.program(
        tmp_path,
        monkeypatch,
        f"child = os.fork()\nopen({str(pids)!r}, 'a').write(f'{{os.getpid()}} ')\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)",
    )
    began = time.monotonic()
    told = failure(timeout_s=2)
    assert time.monotonic() - began < 60
    assert told.cause is Cause.ENVIRONMENT
    assert "hung" in str(told)
    started = [int(word) for word in pids.read_text().split()]
    assert len(started) == 2
    deadline = time.monotonic() + 10
    while any(map(alive, started)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(alive, started))


def test_an_answer_counts_although_a_child_keeps_the_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    fakes.program(
        tmp_path,
        monkeypatch,
        f"child = os.fork()\nif child == 0: time.sleep(600)\nopen({str(pid)!r}, 'w').write(str(child))\n"
        f"sys.stdout.write({fakes.answer(fakes.pass_line())!r})\nsys.stdout.flush()\nos._exit(0)",
    )
    assert len(program.run(fakes.request(), timeout_s=300)) == 1
    deadline = time.monotonic() + 10
    while alive(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(int(pid.read_text()))


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGTERM"])
def test_a_signal_is_a_crash_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fakes.program(
        tmp_path,
        monkeypatch,
        "print('slab.c:12: list corrupted', file=sys.stderr)\nsys.stderr.flush()\n"
        f"import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nos.kill(os.getpid(), signal.{name})",
    )
    told = failure()
    assert told.cause is Cause.WORKER_CRASHED
    assert name in str(told)
    assert "list corrupted" in str(told)


@pytest.mark.parametrize(
    ("counts", "cause"),
    [((3, 4), Cause.OUT_OF_MEMORY), ((None, None), Cause.OUT_OF_MEMORY), ((3, 3), Cause.WORKER_CRASHED)],
)
def test_sigkill_is_want_of_memory_if_the_kernel_counted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: tuple[int | None, ...], cause: Cause
) -> None:
    fakes.program(tmp_path, monkeypatch, "os.kill(os.getpid(), signal.SIGKILL)")
    counted = iter(counts)
    monkeypatch.setattr(program, "_oom_kills", lambda: next(counted))
    told = failure()
    assert told.cause is cause
    assert "SIGKILL" in str(told)


@pytest.mark.parametrize("cause", [Cause.CONFIGURATION, Cause.ENVIRONMENT])
def test_the_programs_own_error_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: Cause
) -> None:
    line = json.dumps({"error": "needs the slab allocator", "cause": cause.value})
    fakes.program(tmp_path, monkeypatch, f"print({line!r})\nsys.exit(2)")
    told = failure()
    assert told.cause is cause
    assert "needs the slab allocator" in str(told)
    assert str(told).startswith("per_object")


@pytest.mark.parametrize("code", [1, 2, 127])
def test_an_exit_code_without_words_is_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    text = "error while loading shared libraries: liburcu-memb.so.8: cannot open shared object file"
    fakes.program(tmp_path, monkeypatch, f"print({text!r}, file=sys.stderr)\nsys.exit({code})")
    told = failure()
    assert told.cause is Cause.ENVIRONMENT
    assert f"exit code {code}" in str(told)
    assert "liburcu-memb.so.8" in str(told)


def test_an_error_that_claims_success_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.program(tmp_path, monkeypatch, """print('{"error": "no", "cause": "configuration"}')""")
    assert failure().cause is Cause.ENVIRONMENT


def test_a_wrong_parameter_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.program(tmp_path, monkeypatch, f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(PolicyError):
        program.run(fakes.request(params={"hurry": "perhaps"}), timeout_s=1)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("allocator", ["jemalloc", "mimalloc"])
def test_a_missing_allocator_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allocator: Any
) -> None:
    fakes.answering(tmp_path, monkeypatch)
    monkeypatch.setattr(allocators, "find", lambda library: None)
    told = failure(allocator=allocator)
    assert told.cause is Cause.ENVIRONMENT
    assert f"apt-get install lib{allocator}2" in str(told)


def test_an_allocator_is_preloaded_and_nothing_else_changes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libsomething.so")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    library = tmp_path / "libjemalloc.so.2"
    monkeypatch.setattr(allocators, "find", lambda _: library)
    seen = program._environment(fakes.request(allocator="jemalloc"))
    assert seen["LD_PRELOAD"] == str(library)
    assert seen["SOMETHING_ELSE"] == "kept"
    assert "MALLOC_ARENA_MAX" not in seen
    assert "LD_PRELOAD" not in program._environment(fakes.request(allocator="glibc"))


def test_a_library_that_was_not_loaded_is_not_taken_for_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.answering(tmp_path, monkeypatch, fakes.pass_line(details=fakes.DETAILS))
    monkeypatch.setattr(allocators, "find", lambda library: tmp_path / library.sonames[0])
    told = failure(allocator="mimalloc")
    assert told.cause is Cause.ENVIRONMENT
    assert "malloc was glibc instead of mimalloc" in str(told)


def test_the_build_is_named_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.program(tmp_path, monkeypatch, "pass")
    first = program.build_id()
    assert program.build_id() == first
    fakes.program(tmp_path, monkeypatch, "exit(1)")
    assert program.build_id() != first


@pytest.mark.parametrize("error", [NativeError(Cause.OUT_OF_MEMORY, "text"), NativeUnavailableError("text")])
def test_failures_travel_between_processes(error: NativeError) -> None:
    """A Ray worker hands them to the driver."""
    there = pickle.loads(pickle.dumps(error))
    assert (type(there), there.cause, str(there)) == (type(error), error.cause, "text")


def test_cpus_are_checked_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.program(tmp_path, monkeypatch, f"open({str(tmp_path / 'ran')!r}, 'w')")
    told = failure(cpus=(os.cpu_count() or 1,) * 2)
    assert told.cause is Cause.ENVIRONMENT
    assert not (tmp_path / "ran").exists()

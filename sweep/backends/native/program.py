"""The benchmark program: where it is, and one request answered or a typed failure."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import signal
from pathlib import Path
from typing import Final

import sweep.backends.native as package
from sweep.backends.native import allocators, answer, cpus, process
from sweep.backends.native.answer import Disturbance, Pass
from sweep.backends.native.errors import NativeError, NativeUnavailableError
from sweep.backends.native.request import Request, pack
from sweep.packages import NATIVE
from sweep.trial import Cause, Configuration

__all__ = ["Disturbance", "NativeError", "NativeUnavailableError", "Pass", "build_id", "path", "run"]

_NAME: Final = "_bench"
_EXIT_ERROR: Final = 2  # request.h: the last line says what


def path() -> Path:
    """The executable: `SWEEP_BENCH` if set (a sanitized build, say), else the installed one.

    Raises NativeUnavailableError where there is none.
    """
    override = os.environ.get("SWEEP_BENCH")
    for found in [Path(override)] if override else [Path(d) / _NAME for d in package.__path__]:
        if found.is_file():
            return found
    if override:
        raise NativeUnavailableError(f"SWEEP_BENCH is {override}: there is no such file")
    raise NativeUnavailableError(f"the native benchmark is not built: it needs liburcu; run: {NATIVE}")


def build_id() -> str:
    """16 hexadecimal digits that name this build of the program. Raises NativeUnavailableError."""
    return digest(path())


def digest(file: Path) -> str:
    """16 hexadecimal digits that name that build of a program."""
    return _digest(file, file.stat().st_mtime_ns)


@functools.cache
def _digest(file: Path, _changed_ns: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def run(request: Request, *, timeout_s: float) -> tuple[Pass, ...]:
    """The request's passes.

    timeout_s: beyond the workload's own time; whoever takes longer is killed.
    Raises NativeError by its cause, and policies.PolicyError for a policy or parameter that does not exist.
    """
    cpus.check(request.cpus, request.machine)
    program = path()
    data = pack(request)
    environment = _environment(request)
    before = _oom_kills()
    try:
        ended = process.run([str(program), "-"], data, environment, timeout_s + _own_time_s(request))
    except OSError as error:
        raise NativeUnavailableError(
            f"{program} cannot be started: {error.strerror or error}; run: {NATIVE}"
        ) from None
    if ended.stopped == "time":
        raise NativeError(
            Cause.ENVIRONMENT,
            f"{_what(request)}: the native benchmark hung: no end {timeout_s:g} s after the workload's own time; "
            "it was killed",
        )
    if ended.stopped == "output":
        raise NativeError(
            Cause.ENVIRONMENT,
            f"{_what(request)}: the native benchmark answers garbage without end; it was killed",
        )
    if ended.code < 0:
        raise _killed(request, -ended.code, before, ended.stderr)
    if ended.code == _EXIT_ERROR and (told := answer.error(ended.stdout)):
        raise NativeError(told.cause, f"{_what(request)}: {told}")
    if ended.code != 0:
        raise NativeError(
            Cause.ENVIRONMENT,
            f"{_what(request)}: the native benchmark ended with exit code {ended.code}"
            f"{_last_words(ended.stderr)}; if a library is missing, run: {NATIVE}",
        )
    found = answer.passes(ended.stdout, request.passes)
    _check_malloc(request, found[0])
    return found


def _what(request: Request) -> str:
    return str(Configuration.of(request.policy, request.params))


def _own_time_s(request: Request) -> float:
    rows = min(request.nr_warmup_rows, len(request.replay.t_ns))
    warmup_ns = int(request.replay.t_ns[rows - 1]) if rows else 0
    waits = request.passes + bool(rows)
    return (request.passes * request.replay.duration_ns + warmup_ns + waits * request.line_patience_ns) / 1e9


def _environment(request: Request) -> dict[str, str]:
    """This process's, without what would change an allocator unseen."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "LD_PRELOAD" and not name.startswith(allocators.TUNABLES)
    }
    library = allocators.preload(request.allocator)
    return kept if library is None else kept | {"LD_PRELOAD": str(library)}


def _check_malloc(request: Request, found: Pass) -> None:
    """The loader only warns where it could not preload a library."""
    if request.allocator in allocators.LIBRARIES and found.details.get("malloc") != request.allocator:
        raise NativeError(
            Cause.ENVIRONMENT,
            f"{_what(request)}: malloc was {found.details.get('malloc')} instead of {request.allocator}: the "
            "library was found but not loaded",
        )


def _oom_kills() -> int | None:
    """Processes that the out-of-memory killer ended on this host so far, for a cgroup's limit or for the
    host's sake (OOM_KILL of /proc/vmstat; __oom_kill_process, mm/oom_kill.c)."""
    try:
        match = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) if match else None


def _killed(request: Request, number: int, oom_kills_before: int | None, stderr: str) -> NativeError:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    what = f"{_what(request)}: the native benchmark was killed by {name}"
    if number == signal.SIGKILL:
        after = _oom_kills()
        if after is None or oom_kills_before is None or after > oom_kills_before:
            return NativeError(
                Cause.OUT_OF_MEMORY,
                f"{what}: the out-of-memory killer; give it more memory, or a shorter workload",
            )
        return NativeError(Cause.WORKER_CRASHED, f"{what}, and not for want of memory: somebody ended it")
    return NativeError(Cause.WORKER_CRASHED, what + _last_words(stderr))


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return f": {lines[-1][:200]}" if lines else ""

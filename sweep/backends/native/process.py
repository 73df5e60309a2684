"""A process that is given its input, bounded in time and output, and never left behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

MAX_OUTPUT_BYTES: Final = 64 << 20
_CHUNK_BYTES: Final = 1 << 16
_GRACE_S: Final = 1.0  # from the end of the process to that of its outputs


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended. code: its exit code, or minus the signal that killed it, as subprocess has it.
    stopped: why it was killed by us, empty if it was not."""

    code: int
    stdout: str
    stderr: str
    stopped: Literal["", "time", "output"]


def run(
    command: Sequence[str],
    stdin: bytes,
    environment: Mapping[str, str],
    timeout_s: float,
    max_output_bytes: int = MAX_OUTPUT_BYTES,
) -> Ended:
    """Run it in a session of its own and kill all of that session in the end, whatever happens here.

    Raises OSError where it cannot be started.
    """
    with tempfile.TemporaryFile() as file:
        file.write(stdin)
        file.seek(0)
        started = subprocess.Popen(
            command,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    with started:
        try:
            stopped, outputs = _follow(started, time.monotonic() + timeout_s, max_output_bytes)
        finally:
            # Not reaped yet, so nobody else can have its number; what it started may still be there.
            os.killpg(started.pid, signal.SIGKILL)
        out, err = (output.decode(errors="replace") for output in outputs)
        return Ended(started.wait(), out, err, stopped)


def _follow(
    started: subprocess.Popen[bytes], ends_s: float, max_bytes: int
) -> tuple[Literal["", "time", "output"], list[bytearray]]:
    """Until the process has ended and both outputs with it."""
    outputs = [bytearray(), bytearray()]
    ended = os.pidfd_open(started.pid)
    try:
        with selectors.DefaultSelector() as selector:
            for pipe, output in zip((started.stdout, started.stderr), outputs, strict=True):
                assert pipe is not None
                selector.register(pipe, selectors.EVENT_READ, output)
            selector.register(ended, selectors.EVENT_READ)
            alive = True
            while selector.get_map():
                left_s = ends_s - time.monotonic()
                if left_s <= 0:
                    return "time" if alive else "", outputs
                for key, _ in selector.select(left_s):
                    if key.fd == ended:
                        alive = False
                        # What it left behind may hold its pipes open.
                        ends_s = min(ends_s, time.monotonic() + _GRACE_S)
                        selector.unregister(ended)
                    elif chunk := os.read(key.fd, _CHUNK_BYTES):
                        key.data.extend(chunk)
                        if len(key.data) > max_bytes:
                            return "output", outputs
                    else:
                        selector.unregister(key.fileobj)
    finally:
        os.close(ended)
    return "", outputs

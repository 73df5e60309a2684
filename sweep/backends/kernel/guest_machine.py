"""One running guest: booted, spoken to over its port, ended by its process id.

Whatever goes wrong in there - a panic, a hang, no memory - is a GuestError with the console's last lines.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from sweep.backends.kernel.boot import Accelerator, BootSettings
from sweep.backends.kernel.console import extract
from sweep.backends.kernel.image import KernelImage, find_program

BOOT_TIMEOUT_S: Final = {"kvm": 20.0, "tcg": 90.0}
_END_TIMEOUT_S: Final = 10.0


class GuestError(RuntimeError):
    """The guest is gone, or does not answer. The message ends with the console's last lines."""


class Frame(IntEnum):
    """As in guest/init.c."""

    TRIAL = 1
    ABORT = 2
    UNLOAD = 3
    LOAD = 4
    OFF = 5
    CURVE = 6


def _dies_with_us() -> list[str]:
    """What makes the kernel end QEMU when this process is gone, however it went (util-linux's setpriv uses
    PR_SET_PDEATHSIG, which an exec keeps). Without the program, a guest outlives a killed parent."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL"] if program else []


class Guest:
    """A booted guest with the module loaded. A context manager: at its end no process is left.

    Where its time goes by instructions, it stands still between requests: idle, it would skip from tick to tick
    on all of a CPU.
    """

    def __init__(
        self,
        image: KernelImage,
        initramfs: Path,
        settings: BootSettings,
        accelerator: Accelerator,
        boot_timeout_s: float | None = None,
    ) -> None:
        """Boots, within BOOT_TIMEOUT_S if no other time is given. Raises GuestError when it does not, and LabError
        where QEMU is missing."""
        self._stands_still = settings.icount is not None
        self.accelerator = accelerator
        program = find_program("qemu-system-x86_64")
        # Files in memory: whoever is killed leaves none behind.
        self._console, self._errors = (os.fdopen(os.memfd_create(name)) for name in ("console", "errors"))
        self._port, theirs = socket.socketpair()
        self._received = b""
        console = Path(f"/dev/fd/{self._console.fileno()}")
        arguments = settings.arguments(accelerator, image.vmlinuz, initramfs, console, theirs.fileno())
        self._process = subprocess.Popen(
            [*_dies_with_us(), program, *arguments],
            pass_fds=[self._console.fileno(), theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )
        theirs.close()
        try:
            ready = self._answer(boot_timeout_s or BOOT_TIMEOUT_S[accelerator])
            if ready.get("ready") != 0:
                raise self._error(f"the module could not be loaded ({os.strerror(ready.get('ready', 0))})")
            self._rest()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of QEMU."""
        return self._process.pid

    def console(self) -> str:
        """All that the guest's kernel has said so far."""
        return _text(self._console)

    # -- trials -----------------------------------------------------------------------------------

    def begin(self, request: bytes) -> None:
        """Hand a trial over. Raises GuestError."""
        self._send(Frame.TRIAL, request)

    def answers(self, timeout_s: float) -> Iterator[dict[str, Any]]:
        """The JSON lines of a trial, without the last. Raises GuestError after timeout_s."""
        until = time.monotonic() + timeout_s
        while not (line := self._answer(until - time.monotonic())).get("done"):
            yield line
        self._rest()

    def trial(self, request: bytes, timeout_s: float) -> list[dict[str, Any]]:
        """Run a trial to its end."""
        self.begin(request)
        return list(self.answers(timeout_s))

    def curve(self, words: str, line_timeout_s: float) -> Iterator[dict[str, Any]]:
        """The JSON lines of guest/curve.c, given these words. Raises GuestError, also when it says nothing for
        line_timeout_s."""
        self._send(Frame.CURVE, words.encode())
        while not (line := self._answer(line_timeout_s)).get("done"):
            yield line
        self._rest()

    def abort(self, timeout_s: float = 60.0) -> None:
        """End the trial that runs, if any; what it had said is dropped. Raises GuestError."""
        self._send(Frame.ABORT)
        until = time.monotonic() + timeout_s
        while "aborted" not in self._answer(until - time.monotonic()):
            pass
        self._rest()

    def unload(self, timeout_s: float = 60.0) -> int:
        """Unload the module: 0, or the error number (EAGAIN while a trial runs). Raises GuestError, also when slab
        caches of its are left."""
        self._send(Frame.UNLOAD)
        left = int(self._answer(timeout_s)["caches_left"])
        error = int(self._answer(timeout_s)["unloaded"])
        self._rest()
        if left:
            raise self._error(f"the module is gone, and {left} of its slab caches are left")
        return error

    def load(self, timeout_s: float = 60.0) -> int:
        """Load the module again: 0, or the error number. Raises GuestError."""
        self._send(Frame.LOAD)
        error = int(self._answer(timeout_s)["loaded"])
        self._rest()
        return error

    def close(self) -> None:
        """End the guest: asked first, then by its process id."""
        if self._process.poll() is None:
            try:
                self._send(Frame.OFF)
                self._process.wait(_END_TIMEOUT_S)
            except (GuestError, subprocess.TimeoutExpired):
                self._process.kill()
                self._process.wait()
        for each in (self._port, self._console, self._errors):
            each.close()

    # -- the port ---------------------------------------------------------------------------------

    def _rest(self) -> None:
        if self._stands_still:
            self._process.send_signal(signal.SIGSTOP)

    def _send(self, kind: Frame, data: bytes = b"") -> None:
        self._process.send_signal(signal.SIGCONT)
        try:
            self._port.settimeout(60.0)
            self._port.sendall(struct.pack("=IIQ", kind, 0, len(data)) + data)
        except OSError as error:
            raise self._error(f"the guest takes no request ({error})") from error

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        """The next line that the guest says."""
        until = time.monotonic() + timeout_s
        while b"\n" not in self._received:
            left = until - time.monotonic()
            if left <= 0:
                raise self._error("the guest does not answer in time")
            if not select.select([self._port], [], [], min(left, 1.0))[0]:
                if self._process.poll() is not None:
                    raise self._error("the guest has ended")
                continue
            self._received += self._receive()
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _receive(self) -> bytes:
        try:
            data = self._port.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            raise self._error("the guest has ended")
        return data

    def _error(self, what: str) -> GuestError:
        parts = (what, _text(self._errors).strip(), extract(self.console()))
        return GuestError("\n".join(part for part in parts if part))


def _text(file: IO[str]) -> str:
    """All that QEMU has written to it. By pread(): its place in the file is QEMU's, too, which must not move."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

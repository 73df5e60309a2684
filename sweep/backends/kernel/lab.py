"""Runs trials in guests: one guest at a time, kept while the boot settings stay the same.

A guest that panics, hangs, runs out of memory, or whose kernel says that something is wrong ends the
trial that it runs, with the console's last lines as the reason; the next trial boots a fresh one.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel.boot import Accelerator, BootSettings
from sweep.backends.kernel.build import build
from sweep.backends.kernel.console import ran_out_of_memory, troubles
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.guest_machine import Guest, GuestError
from sweep.backends.kernel.image import KernelImage, find_image
from sweep.backends.kernel.initramfs import initramfs
from sweep.backends.kernel.request import LabAnswer, LabTrial, decode, encode
from sweep.trial import Cause

_TIME_FACTOR: Final = {"kvm": 2.0, "tcg": 40.0}
"""Real seconds that a second of the guest may take. Emulated guests share their CPUs with others."""

_GRACE_S: Final = 60.0
_CACHE: Final = "SWEEP_KERNEL_CACHE"

_BOOTS: Final = 3
_MISSED_PATCH: Final = "Oops: int3"
"""What a kernel said that died in booting, under QEMU's emulation with a host thread per CPU, before the module was
loaded. Probably it ran the breakpoint that stands in code while it is patched (text_poke_bp_batch() in
arch/x86/kernel/alternative.c, 6.12) without being let on."""


@dataclass(frozen=True, slots=True)
class LabResult:
    """One measured trial. emulated: its times are those of an emulator, and no machine's."""

    answer: LabAnswer
    boot: BootSettings
    release: str
    emulated: bool


@dataclass(frozen=True, slots=True)
class BootedTrial:
    """A trial and the boot that it needs."""

    trial: LabTrial
    boot: BootSettings


class Runs(Protocol):
    """Where trials run: in guests, or on the host's own kernel."""

    def run(self, trial: LabTrial, boot: BootSettings) -> LabResult:
        """Measure. Raises EvaluationError with its cause, and policies.PolicyError before anything runs."""
        ...


class Lab:
    """Where trials run. A context manager: at its end no guest is left."""

    def __init__(
        self,
        cache: Path,
        accelerator: Accelerator | None = None,
        say: Callable[[str], None] = lambda text: None,
        policy_files: Mapping[str, Path] | None = None,
    ) -> None:
        """cache: for what is built. accelerator: None, KVM where a guest boots with it, else emulation; `say` is
        told. policy_files: C files by policy; None, every policy of the catalogue. Builds the module; raises
        LabError where something is missing."""
        self.image: KernelImage = find_image()
        with alone_in(cache):
            module = build(self.image.headers, cache, policy_files)
            self._initramfs = initramfs(module, cache, self.image.drivers)
        self._accelerator = accelerator
        self._say = say
        self._guest: Guest | None = None
        self._boot: BootSettings | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the guest, if there is one."""
        if self._guest is not None:
            self._guest.close()
        self._guest = None

    def accelerator(self, boot: BootSettings) -> Accelerator:
        """How a guest with these settings runs; found out by booting one, where that must be. Raises GuestError."""
        if boot.icount is not None:
            return "tcg"
        if self._accelerator is None:
            guest = self._try_kvm(boot)
            self._accelerator = "kvm" if guest else "tcg"
            if guest:
                self.close()
                self._guest, self._boot = guest, boot
        return self._accelerator

    def guest(self, boot: BootSettings) -> Guest:
        """The guest with these settings, booted if need be. Raises GuestError."""
        accelerator = self.accelerator(boot)
        if self._guest is None or self._boot != boot:
            self.close()
            self._guest = self._with(boot, accelerator)
            self._boot = boot
        return self._guest

    def _with(self, boot: BootSettings, accelerator: Accelerator) -> Guest:
        for _ in range(_BOOTS - 1):
            try:
                return Guest(self.image, self._initramfs, boot, accelerator)
            except GuestError as error:
                if accelerator != "tcg" or _MISSED_PATCH not in str(error):
                    raise
                self._say(f"the emulated kernel died in booting ({_MISSED_PATCH}): it is booted again")
        return Guest(self.image, self._initramfs, boot, accelerator)

    def _try_kvm(self, boot: BootSettings) -> Guest | None:
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            self._say("no usable /dev/kvm: the guest is emulated; its times are no machine's")
            return None
        try:
            return self._with(boot, "kvm")
        except GuestError as error:
            reason = str(error).splitlines()[1:2] or str(error).splitlines()
            self._say(f"no guest boots with KVM ({reason[0]}): it is emulated; its times are no machine's")
            return None

    def run(self, trial: LabTrial, boot: BootSettings) -> LabResult:
        """Measure. Raises EvaluationError with its cause, and policies.PolicyError before anything runs."""
        return self.run_request(encode(trial), boot, trial.replay.duration_ns)

    def run_request(self, request: bytes, boot: BootSettings, duration_ns: int) -> LabResult:
        """The same for a request that is encoded already. duration_ns: of its workload."""
        try:
            guest = self.guest(boot)
            before = len(troubles(guest.console()))
            (answer,) = guest.trial(request, _timeout_s(duration_ns, guest.accelerator))
        except GuestError as error:
            self.close()
            raise EvaluationError(str(error), _cause(str(error))) from error
        said = troubles(guest.console())[before:]
        if said:
            self.close()
            told = f"{answer['error']}; " if "error" in answer else ""
            raise EvaluationError(
                f"{told}the guest's kernel complains:\n" + "\n".join(said), Cause.WORKER_CRASHED
            )
        return result_of(answer, boot, self.image.release, emulated=guest.accelerator == "tcg")

    def run_all(
        self, trials: Iterable[BootedTrial]
    ) -> Iterator[tuple[BootedTrial, LabResult | EvaluationError]]:
        """All of them, those of one boot together; each ends in a result or its own failure."""
        groups: dict[BootSettings, list[BootedTrial]] = {}
        for trial in trials:
            groups.setdefault(trial.boot, []).append(trial)
        for group in groups.values():
            for booted in group:
                try:
                    yield booted, self.run(booted.trial, booted.boot)
                except EvaluationError as error:
                    yield booted, error


def result_of(answer: Mapping[str, Any], boot: BootSettings, release: str, *, emulated: bool) -> LabResult:
    """What the module's first line says. Raises EvaluationError where that is an error."""
    if "error" in answer:
        raise EvaluationError(answer["error"], Cause(answer["cause"]))
    return LabResult(decode(answer), boot, release, emulated)


@functools.cache
def shared(cache: Path, accelerator: Accelerator) -> Lab:
    """This process's lab: its guest lasts over all trials, and ends with the process. Raises LabError."""
    lab = Lab(cache, accelerator)
    atexit.register(lab.close)
    return lab


def cache_directory() -> Path:
    """Where modules and initramfs are built, once for all: $SWEEP_KERNEL_CACHE, or rcu-sweep below the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get(_CACHE) or base / "rcu-sweep" / "kernel-lab")


@contextmanager
def alone_in(cache: Path) -> Iterator[None]:
    """One process builds at a time. Raises LabError where the directory cannot be used."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise LabError(
            f"{cache}: {error.strerror or error}; make it writable, or name another directory by {_CACHE}"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _timeout_s(duration_ns: int, accelerator: Accelerator) -> float:
    return _GRACE_S + _TIME_FACTOR[accelerator] * duration_ns / 1e9


def _cause(text: str) -> Cause:
    return Cause.OUT_OF_MEMORY if ran_out_of_memory(text) else Cause.WORKER_CRASHED

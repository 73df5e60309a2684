"""Runs trials on the kernel that runs here: no guest, no emulator, and a module in your own kernel.

The same module, requests and answers as in a guest; what goes over a guest's port goes over the device at once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.build import build
from sweep.backends.kernel.console import extract, troubles
from sweep.backends.kernel.device import DEVICE
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.fingerprint import LabFingerprint, host_cpu, host_is_emulated, module_digest
from sweep.backends.kernel.host_checks import HostKernel
from sweep.backends.kernel.lab import LabResult, alone_in, result_of
from sweep.backends.kernel.request import LabTrial, encode
from sweep.packages import apt
from sweep.trial import Cause

_SBIN: Final = os.pathsep.join((os.environ.get("PATH", ""), "/sbin", "/usr/sbin"))
_GRACE_S: Final = 60.0
_SLABS: Final = Path("/proc/slabinfo")


class HostLab:
    """A context manager: loads the module, and unloads it at its end, which waits for every callback."""

    def __init__(self, cache: Path, kernel: HostKernel) -> None:
        """Builds the module. Raises LabError where a check forbids to load it."""
        if faults := kernel.faults():
            raise LabError("--host: " + "; ".join(faults))
        self._kernel = kernel
        with alone_in(cache):
            self._module = build(kernel.headers, cache)

    def __enter__(self) -> Self:
        self._call("insmod", str(self._module))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call("rmmod", "rcu_sweep")
        left = _SLABS.read_text().count("\nrcu_sweep_") if _SLABS.exists() else 0
        if left:
            raise LabError(
                f"the module is unloaded, and {left} of its slab caches are left: boot this host anew"
            )

    def fingerprint(self, *, memcg: bool) -> LabFingerprint:
        """Of this host."""
        parameter = Path("/sys/module/rcutree/parameters/use_softirq")
        return LabFingerprint(
            accelerator="none",
            emulated=host_is_emulated(),
            qemu=None,
            kernel_release=self._kernel.release,
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            softirq=not parameter.exists() or parameter.read_text().strip() in ("Y", "1"),
            memcg=memcg,
            icount=None,
            host_cpu=host_cpu(),
            module=module_digest(),
        )

    def run(self, trial: LabTrial, boot: BootSettings) -> LabResult:
        """Measure. boot: of which only the number of CPUs is looked at; the rest is as this kernel was booted. Raises
        EvaluationError with its cause, and policies.PolicyError before anything runs."""
        if boot.nr_cpus > (here := os.cpu_count() or 1):
            raise EvaluationError(f"the machine has {boot.nr_cpus} CPUs, here are {here}", Cause.ENVIRONMENT)
        before = len(troubles(self._log()))
        command = [sys.executable, "-m", "sweep.backends.kernel.device", str(DEVICE)]
        timeout_s = _GRACE_S + 2 * trial.replay.duration_ns / 1e9
        try:
            done = subprocess.run(
                command, input=encode(trial), capture_output=True, check=False, timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            raise EvaluationError(
                f"no end of a trial within {timeout_s:g} s\n{extract(self._log())}", Cause.WORKER_CRASHED
            ) from None
        if said := troubles(self._log())[before:]:
            raise EvaluationError("the kernel complains:\n" + "\n".join(said), Cause.WORKER_CRASHED)
        if done.returncode:
            raise EvaluationError(done.stderr.decode(errors="replace").strip(), Cause.ENVIRONMENT)
        answer = json.loads(done.stdout.splitlines()[0])
        return result_of(answer, boot, self._kernel.release, emulated=host_is_emulated())

    def _log(self) -> str:
        return self._call("dmesg")

    def _call(self, name: str, *arguments: str) -> str:
        program = shutil.which(name, path=_SBIN)
        if program is None:
            raise LabError(f"{name} is missing: {apt('module tools')}")
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"{' '.join((name, *arguments))}: {done.stderr.strip()}")
        return done.stdout

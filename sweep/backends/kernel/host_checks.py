"""Whether this host may load the lab's module into the kernel that runs, and what would be done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sweep.packages import apt

FLAG: Final = "--i-understand-this-loads-a-module"
_SECURE_BOOT: Final = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""EFI's global variable (UEFI 2.10, 3.3); the last byte is 1 where secure boot is on. efivarfs puts four before it."""


@dataclass(frozen=True, slots=True)
class Check:
    """fine: None where it could not be read, which forbids nothing."""

    what: str
    fine: bool | None
    said: str


@dataclass(frozen=True, slots=True)
class HostKernel:
    """The kernel that runs, as its files below `root` (which is / but in tests) show it."""

    release: str
    root: Path = Path("/")
    user: int = 0

    @classmethod
    def here(cls) -> HostKernel:
        """The one that this runs on."""
        return cls(os.uname().release, user=os.geteuid())

    @property
    def headers(self) -> Path:
        """Its build directory."""
        return self.root / "lib/modules" / self.release / "build"

    def checks(self) -> tuple[Check, ...]:
        """All that must be so, in the order in which it would matter."""
        return tuple(self._checks())

    def _checks(self) -> Iterator[Check]:
        yield Check("root", self.user == 0, f"user {self.user}; loading a module needs root: sudo")
        modules = (self.root / "proc/modules").exists()
        yield Check("modules", modules, "this kernel has none (CONFIG_MODULES is off)")
        disabled = self._text("proc/sys/kernel/modules_disabled")
        yield Check(
            "loading allowed", None if disabled is None else disabled == "0", "kernel.modules_disabled is set"
        )
        there = (self.headers / "Makefile").exists()
        yield Check(
            "headers", there, f"none in {self.headers}: {apt('C compiler')} linux-headers-{self.release}"
        )
        lockdown = self._text("sys/kernel/security/lockdown")
        yield Check(
            "lockdown", None if lockdown is None else "[none]" in lockdown, f"{lockdown}: no unsigned module"
        )
        secure = self._secure_boot()
        yield Check(
            "secure boot off",
            None if secure is None else not secure,
            "it is on: sign the module, or boot without",
        )
        loaded = (self.root / "sys/module/rcu_sweep").exists()
        yield Check("not loaded yet", not loaded, "module rcu_sweep is loaded: rmmod rcu_sweep")

    def _text(self, path: str) -> str | None:
        try:
            return (self.root / path).read_text().strip()
        except OSError:
            return None

    def _secure_boot(self) -> bool | None:
        try:
            return (self.root / _SECURE_BOOT).read_bytes()[-1:] == b"\1"
        except OSError:
            return None

    def plan(self) -> str:
        """What would be done, and how each check stands, for people."""
        lines = [
            f"--host: would build the lab's module against {self.headers}, load it into the running kernel "
            f"({self.release}), run trials as kernel threads on its CPUs, and unload it.",
            "A fault in a module is a fault of the kernel: use a test machine. Nothing was done.",
        ]
        for check in self.checks():
            state = {True: "yes", False: f"NO: {check.said}", None: "cannot be read"}[check.fine]
            lines.append(f"  {check.what}: {state}")
        lines.append(f"To do it: add {FLAG}")
        return "\n".join(lines)

    def faults(self) -> list[str]:
        """Checks that forbid it, in words."""
        return [f"{check.what}: {check.said}" for check in self.checks() if check.fine is False]

"""What a guest is, for a measurement: the key of every result of the kernel lab.

Times of an emulator are no machine's. The word stands in the key, in the document and in the summary, so that
they can be taken for nothing else, wherever they go.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sweep import units
from sweep.backends.kernel.boot import Accelerator
from sweep.backends.kernel.build import policy_sources, sources
from sweep.backends.kernel.image import find_image, find_program
from sweep.backends.kernel.settings import KernelSettings
from sweep.trial import EMULATED

KIND: Final = "kernel lab"


@dataclass(frozen=True, slots=True)
class LabFingerprint:
    """Equal ones may be compared; unlike ones are never merged.

    accelerator: how the guest runs; "none" is no guest but the host's own kernel. emulated: its times are no machine's.
    icount: None, or the shift by which time goes by instructions. host_cpu: what a guest's time depends on too; None
    where time goes by instructions, which are the same everywhere. module: of its sources.
    What a boot has beside (CPUs, offloaded, lazy) is the machine profile's, and so the scenario's.
    """

    accelerator: str
    emulated: bool
    qemu: str | None
    kernel_release: str
    memory_bytes: int
    softirq: bool
    memcg: bool
    icount: int | None
    host_cpu: str | None
    module: str

    @classmethod
    def take(cls, settings: KernelSettings, accelerator: Accelerator) -> Self:
        """Of the guests that this host boots with these settings. Raises LabError where something is missing."""
        return cls(
            accelerator=accelerator,
            emulated=accelerator == "tcg",
            qemu=_qemu_version(),
            kernel_release=find_image().release,
            memory_bytes=settings.memory_bytes,
            softirq=settings.softirq,
            memcg=settings.memcg,
            icount=settings.icount,
            host_cpu=None if settings.icount is not None else host_cpu(),
            module=module_digest(),
        )

    def key(self) -> str:
        """`emulated-` or `guest-` (`host-` without a guest), and 16 hexadecimal digits: the same for the same facts."""
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"))
        kind = EMULATED if self.emulated else "host-" if self.accelerator == "none" else "guest-"
        return kind + hashlib.sha256(text.encode()).hexdigest()[:16]

    def document(self) -> dict[str, Any]:
        """Facts by name, ready for JSON."""
        return {"kind": KIND, **dataclasses.asdict(self)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `document()`. Raises ValueError for other facts."""
        facts = {name: value for name, value in document.items() if name != "kind"}
        names = {field.name for field in dataclasses.fields(cls)}
        if wrong := sorted(facts.keys() ^ names):
            raise ValueError(f"not a fingerprint of a guest: unknown or missing {wrong}")
        return cls(**facts)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each fact and its value as people read it."""
        here = "no guest, but emulated itself: its times are no machine's" if self.emulated else "no guest"
        how = {"tcg": "emulated (tcg): its times are no machine's", "kvm": "KVM", "none": here}
        yield "runs", how.get(self.accelerator, self.accelerator)
        yield "QEMU", self.qemu or "none"
        yield "kernel release", self.kernel_release
        yield "memory", units.format_size(self.memory_bytes)
        yield "callbacks run in", "softirq" if self.softirq else "rcuc kthreads"
        yield "objects charged", "yes" if self.memcg else "no"
        yield (
            "time goes by",
            "the host's clock" if self.icount is None else f"instructions, {2**self.icount} ns each",
        )
        yield "host CPU", self.host_cpu or "without influence"
        yield "module", self.module

    def summary(self) -> str:
        """The guest in a few words."""
        if self.accelerator == "none":
            kind = "emulated, " if self.emulated else ""
            return f"{kind}Linux {self.kernel_release} of {self.host_cpu or 'an unknown CPU'}"
        clock = ", time by instructions" if self.icount is not None else ""
        kind = f"an emulated guest{clock}" if self.emulated else "a guest with KVM"
        return f"{kind}, Linux {self.kernel_release}"


def module_digest() -> str:
    """16 hexadecimal digits of all that the module is built from."""
    return hashlib.sha256(repr(sorted(sources(policy_sources()).items())).encode()).hexdigest()[:16]


def host_cpu(root: Path = Path("/")) -> str | None:
    """The model of this host's CPU, as files below `root` say."""
    found = re.search(r"^model name\s*:\s*(.*)$", (root / "proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else os.uname().machine


def host_is_emulated(root: Path = Path("/")) -> bool:
    """Whether this host is itself a machine that QEMU emulates: its CPU has a name of QEMU's, as it may have with KVM,
    and KVM's clock is missing."""
    clocks = root / "sys/devices/system/clocksource/clocksource0/available_clocksource"
    has_kvm = clocks.exists() and "kvm-clock" in clocks.read_text()
    return (host_cpu(root) or "").startswith("QEMU ") and not has_kvm


def _qemu_version() -> str | None:
    command = [find_program("qemu-system-x86_64"), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else None

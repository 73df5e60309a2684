"""Which kernel the guest boots: an image and the headers that belong to it."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sweep.backends.kernel.errors import LabError
from sweep.packages import KERNEL_LAB

_ROOT: Final = "SWEEP_KERNEL_ROOT"
_RELEASE: Final = "SWEEP_KERNEL_RELEASE"

_PORT: Final = (
    *("virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_modern_dev", "virtio/virtio_pci_legacy_dev"),
    *("virtio/virtio_pci", "char/virtio_console"),
)
"""Drivers of the guest's port, in the order of their needs. In Debian's 6.1 they are modules, in 6.12 built in."""


@dataclass(frozen=True, slots=True)
class KernelImage:
    """release: as `uname -r` in the guest. headers: its build directory. drivers: modules of its that the guest's port
    needs, in the order in which they are loaded."""

    release: str
    vmlinuz: Path
    headers: Path
    drivers: tuple[Path, ...] = ()


def kernel_root() -> Path:
    """Below which kernels and headers are looked for: $SWEEP_KERNEL_ROOT, by default /."""
    return Path(os.environ.get(_ROOT, "/"))


def find_image(release: str = "") -> KernelImage:
    """The newest kernel below $SWEEP_KERNEL_ROOT (default /) that has an image in boot/ and headers in
    lib/modules/RELEASE/build or usr/src/linux-headers-RELEASE. release: that, or how it begins (6.1); by default
    $SWEEP_KERNEL_RELEASE, or any. Raises LabError if there is none."""
    root, wanted = kernel_root(), release or os.environ.get(_RELEASE, "")
    images = [
        image for path in (root / "boot").glob("vmlinuz-*") if (image := _image(root, path)) is not None
    ]
    if not images:
        raise LabError(f"no kernel with its headers below {root}: {KERNEL_LAB} (or set {_ROOT})")
    matching = [i for i in images if not wanted or re.match(rf"{re.escape(wanted)}(?![^.-])", i.release)]
    if not matching:
        there = ", ".join(sorted(image.release for image in images))
        raise LabError(f"no kernel {wanted} with its headers below {root}, but {there}: mend {_RELEASE}")
    return max(matching, key=lambda image: [int(n) for n in re.findall(r"\d+", image.release)])


def _image(root: Path, vmlinuz: Path) -> KernelImage | None:
    release = vmlinuz.name.removeprefix("vmlinuz-")
    places = (root / "lib/modules" / release / "build", root / "usr/src" / f"linux-headers-{release}")
    headers = next((place for place in places if (place / "Makefile").exists()), None)
    drivers = (root / "lib/modules" / release / "kernel/drivers" / f"{name}.ko" for name in _PORT)
    return (
        KernelImage(release, vmlinuz, headers, tuple(d for d in drivers if d.exists())) if headers else None
    )


def find_program(name: str) -> str:
    """The path of a program that the lab runs. Raises LabError where it is missing."""
    path = shutil.which(name)
    if path is None:
        raise LabError(f"{name} is missing: {KERNEL_LAB}")
    return path

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


@dataclass(frozen=True, slots=True)
class KernelImage:
    """release: as `uname -r` in the guest. headers: its build directory."""

    release: str
    vmlinuz: Path
    headers: Path


def kernel_root() -> Path:
    """Below which kernels and headers are looked for: $SWEEP_KERNEL_ROOT, by default /."""
    return Path(os.environ.get(_ROOT, "/"))


def find_image() -> KernelImage:
    """The newest kernel below $SWEEP_KERNEL_ROOT (default /) that has an image in boot/ and headers in
    lib/modules/RELEASE/build or usr/src/linux-headers-RELEASE. Raises LabError if there is none."""
    root = kernel_root()
    images = [
        image for path in (root / "boot").glob("vmlinuz-*") if (image := _image(root, path)) is not None
    ]
    if not images:
        raise LabError(f"no kernel with its headers below {root}: {KERNEL_LAB} (or set {_ROOT})")
    return max(images, key=lambda image: [int(n) for n in re.findall(r"\d+", image.release)])


def _image(root: Path, vmlinuz: Path) -> KernelImage | None:
    release = vmlinuz.name.removeprefix("vmlinuz-")
    places = (root / "lib/modules" / release / "build", root / "usr/src" / f"linux-headers-{release}")
    headers = next((place for place in places if (place / "Makefile").exists()), None)
    return KernelImage(release, vmlinuz, headers) if headers else None


def find_program(name: str) -> str:
    """The path of a program that the lab runs. Raises LabError where it is missing."""
    path = shutil.which(name)
    if path is None:
        raise LabError(f"{name} is missing: {KERNEL_LAB}")
    return path

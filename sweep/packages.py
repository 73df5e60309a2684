"""Debian and Ubuntu packages of optional parts, by what needs them: the one place in Python that names them.
`tools/packages` installs them, but for LARGE."""

from __future__ import annotations

from typing import Final

PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "C compiler": ("gcc", "make"),
    "static libc": ("libc6-dev",),
    "liburcu": ("liburcu-dev",),
    "jemalloc": ("libjemalloc2",),
    "mimalloc": ("libmimalloc2.0",),
    "QEMU": ("qemu-system-x86", "seabios"),
    "kernel image": ("linux-image-6.12-cloud-amd64", "linux-headers-6.12-cloud-amd64"),
    "kernel image 6.1": ("linux-image-cloud-amd64", "linux-headers-cloud-amd64"),
    "headers 6.12": ("linux-headers-6.12-cloud-amd64",),
    "headers 6.1": ("linux-headers-cloud-amd64",),
    "module tools": ("kmod",),
    "sparse": ("sparse",),
    "busybox": ("busybox-static",),
    "bpftrace": ("bpftrace",),
    "Chromium": ("chromium",),
    "iproute2": ("iproute2",),
}

LARGE: Final = "bpftrace"
"""It brings LLVM, and only recording a workload needs it."""


def apt(*parts: str) -> str:
    """The one command that installs these parts. Raises KeyError for a part that is not in PACKAGES."""
    names = dict.fromkeys(name for part in parts for name in PACKAGES[part])
    return " ".join(["apt-get install", *names])


KERNEL_LAB: Final = apt("kernel image", "QEMU", "C compiler", "static libc")
"""All that a guest needs, on Debian 12."""

NATIVE: Final = apt("liburcu") + " && make build"
"""The native benchmark is built where liburcu is found."""

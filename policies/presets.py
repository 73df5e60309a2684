"""What kernels do with a dead VMA, and what was proposed that they do, as configurations of our policies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policies.model import ParamValue, PolicyError, unknown


@dataclass(frozen=True, slots=True)
class Measured:
    """What the kernel itself took, by `python -m sweep lab curve` (docs/kernel-lab.md): areas of one page each, all
    of them freed by one exit or by one munmap(). share: of exit_mmap(), or of the system call. emulated: the
    times are an emulator's, and no machine's."""

    kernel: str
    emulated: bool
    areas: int
    exit_ns_per_area: float
    exit_share: float
    munmap_ns_per_area: float
    munmap_share: float
    munmap_retained_ns: float

    def __str__(self) -> str:
        kind = "emulated: no machine's times" if self.emulated else "on real CPUs"
        return (
            f"Linux {self.kernel} itself ({kind}), {self.areas:,} areas: exit removes a VMA in "
            f"{self.exit_ns_per_area:,.0f} ns, {self.exit_share:.0%} of exit_mmap(); munmap() in "
            f"{self.munmap_ns_per_area:,.0f} ns, {self.munmap_share:.0%} of it, and retains it for "
            f"{self.munmap_retained_ns / 1e6:.0f} ms"
        )


@dataclass(frozen=True, slots=True)
class Preset:
    """A named configuration. `kernels` is the range of releases "6.4-6.14", "6.18-", or "" for none. measured: by
    whom, see there; None, not measured."""

    name: str
    kernels: str
    policy: str
    params: tuple[tuple[str, ParamValue], ...]
    description: str
    measured: Measured | None = None

    def covers(self, major: int, minor: int) -> bool:
        """Whether that kernel release does this."""
        if not self.kernels:
            return False
        first, dash, last = self.kernels.partition("-")
        low = _release(first)
        high = _release(last) if last else (low if not dash else (major, minor))
        return low <= (major, minor) <= high


def _release(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


_PRESETS = (
    Preset(
        name="linux-6.12",
        kernels="6.4-6.14",
        policy="direct_exit",
        params=(("bulk_size", 1),),
        description=(
            "munmap: one call_rcu() per VMA; exit_mmap() frees each VMA at once. Not modelled: the "
            "separate vma_lock object, so a VMA takes two slab frees in these kernels."
        ),
        measured=Measured(
            kernel="6.12.117",
            emulated=True,
            areas=2560,
            exit_ns_per_area=1249,
            exit_share=0.247,
            munmap_ns_per_area=501,
            munmap_share=0.063,
            munmap_retained_ns=20_800_000,
        ),
    ),
    Preset(
        name="linux-6.15",
        kernels="6.15-6.17",
        policy="typesafe",
        params=(),
        description=(
            "SLAB_TYPESAFE_BY_RCU with a reference count in the VMA: every VMA is freed at once, only a "
            "whole slab waits for a grace period. Not modelled: what the reference count costs readers."
        ),
    ),
    Preset(
        name="linux-6.18",
        kernels="6.18-",
        policy="typesafe",
        params=(),
        description=(
            "as 6.15: VMAs stayed type-safe when sheaves came, and a type-safe cache has no sheaves for "
            "freeing under RCU, so the policy `sheaf` is not what 6.18 does to VMAs. The per-CPU sheaves "
            "of 32 VMAs belong to the allocator. Not modelled: these; except on a real 6.18 kernel, the "
            "costs of a free are those of 6.15."
        ),
    ),
    Preset(
        name="rfc-2022-09",
        kernels="",
        policy="fixed_batch",
        params=(("max", 32), ("idle_timeout_ms", 0)),
        description=(
            "the groups of RFC 28/28 (LKML, Baghdasaryan, 1 Sep 2022): VM_AREA_FREE_LIST_MAX 32, drained "
            "when it holds more, so groups of 33. In no release."
        ),
    ),
    Preset(
        name="series-2023-01",
        kernels="",
        policy="per_object",
        params=(("hurry", False),),
        description=(
            "one call_rcu() per VMA in munmap and in exit, as in the series under discussion in January "
            "2023 that lost 4.3 % of UnixBench execl. In no release: 6.4, the first with per-VMA locks, "
            "frees directly on exit."
        ),
    ),
)


def presets() -> Mapping[str, Preset]:
    """Every preset by name."""
    return MappingProxyType({preset.name: preset for preset in _PRESETS})


def preset(name: str) -> Preset:
    """The preset of that name, or what a release does: `linux-6.8` is found as `linux-6.12`.

    Raises:
        PolicyError: no such preset, or a release that frees no VMA under RCU.
    """
    if name in presets():
        return presets()[name]
    release = re.fullmatch(r"linux-(\d+)\.(\d+)", name)
    if not release:
        raise unknown("preset", name, presets())
    major, minor = int(release[1]), int(release[2])
    for candidate in _PRESETS:
        if candidate.covers(major, minor):
            return candidate
    raise PolicyError(
        f"no preset {name!r}: per-VMA locks came with 6.4, kernels before free VMAs without RCU"
    )

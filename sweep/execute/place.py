"""What a study that measures asks of the hosts of a cluster, as plain values that any version of us can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

NATIVE_HOST = "native_host"
"""Ray's resource of a host that may measure in user space: 1 on each, for one measuring actor."""

KERNEL_LAB = "kernel_lab"
"""... of a host that may run guests of the kernel lab: 1 on each, for one actor and its guest."""


@dataclass(frozen=True, slots=True)
class Place:
    """resource: of Ray; an actor takes one, and all CPUs of its host. backend, settings: of what measures, as
    sweep.backends.hosts.key takes them. owned: CPUs that the benchmark owns; none: any."""

    resource: str
    backend: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    owned: tuple[int, ...] = ()

    @classmethod
    def native(cls, owned: Sequence[int]) -> Self:
        """Where a native benchmark owns these CPUs."""
        return cls(NATIVE_HOST, "native", {}, tuple(owned))

    @classmethod
    def kernel(cls, settings: Mapping[str, Any]) -> Self:
        """Where guests run with these settings (KernelSettings, by name)."""
        return cls(KERNEL_LAB, "kernel", dict(settings))

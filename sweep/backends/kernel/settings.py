"""How a trial of the kernel lab is measured: what may be chosen beside its scenarios."""

from __future__ import annotations

from dataclasses import dataclass

from sweep.backends.kernel.boot import MIB


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """memory_bytes: of the guest. softirq: false, callbacks run in rcuc kthreads (rcutree.use_softirq=0). memcg:
    objects are charged to a control group. icount: None, or the shift of QEMU's -icount (boot.py); then the guest
    is emulated whether KVM works or not. repeats: trials of a configuration in one scenario."""

    memory_bytes: int = 512 * MIB
    softirq: bool = True
    memcg: bool = False
    icount: int | None = None
    repeats: int = 1

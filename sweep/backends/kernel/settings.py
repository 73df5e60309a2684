"""How a trial of the kernel lab is measured: what may be chosen beside its scenarios."""

from __future__ import annotations

from dataclasses import dataclass

from sweep.backends.kernel.boot import MIB, Accelerator


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """accelerator: None, KVM where a guest boots with it, else emulation. memory_bytes: of the guest. softirq: false,
    callbacks run in rcuc kthreads (rcutree.use_softirq=0). memcg: objects are charged to a control group. icount:
    None, or the shift of QEMU's -icount (boot.py); then the guest is emulated whether KVM works or not.

    min_blocks, max_blocks: ABBA blocks in one scenario, at least 2; added until the 95 % interval of every
    objective's ratio is narrower than ratio_width of the ratio.
    """

    accelerator: Accelerator | None = None
    memory_bytes: int = 512 * MIB
    softirq: bool = True
    memcg: bool = False
    icount: int | None = None
    min_blocks: int = 2
    max_blocks: int = 6
    ratio_width: float = 0.1

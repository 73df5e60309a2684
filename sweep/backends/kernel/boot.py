"""What of a trial needs a boot of its own, and how QEMU is called for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

Accelerator: TypeAlias = Literal["kvm", "tcg"]

MIB: Final = 1 << 20
PORT: Final = "rcu_sweep"


@dataclass(frozen=True, slots=True)
class BootSettings:
    """Trials with equal settings share a guest.

    nocb: callbacks of all CPUs are offloaded (rcu_nocbs=all). lazy: rcutree.enable_rcu_lazy; matters with nocb
    only. softirq: rcutree.use_softirq; without, callbacks run in rcuc kthreads. icount: None, or the shift of
    QEMU's -icount: time goes by instructions (2^icount ns each), on one host thread, so that runs repeat;
    emulation only.
    """

    nr_cpus: int = 2
    nocb: bool = False
    lazy: bool = False
    softirq: bool = True
    memory_bytes: int = 512 * MIB
    icount: int | None = None

    def command_line(self, accelerator: Accelerator) -> str:
        """The guest kernel's."""
        words = [
            "console=ttyS0 panic=-1 oops=panic loglevel=6 sysctl.vm.panic_on_oom=1 cryptomgr.notests",
            "slab_nomerge",  # slabinfo counts each cache
            f"rcutree.enable_rcu_lazy={int(self.lazy)} rcutree.use_softirq={int(self.softirq)}",
        ]
        if self.nocb:
            words.append("rcu_nocbs=all")
        if accelerator == "tcg":
            # The emulated TSC is the host's; the kernel does not trust it, and would read an emulated HPET.
            words.append("tsc=reliable mitigations=off")
        return " ".join(words)

    def arguments(
        self, accelerator: Accelerator, vmlinuz: Path, initramfs: Path, console: Path, port_fd: int
    ) -> list[str]:
        """QEMU's, without the program. port_fd: an inherited socket, the other end of the guest's port."""
        accel = {"kvm": ["kvm"], "tcg": ["tcg,thread=" + ("multi" if self.icount is None else "single")]}
        cpu = "host" if accelerator == "kvm" else "qemu64"
        arguments = ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]
        arguments += ["-accel", *accel[accelerator], "-cpu", cpu]
        arguments += ["-smp", str(self.nr_cpus), "-m", f"{self.memory_bytes // MIB}M"]
        arguments += ["-kernel", str(vmlinuz), "-initrd", str(initramfs)]
        arguments += ["-append", self.command_line(accelerator)]
        arguments += ["-chardev", f"file,id=console,path={console}", "-serial", "chardev:console"]
        arguments += ["-chardev", f"socket,id=port,fd={port_fd}", "-device", "virtio-serial-pci"]
        arguments += ["-device", f"virtserialport,chardev=port,name={PORT}"]
        if self.icount is not None:
            arguments += ["-icount", f"shift={self.icount},sleep=off"]
        return arguments

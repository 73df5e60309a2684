"""A test host that is none: a guest whose root is this machine's file system, read-only, and which may load modules.

    python -m tests.sweep.backends.kernel.host_guest [WORDS OF `measure --backend kernel --host`...]

boots the lab's kernel under emulation, and in it runs that command with the flag that lets it load the module. By hand,
as root (virtiofsd wants that); takes some minutes, most of which Python takes to start. The module is built outside:
in there that would take longer than all the rest. The exit code is the command's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.build import build
from sweep.backends.kernel.console import troubles
from sweep.backends.kernel.host_checks import FLAG
from sweep.backends.kernel.image import KernelImage, find_image, find_program
from sweep.backends.kernel.initramfs import Entry, archive
from sweep.backends.kernel.lab import alone_in, cache_directory

ROOT: Final = Path(__file__).parents[4]
TIMEOUT_S: Final = 900.0
MEMORY: Final = "1536M"
DEFAULT: Final = "--workload pgbench-connect --window 7.1s,100ms --policy whole_list --blocks 2"
VIRTIOFSD: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/libexec", "/usr/lib/qemu"))

INIT: Final = """#!/bin/busybox sh
alias b=/bin/busybox
b mkdir -p /proc /sys /root
b mount -t proc proc /proc
b mount -t sysfs sysfs /sys
b mount -t virtiofs -o ro root /root || b poweroff -f
b mount -t proc proc /root/proc
b mount -t sysfs sysfs /root/sys
b mount -t devtmpfs devtmpfs /root/dev
b mount -t tmpfs tmpfs /root/tmp
b mkdir /root/tmp/cache
b cp -r /root{module} /root/tmp/cache/
b chroot /root /bin/sh -c {command}
echo "exit code $?"
b chroot /root /bin/sh -c 'grep -c rcu_sweep /proc/modules /proc/slabinfo'
b poweroff -f
"""


def initramfs(image: KernelImage, words: list[str]) -> bytes:
    """busybox, and what it does."""
    headers = Path("/lib/modules") / image.release / "build"  # as the host mode names them
    with alone_in(cache_directory()):
        module = build(headers, cache_directory())
    measure = shlex.join(
        [sys.executable, "-m", "sweep", "measure", "--backend", "kernel", "--host", FLAG, *words]
    )
    settings = (
        "HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin SWEEP_KERNEL_CACHE=/tmp/cache PYTHONDONTWRITEBYTECODE=1"
    )
    command = shlex.quote(f"cd {ROOT} && {settings} TERM=dumb COLUMNS=110 {measure} 2>&1")
    script = INIT.format(module=module.parent, command=command)
    busybox = Path(find_program("busybox")).read_bytes()
    entries = [Entry(name, 0o040755) for name in ("bin", "dev")]
    entries += [Entry("dev/console", 0o020600, device=(5, 1)), Entry("bin/busybox", 0o100755, busybox)]
    return archive([*entries, Entry("init", 0o100755, script.encode())])


def qemu(image: KernelImage, place: Path) -> list[str]:
    """The command. place: of the initramfs, of the socket to virtiofsd, and of the console."""
    words = f"""
        {find_program("qemu-system-x86_64")} -nodefaults -no-user-config -no-reboot -display none
        -accel tcg,thread=multi -cpu max -smp 2 -m {MEMORY} -numa node,memdev=memory
        -object memory-backend-memfd,id=memory,size={MEMORY},share=on
        -chardev socket,id=root,path={place}/socket -device vhost-user-fs-pci,chardev=root,tag=root
        -kernel {image.vmlinuz} -initrd {place}/initramfs -serial file:{place}/console"""
    return [*words.split(), "-append", BootSettings().command_line("tcg")]


def run(image: KernelImage, virtiofsd: str, words: list[str], place: Path) -> str:
    """What was said on the console, from the guest's boot to its end."""
    (place / "initramfs").write_bytes(initramfs(image, words))
    options = "source=/,cache=always,sandbox=chroot,log_level=err"
    running = [subprocess.Popen([virtiofsd, f"--socket-path={place}/socket", "-o", options])]
    try:
        while not (place / "socket").exists():
            time.sleep(0.05)
            if running[0].poll() is not None:
                sys.exit(f"virtiofsd has ended with {running[0].returncode}")
        running.append(subprocess.Popen(qemu(image, place)))
        running[1].wait(TIMEOUT_S)
    finally:
        for process in running:
            process.kill()
            process.wait()
    return (place / "console").read_text(errors="replace")


def main(words: list[str]) -> int:
    """Prints what is said in there, and what the kernel complains of."""
    virtiofsd = shutil.which("virtiofsd", path=VIRTIOFSD)
    if virtiofsd is None or os.geteuid():
        sys.exit("needs root, and virtiofsd (of Debian's qemu-system-common, or its own package)")
    with tempfile.TemporaryDirectory() as place:
        said = run(find_image(), virtiofsd, words, Path(place))
    print(said)
    complaints = troubles("\n".join(line for line in said.splitlines() if line.startswith("[")))
    print("complaints of the kernel:", complaints or "none")
    return 0 if "exit code 0" in said and not complaints else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or DEFAULT.split()))

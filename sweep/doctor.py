"""What this machine has of what the backends and tools use: found, versioned, tried."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.build import build
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.guest_machine import Guest, GuestError
from sweep.backends.kernel.image import find_image, find_program, kernel_root
from sweep.backends.kernel.initramfs import initramfs
from sweep.backends.native import allocators, program
from sweep.backends.native.errors import NativeError
from sweep.packages import KERNEL_LAB, NATIVE, apt

_BUILD: Final = "make build"
_ANSWER_TIMEOUT_S: Final = 3.0
_KVM_BOOT_TIMEOUT_S: Final = 8.0
"""With KVM that works, a guest is there within two."""


@dataclass(frozen=True, slots=True)
class Part:
    """usable: None, it was not tried. why: it is not usable, in words. install: the one command that mends it; empty
    where none does. required: nothing works without it."""

    name: str
    purpose: str
    present: bool
    version: str = ""
    usable: bool | None = None
    why: str = ""
    install: str = ""
    required: bool = False


def examine(*, boot: bool) -> Iterator[Part]:
    """Every part, in the order of a list for people. boot: try KVM by booting a guest with it."""
    yield _catalogue()
    yield _simulator()
    yield _compiler()
    yield _static_libc()
    yield _native()
    yield _library("liburcu", "native backend", allocators.LIBURCU)
    for name, library in allocators.LIBRARIES.items():
        yield _library(name, "native backend: allocator", library)
    yield _program("QEMU", "kernel lab", "qemu-system-x86_64", apt("QEMU"))
    yield _image("", "kernel lab", KERNEL_LAB)
    yield _image("6.1", "tests of the module on an older kernel", apt("kernel image 6.1"))
    yield _headers("6.12", "kernel lab, exported module", apt("headers 6.12"))
    yield _headers("6.1", "exported module", apt("headers 6.1"))
    yield _program("sparse", "tests of the module's sources", "sparse", apt("sparse"))
    yield _kvm(boot)
    yield _program("busybox", "tests of the exported module", "busybox", apt("busybox"), ask="--help")
    yield _program("bpftrace", "recording workloads", "bpftrace", apt("bpftrace"))
    yield _tracefs()
    browsers = ("chromium", "chromium-browser", "google-chrome")
    browser = next((b for b in browsers if shutil.which(b)), browsers[0])
    yield _program("Chromium", "tests of the report", browser, apt("Chromium"))
    yield _namespaces()
    yield _package("PyTorch", "sampler gp", "torch")
    yield _package("MLflow", "tracking", "mlflow", required=True)
    yield _package("Ray", "parallel trials, clusters", "ray", required=True)


def _catalogue() -> Part:
    return _tried("policies' table", "all", _count_policies, _BUILD)


def _count_policies() -> str:
    import policies

    return f"{len(policies.catalogue())} policies"


def _simulator() -> Part:
    return _tried("simulator library", "simulator backend", _load_simulator, _BUILD)


def _load_simulator() -> str:
    from sweep.backends.simulator import library

    library.load()
    return library.library_path().name


def _tried(name: str, purpose: str, work: Callable[[], str], install: str) -> Part:
    try:
        version = work()
    except (RuntimeError, OSError, ImportError) as error:
        return Part(name, purpose, False, "", False, str(error).splitlines()[0], install, True)
    return Part(name, purpose, True, version, True, required=True)


def _compiler() -> Part:
    """That the kernel lab calls; the package itself is built with whatever cc is."""
    return _program("C compiler", "kernel lab, exported module", "gcc", apt("C compiler"))


def _static_libc() -> Part:
    """The guest's init is linked against it."""
    name, purpose, install = "static libc", "kernel lab", apt("C compiler", "static libc")
    gcc = shutil.which("gcc")
    if gcc is None:
        return Part(name, purpose, False, "", False, "not tried: no program gcc", install)
    said = _ask([gcc, "-print-file-name=libc.a"])
    if isinstance(said, str) or not Path(said.stdout.strip()).is_absolute():
        return Part(name, purpose, False, "", False, "gcc finds no libc.a", install)
    linked = _ask([gcc, "-static", "-x", "c", "-", "-o", os.devnull], "int main(void) { return 0; }")
    if isinstance(linked, str) or linked.returncode:
        why = linked if isinstance(linked, str) else _first_line(linked.stderr)
        return Part(name, purpose, True, "", False, f"a static program is not linked: {why}", install)
    return Part(name, purpose, True, allocators.libc_version() or "", True)


def _native() -> Part:
    name, purpose = "native benchmark", "native backend"
    try:
        path = program.path()
        build = program.build_id()
    except NativeError as error:
        return Part(name, purpose, False, "", False, str(error), NATIVE)
    said = _ask([str(path), "--help"])
    if isinstance(said, str) or said.returncode not in (0, 2):
        why = (
            said
            if isinstance(said, str)
            else f"{path} ends with {said.returncode}: {_first_line(said.stderr)}"
        )
        return Part(name, purpose, True, build, False, why, NATIVE)
    return Part(name, purpose, True, build, True)


def _library(name: str, purpose: str, library: allocators.Library) -> Part:
    path = allocators.find(library)
    if path is None:
        return Part(
            name, purpose, False, "", False, f"{library.sonames[-1]} is not installed", library.install
        )
    version = allocators.version(library) or path.name
    # The dynamic linker says on standard error, or by not starting the program, what it cannot load.
    said = _ask(["/bin/true"], preload=path)
    if isinstance(said, str) or said.returncode or said.stderr:
        why = said if isinstance(said, str) else _first_line(said.stderr)
        return Part(name, purpose, True, version, False, f"{path} does not load: {why}", library.install)
    return Part(name, purpose, True, version, True)


def _ask(
    command: list[str], text: str = "", preload: Path | None = None
) -> subprocess.CompletedProcess[str] | str:
    """What a program answered within _ANSWER_TIMEOUT_S, or in words, why there is no answer."""
    environment = os.environ | ({"LD_PRELOAD": str(preload)} if preload else {})
    try:
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_ANSWER_TIMEOUT_S,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} does not answer within {_ANSWER_TIMEOUT_S:g} s"
    except OSError as error:
        return f"{command[0]} does not start: {error.strerror or error}"


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "it says nothing")


def _program(name: str, purpose: str, program: str, install: str, *, ask: str = "--version") -> Part:
    path = shutil.which(program)
    if path is None:
        return Part(name, purpose, False, "", False, f"no program {program}", install)
    said = _ask([path, ask])
    if isinstance(said, str):
        return Part(name, purpose, True, "", False, said, install)
    if said.returncode:
        why = f"{path} {ask} ends with {said.returncode}: {_first_line(said.stderr)}"
        return Part(name, purpose, True, "", False, why, install)
    number = re.search(r"\d+(\.\d+)+", said.stdout)
    return Part(name, purpose, True, number.group() if number else "", True)


def _image(release: str, purpose: str, install: str) -> Part:
    name = f"kernel image {release}".strip()
    try:
        image = find_image(release)
    except LabError:
        return Part(name, purpose, False, "", False, "no kernel image with its headers", install)
    return Part(name, purpose, True, image.release, True)


def _headers(series: str, purpose: str, install: str) -> Part:
    root = kernel_root()
    pattern = re.compile(rf"linux-headers-({re.escape(series)}\..*-amd64)")
    found = [
        (path, match.group(1))
        for path in sorted((root / "usr/src").glob(f"linux-headers-{series}.*"))
        if (match := pattern.fullmatch(path.name))
    ]
    name = f"kernel headers {series}"
    if not found:
        return Part(name, purpose, False, "", False, f"none below {root / 'usr/src'}", install)
    path, release = found[-1]
    if missing := [each for each in ("Makefile", "Module.symvers") if not (path / each).exists()]:
        why = f"{path}: no {' and no '.join(missing)}; install the package again"
        return Part(name, purpose, True, release, False, why, f"{install} --reinstall")
    return Part(name, purpose, True, release, True)


def _kvm(boot: bool) -> Part:
    name, purpose = "KVM", "kernel lab without emulation"
    device = Path("/dev/kvm")
    if not device.exists():
        return Part(name, purpose, False, "", False, "no /dev/kvm: the processor or the host offers none")
    if not os.access(device, os.R_OK | os.W_OK):
        why = "/dev/kvm is not yours to open"
        return Part(name, purpose, True, "", False, why, "adduser $USER kvm")
    if not boot:
        return Part(name, purpose, True, "", None, "not tried (--no-boot)")
    try:
        if why := _fails_at_once():
            return Part(name, purpose, True, "", False, why)
        _boot_with_kvm()
    except (LabError, GuestError) as error:
        lines = str(error).splitlines()
        return Part(name, purpose, True, "", False, (lines[1:2] or lines)[0])
    return Part(name, purpose, True, "", True)


def _fails_at_once() -> str:
    """Why QEMU cannot even set a processor up with KVM: that takes no kernel, no module and no waiting. Empty where
    it can."""
    quiet = ["-nodefaults", "-no-user-config", "-display", "none", "-S", "-monitor", "stdio"]
    said = _ask([find_program("qemu-system-x86_64"), "-accel", "kvm", "-cpu", "host", *quiet], "quit\n")
    if isinstance(said, str):
        return said
    return _first_line(said.stderr) if said.returncode else ""


def _boot_with_kvm() -> None:
    """Boots a guest as the lab does."""
    with tempfile.TemporaryDirectory(prefix="rcu-sweep-doctor-") as place:
        image = find_image()
        archive = initramfs(build(image.headers, Path(place)), Path(place), image.drivers)
        Guest(image, archive, BootSettings(), "kvm", _KVM_BOOT_TIMEOUT_S).close()


def _tracefs() -> Part:
    place = next(
        (p for p in (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing")) if _has_events(p)), None
    )
    if place is None:
        why = "not mounted, or not yours to read"
        install = "mount -t tracefs tracefs /sys/kernel/tracing"
        return Part("tracefs", "recording workloads", False, "", False, why, install)
    return Part("tracefs", "recording workloads", True, str(place), True)


def _has_events(place: Path) -> bool:
    try:
        return (place / "events").is_dir()
    except OSError:
        return False


def _namespaces() -> Part:
    part = _program("iproute2 and root", "tests of lost nodes", "ip", apt("iproute2"), ask="-V")
    if part.present and os.geteuid() != 0:
        why = "network namespaces need root"
        return Part(part.name, part.purpose, True, part.version, False, why)
    return part


def _package(name: str, purpose: str, package: str, *, required: bool = False) -> Part:
    """By its metadata: importing one of these takes seconds."""
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        install = "make build" if required else f"pip install {package}"
        return Part(name, purpose, False, "", False, "not installed", install, required)
    return Part(name, purpose, True, version, True, required=required)

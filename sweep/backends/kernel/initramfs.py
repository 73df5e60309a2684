"""The guest's file system: our init, the module, a console. Equal contents, equal bytes."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.image import find_program
from sweep.packages import apt

_GUEST: Final = Path(__file__).parent / "guest"
_DIRECTORY, _FILE, _CHARACTER_DEVICE = 0o040755, 0o100755, 0o020600
_CONSOLE: Final = (5, 1)
"""Device number of /dev/console (Documentation/admin-guide/devices.txt)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a directory or a device of an archive. mode: with the type, as st_mode."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def archive(entries: Iterable[Entry]) -> bytes:
    """A cpio archive in the format newc (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    trailer = Entry("TRAILER!!!", 0)
    return b"".join(_record(number, entry) for number, entry in enumerate([*entries, trailer], 1))


def _record(number: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    fields = [number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(name), 0]
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def initramfs(module: Path, cache: Path, drivers: Sequence[Path] = ()) -> Path:
    """The archive for a guest that loads `drivers`, in this order, and `module`, below `cache`. Raises LabError."""
    data = archive(
        [
            Entry("dev", _DIRECTORY),
            Entry("dev/console", _CHARACTER_DEVICE, device=_CONSOLE),
            Entry("init", _FILE, _compiled("init", cache).read_bytes()),
            Entry("curve", _FILE, _compiled("curve", cache).read_bytes()),
            Entry("rcu_sweep.ko", _FILE, module.read_bytes()),
            *(Entry(f"driver{place}.ko", _FILE, driver.read_bytes()) for place, driver in enumerate(drivers)),
        ]
    )
    path = cache / f"initramfs-{hashlib.sha256(data).hexdigest()[:16]}.cpio"
    if not path.exists():
        _write(path, data)
    return path


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(data)
    temporary.rename(path)


def _compiled(name: str, cache: Path) -> Path:
    """A program of the guest, static."""
    source = _GUEST / f"{name}.c"
    path = cache / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    command = [
        find_program("gcc"),
        "-static",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        str(source),
        "-o",
        str(temporary),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LabError(
            f"the guest's {name} does not build (a static libc is needed: {apt('static libc')}):\n{result.stderr}"
        )
    temporary.rename(path)
    return path

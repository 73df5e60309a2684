"""One writer at a time: a lock file that names its owner, held by flock.

The system drops the lock when its owner dies, so a lock that can be taken was left behind, whatever
stands in the file. That holds where flock is seen by everybody who can see the file: on a file system of
this machine. On a shared one (NFS and the like) flock may not reach the other hosts, so there an owner
on another host that did not say goodbye is believed to be alive.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from pathlib import Path
from typing import IO, Final

from sweep.store.port import StoreError

NAME: Final = "lock"
_LOCAL: Final = frozenset(
    ("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "tmpfs", "xfs", "zfs")
)


def is_local(path: Path, mounts: str | None = None) -> bool:
    """Whether `path` lies on a file system of this machine alone; `mounts` as in /proc/self/mounts."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text()
        except OSError:  # not Linux
            return False
    real, best, kind = path.resolve(), "", ""
    for line in mounts.splitlines():
        _, place, found, *_ = line.split(" ")
        place = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), place)
        if real.is_relative_to(place) and len(place) >= len(best):  # the last one covers the others
            best, kind = place, found
    return kind in _LOCAL


class Lock:
    """Held from construction to `release`.

    left_by: who had it before and did not say goodbye, if anybody.
    """

    def __init__(self, path: Path, *, host: str | None = None, local: bool | None = None) -> None:
        """Raises StoreError, naming the owner, if somebody else holds it; OSError."""
        host = host or socket.gethostname()
        self._file: IO[str] = path.open("a+")
        try:
            self.left_by = self._take(path, host, is_local(path) if local is None else local)
        except BaseException:
            self._file.close()
            raise

    def _take(self, path: Path, host: str, local: bool) -> str | None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"{path.parent}: this study is being run by {self._owner() or 'another process'}; wait for it, "
                "or end it"
            ) from error
        owner = self._owner()
        if owner and not local and not owner.endswith(f" on {host}"):
            raise StoreError(
                f"{path.parent}: this study is being run by {owner}, and on a shared file system that cannot be "
                f"checked from {host}; if that process has ended for certain, delete {path} and run this again"
            )
        self._file.truncate(0)
        self._file.write(f"pid {os.getpid()} on {host}\n")
        self._file.flush()
        return owner or None

    def _owner(self) -> str:
        self._file.seek(0)
        return self._file.read().strip()

    def release(self) -> None:
        """Say goodbye and let go; may be called twice."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()

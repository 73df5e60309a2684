"""Limits of this process's control group, of both versions: the tightest on the way up to the root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_UNLIMITED_BYTES = 1 << 62  # version 1 says "no limit" as the largest multiple of a page


def cpu_quota(root: Path = Path("/")) -> float | None:
    """CPUs' worth of time that the group may use; 0: no limit; None: unknown (cpu.max; cpu.cfs_quota_us of version 1)."""
    found: list[float] = []
    known = False
    for directory in _groups(root, "cpu"):
        if (text := _read(directory / "cpu.max")) is not None:
            quota, _, period = text.partition(" ")
        else:
            quota = _read(directory / "cpu.cfs_quota_us") or ""
            period = _read(directory / "cpu.cfs_period_us") or ""
        known = known or bool(quota)
        if quota.isdigit() and period.isdigit() and int(period):
            found.append(int(quota) / int(period))
    return min(found, default=0.0) if known else None


def memory_limit_bytes(root: Path = Path("/")) -> int | None:
    """Memory that the group may use; 0: no limit; None: unknown (memory.max; memory.limit_in_bytes of version 1)."""
    found: list[int] = []
    known = False
    for directory in _groups(root, "memory"):
        text = _read(directory / "memory.max") or _read(directory / "memory.limit_in_bytes") or ""
        known = known or bool(text)
        if text.isdigit() and int(text) < _UNLIMITED_BYTES:
            found.append(int(text))
    return min(found, default=0) if known else None


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Directories of this process's group and of those above it, in the controller's own hierarchy (version 1)
    and in the unified one."""
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and controller not in controllers.split(","):
            continue
        hierarchy = root / "sys/fs/cgroup"
        mounts = [hierarchy / controllers, hierarchy / controller] if controllers else [hierarchy]
        mount = next((each for each in mounts if each.is_dir()), None)
        if mount is None:
            continue
        # In a container the mount may show the group itself as its root: what is not there is skipped.
        inside = PurePosixPath(path.lstrip("/"))
        for part in (inside, *inside.parents):
            yield mount / part


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None

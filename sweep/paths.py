"""Where the files are that come with the package."""

from __future__ import annotations

from pathlib import Path


def conf() -> Path:
    """The directory of ready studies and machine profiles: `sweep/conf` where the package is
    installed from a wheel, `conf` beside the package in a checkout."""
    package = Path(__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def is_file(path: Path) -> bool:
    """Also of what cannot be a file's name, such as one that is too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False

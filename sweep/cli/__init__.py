"""The command line: words in, values out. What a command does is elsewhere.

Heavy modules are imported inside the commands, so that --help and list answer at once.
"""

from __future__ import annotations

from sweep.cli import cluster, kept, kernel, lab, studies, trials
from sweep.cli.app import app

__all__ = ["app", "cluster", "kept", "kernel", "lab", "main", "studies", "trials"]


def main() -> None:
    """Entry point; bad input ends with one message and exit code 2."""
    app()

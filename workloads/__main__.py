"""`python -m workloads list | show | synth | validate`."""

import io
import sys

from workloads.cli import app

if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # bars, µ: for terminals that are not UTF-8
    app(prog_name="python -m workloads")

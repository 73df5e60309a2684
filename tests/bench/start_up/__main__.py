"""`python -m tests.bench.start_up`: from the command to the first record in the log, as a user waits for it.

Runs `python -m sweep launch quick --no-track` as often as asked, with Ray and in process by turns, each in a
store of its own, and ends it once its log holds a record. Prints all times and their median, and of one more
run (`watched`) what the time went by.

Nothing here fails when a time is long: a machine with other work is no judge. The load when it began is printed.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sweep.store import log

MODES = {"with Ray": (), "in process": ("--in-process",)}
LOOK_S = 0.01


def seconds(*options: str) -> float:
    """From the command to the first record."""
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        command = [sys.executable, "-m", "sweep", "launch", "quick", "--no-track", "--store", place, *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kept = Path(place, "quick", log.NAME)
        while not log.read(kept).attempts:
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
            time.sleep(LOOK_S)
        took = time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        process.wait()
    return took


def main() -> None:
    """Parse the options and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.start_up", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="of each kind; default 7")
    runs = parser.parse_args().runs
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    took: dict[str, list[float]] = {mode: [] for mode in MODES}
    for _ in range(runs):
        for mode, options in MODES.items():
            took[mode].append(seconds(*options))
    for mode, times in took.items():
        listed = " ".join(f"{each:.1f}" for each in sorted(times))
        print(f"{mode:10}  median {statistics.median(times):.1f} s  of  {listed}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "tests.bench.start_up.watched", str(time.time()), place]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()

"""A trial over /dev/rcu_sweep, as module/request.h has it: a request is written, reading runs it and gives JSON lines.

guest/init.c does the same inside a guest, for what comes over its port. As a program (python -m, DEVICE) it takes the
request on standard input and gives the lines on standard output: whoever is killed while reading ends the trial.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

DEVICE: Final = Path("/dev/rcu_sweep")
_PIECE_BYTES: Final = 1 << 16


def converse(device: int, request: bytes) -> bytes:
    """The answer of an open device. An error of the device shows in its answer. Raises OSError where there is none."""
    refusal: OSError | None = None
    left = memoryview(request)
    while left and refusal is None:
        try:
            left = left[os.write(device, left[:_PIECE_BYTES]) :]
        except OSError as error:
            refusal = error
    answer = b""
    while piece := os.read(device, _PIECE_BYTES):
        answer += piece
    if refusal is not None and not answer:
        raise refusal
    return answer


def main(path: str) -> None:
    """The program."""
    device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        answer = converse(device, sys.stdin.buffer.read())
    finally:
        os.close(device)
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main(sys.argv[1])

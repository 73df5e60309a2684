"""A driver that runs a ladder over a made-up machine until it is killed."""

from __future__ import annotations

import os
from pathlib import Path

from sweep import native_host, session
from tests.sweep.ladder.conftest import Lab


def drive(place: Path) -> None:
    """Begin or go on, to the end. What it says goes nowhere."""
    lab = Lab(place, steady=True)
    native_host.host = lambda study: lab.host if study.backend == "native" else None  # type: ignore[assignment]
    native_host.own_cpus = lambda study, measured_in: (0, 1)
    native_host.evaluator = lab.evaluator  # type: ignore[assignment]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    assert session.launch(lab.study(), lab.options) == 0

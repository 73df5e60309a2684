"""What holds where a command is not told otherwise. Imports nothing heavy: the command line shows these."""

from __future__ import annotations

from pathlib import Path
from typing import Final

STORE: Final = Path("sweep-store")
NODE_TIMEOUT_S: Final = 6.0
"""Until a silent node of a Ray that is started here counts as lost."""
TRIAL_TIMEOUT_S: Final = 3600.0
"""Until a trial's worker is given up."""
PASS_TIMEOUT_S: Final = 60.0
"""What a native pass may take beyond its workload's own time, until it is given up."""
AGREE_CONFIGURATIONS: Final = 60
"""Of a comparison of simulator and machine, in each workload."""
AGREE_ICOUNT: Final = 1
"""Shift of QEMU's -icount there: time goes by instructions, so the host's load is in no figure, and trials repeat."""


def store_option(store: Path) -> str:
    """What to add to a command for that store."""
    return "" if store == STORE else f" --store {store}"

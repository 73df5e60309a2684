"""Rounds of calibration between the passes of a comparison, so that costs and passes are of the same hours.

A virtual machine may be half as fast a quarter of an hour later, which a profile calibrated before the passes does not
know. Each round is kept as it ends, as passes are.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from sweep.agreement.model import AgreementError
from sweep.backends.costs import Series

EVERY: Final = 24
"""Passes from one round to the next: as many take a minute or more, a round less than half of one."""

LEAST: Final = 3
"""Rounds, however few passes there are: below it an interval over rounds means nothing."""


class Rounds:
    """Those of a file of JSON lines. key: of all that a round follows from; rounds of another key are left alone."""

    def __init__(self, path: Path, key: str, measure: Callable[[], Series]) -> None:
        """measure: one round. Raises AgreementError for a file that is something else."""
        self.path = path
        self._key = key
        self._measure = measure
        self._found: dict[int, Series] = {}
        whole = 0
        text = path.read_bytes() if path.exists() else b""
        for number, line in enumerate(text.splitlines(keepends=True), start=1):
            if not line.endswith(b"\n"):
                break
            try:
                document = json.loads(line)
                place, series = int(document["place"]), _parse(document["series"])
                if document["key"] == key:
                    self._found[place] = series
            except (ValueError, KeyError, TypeError):
                raise AgreementError(f"{path}:{number}: not a round of a calibration") from None
            whole += len(line)
        if whole < len(text):
            os.truncate(path, whole)

    def before_pass(self, done: int, of: int) -> None:
        """Before a pass, of which `done` come before it and there are `of` in all: a round, if its time has come and it
        is not there yet. Raises what measuring raises, and OSError."""
        every = max(min(EVERY, of // LEAST), 1)
        if done % every or done in self._found:
            return
        series = self._measure()
        line = json.dumps({"key": self._key, "place": done, "series": _document(series)})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._found[done] = series

    def __len__(self) -> int:
        return len(self._found)

    def series(self) -> Series:
        """Of all rounds, in the order of passes; NaN where a round has none."""
        rounds = [self._found[place] for place in sorted(self._found)]
        keys = dict.fromkeys(key for each in rounds for key in each)
        missing = np.array([np.nan])
        return {key: np.concatenate([each.get(key, missing) for each in rounds]) for key in keys}


def _document(series: Series) -> list[list[object]]:
    return [
        [name, objects, [None if math.isnan(ns) else float(ns) for ns in values]]
        for (name, objects), values in series.items()
    ]


def _parse(document: list[tuple[str, int, list[float | None]]]) -> Series:
    """Raises ValueError where it is not of one round."""
    found = {}
    for name, objects, (ns,) in document:
        found[str(name), int(objects)] = np.array([np.nan if ns is None else float(ns)])
    return found

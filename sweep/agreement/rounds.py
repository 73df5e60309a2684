"""Rounds of calibration between the passes of a comparison, so that costs and passes are of the same hours.

A virtual machine may be half as fast a quarter of an hour later, which a profile calibrated before the passes does not
know. Each round is kept as it ends, as passes are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from sweep.agreement import lines
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
        rounds = lines.read(path, _parse, "a round of a calibration")
        self._found = {place: series for of, place, series in rounds if of == key}

    def before_pass(self, done: int, of: int) -> None:
        """Before a pass, of which `done` come before it and there are `of` in all: a round, if its time has come and it
        is not there yet. Raises what measuring raises, and OSError."""
        every = max(min(EVERY, of // LEAST), 1)
        if done % every or done in self._found:
            return
        series = self._measure()
        lines.append(self.path, {"key": self._key, "place": done, "series": _document(series)})
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


def _parse(document: dict[str, Any]) -> tuple[str, int, Series]:
    """Key, place and series. Raises ValueError, KeyError or TypeError where it is something else."""
    found = {}
    for name, objects, (ns,) in document["series"]:
        found[str(name), int(objects)] = np.array([np.nan if ns is None else float(ns)])
    return str(document["key"]), int(document["place"]), found

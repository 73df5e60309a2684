"""How much of the time no worker waited for a trial."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_KEPT: Final = 4096
"""Gaps kept apart; older ones are summed up, so that a sweep of millions of trials stays small."""


class BusyTime:
    """The union of all workers' waits, from what each says of its batches. Times are Unix time, s."""

    def __init__(self) -> None:
        self._begin = float("inf")
        self._end = 0.0
        self._free_since: dict[int, float] = {}
        self._gaps: list[tuple[float, float]] = []
        self._summed_s = 0.0
        self._summed_until = 0.0

    def submitted(self, now: float) -> None:
        self._begin = min(self._begin, now)

    def entered(self, worker: int, now: float) -> None:
        """From now on this worker could run something."""
        self._free_since[worker] = now

    def worked(self, worker: int, began: float, ended: float) -> None:
        """It ran from `began` to `ended`, and waited before that."""
        self._wait(self._free_since.get(worker, began), began)
        self._free_since[worker] = ended
        self._end = max(self._end, ended)

    def left(self, worker: int, now: float, *, waiting: bool) -> None:
        """It is gone; `waiting`: and ran nothing."""
        since = self._free_since.pop(worker, now)
        if waiting:
            self._wait(since, now)

    def share(self, waiting: Iterable[int]) -> float:
        """The part of the time in which all were busy, 0 .. 1; `waiting`: workers that run nothing now."""
        whole = self._end - self._begin
        if whole <= 0:
            return 0.0
        open_now = [(self._free_since[worker], self._end) for worker in waiting]
        idle = self._summed_s
        for began, ended in _union([*self._gaps, *open_now]):
            began, ended = max(began, self._begin, self._summed_until), min(ended, self._end)
            idle += max(ended - began, 0.0)
        return min(max(1.0 - idle / whole, 0.0), 1.0)

    def _wait(self, began: float, ended: float) -> None:
        began = max(began, self._begin, self._summed_until)
        if ended > began:
            self._gaps.append((began, ended))
        if len(self._gaps) > _KEPT:
            merged = _union(self._gaps)
            old, self._gaps = merged[: -_KEPT // 2], merged[-_KEPT // 2 :]
            if old:
                self._summed_s += sum(ended - began for began, ended in old)
                self._summed_until = old[-1][1]


def _union(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for began, ended in sorted(intervals):
        if merged and began <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ended))
        else:
            merged.append((began, ended))
    return merged

"""How a sweep is going, on the terminal: live where there is one, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweep.recommend import Standing
from sweep.report.tables import front_table

LINE_EVERY_S = 5.0
FRONT_ROWS = 8


class Progress:
    """Trials per second, time left, hypervolume and the present front, on standard error."""

    def __init__(
        self, console: Console, budget: int, workers: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._budget, self._workers, self._clock = console, budget, workers, clock
        self._started = clock()
        self._run = self._reused = 0
        self._last_line = self._started
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None
        self._standing: Standing | None = None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def update(self, done: int, reused: int, standing: Standing | None) -> None:
        """done: settled trials, of which `reused` were in the store already."""
        self._run, self._reused = done - reused, reused
        self._standing = standing or self._standing
        if self._live:
            self._live.update(Group(Text(self.line()), *self._front()))
        elif self._clock() - self._last_line >= LINE_EVERY_S or (standing and done >= self._budget):
            self._last_line = self._clock()
            self._console.print(self.line(), markup=False, highlight=False, soft_wrap=True)

    def line(self) -> str:
        """`128/400 trials, 9.8 trials/s, 28 s left, hypervolume 2.41 (2 workers)`."""
        elapsed = max(self._clock() - self._started, 1e-9)
        done, rate = self._run + self._reused, self._run / elapsed
        left = f"{(self._budget - done) / rate:.0f} s left" if rate else "-"
        volume = f"{self._standing.hypervolume:.3f}" if self._standing else "-"
        reused = f", {self._reused} taken from the store" if self._reused else ""
        return (
            f"{done}/{self._budget} trials{reused}, {rate:.1f} trials/s, {left}, "
            f"hypervolume {volume} ({self._workers} workers, simulated)"
        )

    def _front(self) -> list[Table]:
        return [front_table(self._standing, FRONT_ROWS)] if self._standing and self._standing.front else []

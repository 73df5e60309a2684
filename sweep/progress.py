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

from sweep.report.tables import front_table
from sweep.standing import Standing

LINE_EVERY_S = 5.0
SHOW_EVERY_S = 0.25
FRONT_ROWS = 8


def _nowhere(state: str, settled: int, hypervolume: float) -> None:
    pass


class Progress:
    """Trials per second, time left, hypervolume, what workers and proposer do, and the present front, on
    standard error."""

    def __init__(
        self,
        console: Console,
        budget: int,
        workers: int,
        clock: Callable[[], float] = time.monotonic,
        status: Callable[[str, int, float], None] = _nowhere,
        measured_share: Callable[[], float] | None = None,
    ) -> None:
        """budget: trials; 0 where something else ends the study. status: told now and then (state, settled
        trials, hypervolume), for those who look from outside. measured_share: of a measured study, how much
        of its budget of time or blocks is used; 0 where it has none."""
        self._measured_share = measured_share
        self._console, self._budget, self._workers, self._clock = console, budget, workers, clock
        self._started = clock()
        self._done = self._reused = 0
        self._ask_s = self._all_busy = 0.0
        self._last_line = self._last_shown = self._started
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None
        self._standing: Standing | None = None
        self._status, self._last_status = status, self._started

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._show()
            self._live.stop()
        else:
            self._print()

    def ran(self, settled: int, reused: int) -> None:
        """settled: trials that have ended, of which `reused` were in the store already."""
        self._done, self._reused = settled, reused
        self._now_and_then()

    def told(self, standing: Standing, ask_s: float, all_busy: float) -> None:
        """ask_s: what the last asking took, per trial. all_busy: the share of the time in which no worker
        waited."""
        self._standing, self._ask_s, self._all_busy = standing, ask_s, all_busy
        self._now_and_then()

    def trials_per_s(self) -> float:
        """Of those that were run, since the start."""
        return (self._done - self._reused) / max(self._clock() - self._started, 1e-9)

    def _now_and_then(self) -> None:
        now = self._clock()
        if self._standing and now - self._last_status >= LINE_EVERY_S:
            self._last_status = now
            self._status("running", self._done, self._standing.hypervolume)
        if self._live:
            if now - self._last_shown >= SHOW_EVERY_S:
                self._last_shown = now
                self._show()
        elif now - self._last_line >= LINE_EVERY_S:
            self._last_line = now
            self._print()

    def _print(self) -> None:
        self._console.print(self.line(), markup=False, highlight=False, soft_wrap=True)

    def _show(self) -> None:
        assert self._live is not None
        self._live.update(Group(Text(self.line()), *self._front()))

    def line(self) -> str:
        """`128/400 trials, 9.8 trials/s, 28 s left, hypervolume 2.41, all of 2 workers busy 97 %, ask 0.2 ms`."""
        rate = self.trials_per_s()
        left = f"{max(self._budget - self._done, 0) / rate:.0f} s left" if rate and self._budget else "-"
        share = self._measured_share() if self._measured_share else 0.0
        if share:
            left = f"{share:.0%} of the measuring budget used"
        of = f"{self._done}/{self._budget}" if self._budget else f"{self._done}"
        volume = f"{self._standing.hypervolume:.3f}" if self._standing else "-"
        reused = f", {self._reused} of them before" if self._reused else ""
        return (
            f"{of} trials{reused}, {rate:.1f} trials/s, {left}, hypervolume {volume}, "
            f"all of {self._workers} workers busy {self._all_busy:.0%}, ask {self._ask_s * 1e3:.1f} ms/trial "
            f"({self._kind()})"
        )

    def _kind(self) -> str:
        """Of the figures shown."""
        if self._standing and self._standing.emulated:
            return "emulated"
        return "measured" if self._measured_share else "simulated"

    def _front(self) -> list[Table]:
        return [front_table(self._standing, FRONT_ROWS)] if self._standing and self._standing.front else []

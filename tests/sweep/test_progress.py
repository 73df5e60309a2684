"""Lines for where there is no terminal."""

import io

from rich.console import Console

from sweep.progress import LINE_EVERY_S, Progress
from sweep.recommend import standing


def test_lines_come_now_and_then_and_once_at_the_end() -> None:
    now = 0.0
    out = io.StringIO()
    nothing = standing([], ("max_stall_ns", "wakeups"), ())
    with Progress(Console(file=out, width=200), 40, 2, clock=lambda: now) as progress:
        for done in range(1, 41):
            now += LINE_EVERY_S / 10
            progress.update(done, 0, None)
        progress.update(40, 0, nothing)
    lines = out.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("10/40 trials, 2.0 trials/s, 15 s left, hypervolume -")
    assert lines[-1].startswith("40/40 trials, 2.0 trials/s, 0 s left, hypervolume 0.000")
    assert all("simulated" in line for line in lines)


def test_what_the_store_had_is_said_and_not_counted_as_speed() -> None:
    progress = Progress(Console(file=io.StringIO()), 100, 1, clock=iter([0.0, 0.0, 10.0, 10.0]).__next__)
    progress.update(50, 40, None)
    assert progress.line().startswith("50/100 trials, 40 taken from the store, 1.0 trials/s, 50 s left")

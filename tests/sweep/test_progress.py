"""How a sweep is going, where there is no terminal, and what is written down for others."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from sweep.judge import judge
from sweep.progress import LINE_EVERY_S, Progress
from sweep.report import tables
from sweep.standing import Standing
from tests.sweep.test_judge import OBJECTIVES, Space, attempt

NOW: Standing = judge(
    [attempt(0, (100, 100)), attempt(1, (50, 90)), attempt(2, (90, 50))], OBJECTIVES, "mean", [], Space()
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_now_and_then_and_once_at_the_end() -> None:
    clock, out = Clock(), io.StringIO()
    with Progress(Console(file=out, width=200), 40, 2, clock=clock) as progress:
        for done in range(1, 41):
            clock.now += LINE_EVERY_S / 10
            progress.ran(done, 0)
        progress.told(NOW, 0.0005, 0.97)
    lines = out.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("10/40 trials, 2.0 trials/s, 15 s left, hypervolume -")
    assert lines[-1] == (
        f"40/40 trials, 2.0 trials/s, 0 s left, hypervolume {NOW.hypervolume:.3f}, all of 2 workers busy 97%, "
        "ask 0.5 ms/trial (simulated)"
    )


def test_what_the_store_had_is_said_and_not_counted_as_speed() -> None:
    clock = Clock()
    progress = Progress(Console(file=io.StringIO()), 100, 1, clock=clock)
    clock.now += 10
    progress.ran(50, 40)
    assert progress.line().startswith("50/100 trials, 40 of them before, 1.0 trials/s, 50 s left")
    assert progress.trials_per_s() == pytest.approx(1.0)


@pytest.mark.parametrize(("machine", "kind"), [("emulated-0123", "emulated"), ("0123", "measured")])
def test_what_an_emulator_measured_is_not_called_measured(machine: str, kind: str) -> None:
    progress = Progress(Console(file=io.StringIO()), 0, 1, measured_share=lambda: 0.5)
    progress.told(replace(NOW, level="kernel", machine=machine), 0.0, 1.0)
    assert progress.line().endswith(f"({kind})")


def test_the_standing_is_written_down_now_and_then() -> None:
    clock = Clock()
    written: list[tuple[str, int, float]] = []
    progress = Progress(
        Console(file=io.StringIO()), 100, 1, clock=clock, status=lambda *said: written.append(said)
    )
    progress.ran(1, 0)
    assert written == []
    progress.told(NOW, 0.0, 1.0)
    for done in range(2, 30):
        clock.now += LINE_EVERY_S / 4
        progress.ran(done, 0)
    assert [said[1] for said in written] == [5, 9, 13, 17, 21, 25, 29]
    assert {said[0] for said in written} == {"running"}
    assert {said[2] for said in written} == {NOW.hypervolume}


def test_a_terminal_is_shown_the_front_while_it_grows() -> None:
    clock, out = Clock(), io.StringIO()
    console = Console(file=out, width=160, force_terminal=True)
    with Progress(console, 10, 1, clock=clock) as progress:
        progress.told(replace(NOW, points=()), 0.0, 1.0)
        clock.now += 1
        progress.ran(3, 0)
    shown = out.getvalue()
    assert "3/10 trials" in shown
    assert tables.label(NOW.front[0], NOW).split(":")[0].split()[0] in shown

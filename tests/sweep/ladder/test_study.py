"""A ladder as a whole: two studies in a store, taken up again at any point."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sweep import climbing, session
from sweep.execute.in_process import InProcessExecutor
from sweep.standing import SIMULATED
from sweep.study_file import StudyError
from sweep.trial import REPEAT, Attempt
from tests.sweep.fake_native import OTHER_HOST
from tests.sweep.ladder.conftest import Lab

pytestmark = pytest.mark.slow


def launch(lab: Lab, **changes: object) -> None:
    assert session.launch(lab.study(**changes), lab.options) == 0


def test_a_ladder_simulates_first_and_measures_what_may_be_on_the_front(lab: Lab) -> None:
    launch(lab, promotion={"min_correlation": 0.0})  # of a dozen configurations alike, rank means little
    above, below = lab.kept(), lab.kept("climb.simulator")
    attempts = above.attempts()
    now, simulated = above.standing(), below.standing()
    assert (now.level, simulated.level) == ("native", SIMULATED)
    assert simulated.told == 120
    assert now.spent.blocks >= 90 > now.spent.blocks - 2 * above.study.batch_size * 3 - 3
    assert above.is_complete(now)
    known = {p.trial.configuration.key() for p in simulated.points}
    promoted = [a for a in attempts if a.trial.configuration.key() in known]
    assert len(promoted) > 0.6 * len(attempts)
    found = climbing.climb(above, attempts)
    assert found is not None
    assert (found.study, found.stopped) == ("climb.simulator", "")
    assert found.promoted + found.beyond == now.measured
    for name in ("report.html", "report.md"):
        text = (above.directory / "results" / name).read_text()
        assert "Simulated and measured" in text
        assert "a made-up CPU" in text


def test_repeats_are_measured_again_and_go_where_the_front_is_uncertain(lab: Lab) -> None:
    lab.spread = 0.1
    launch(lab)
    repeats = [a for a in lab.kept().attempts() if a.trial.origin == REPEAT]
    now = lab.kept().standing()
    assert repeats
    assert len(repeats) == now.repeats
    calls = lab.made[-1].calls
    for each in repeats:
        assert calls[each.trial.configuration.key()] > 1
        assert each.worker != "store"


def test_a_ladder_that_is_interrupted_goes_on_and_loses_nothing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the upper level, in the middle of a batch; then to its end in several lives."""
    collect = InProcessExecutor.collect
    lives = iter([3, 40, 7, 1, 5, 10_000])
    left = 0

    def dies(self: InProcessExecutor, timeout_s: float | None = None) -> list[Attempt]:
        nonlocal left
        if lab.made and left == 0:
            raise KeyboardInterrupt
        left -= bool(lab.made)
        return collect(self, timeout_s)

    monkeypatch.setattr(InProcessExecutor, "collect", dies)
    before: list[Attempt] = []
    for life in lives:
        left = life
        try:
            code = session.launch(lab.study(), lab.options)
        except KeyboardInterrupt:
            code = None
        attempts = lab.kept().attempts()
        assert attempts[: len(before)] == before
        before = attempts
        if code == 0:
            break
    assert lab.kept().is_complete(lab.kept().standing())
    assert len({a.trial.number for a in before}) == len(before)
    simulated = lab.kept("climb.simulator").attempts()
    assert len(simulated) == 120


def test_what_was_simulated_when_measuring_began_is_what_is_chosen_from(lab: Lab) -> None:
    launch(lab)
    more = {"trials": 200, "native_blocks": 120}
    assert session.resume("climb", lab.options, ["budget.trials=200", "budget.native_blocks=120"]) == 0
    assert lab.kept("climb.simulator").standing().told == 120
    assert lab.kept().standing().spent.blocks >= more["native_blocks"]


def test_an_unlike_machine_is_refused_and_its_difference_named(lab: Lab) -> None:
    launch(lab)
    lab.host = OTHER_HOST
    with pytest.raises(StudyError, match=r"kernel release was 6\.12, is 6\.18; .* never merged"):
        session.resume("climb", lab.options, ["budget.native_blocks=120"])
    other = lab.study(name="other", ladder=None, backend="native", budget={"trials": 12})
    options = replace(lab.options, sources=("climb",))
    with pytest.raises(StudyError, match="no scenario of other.*machine that they were measured on"):
        session.launch(other, options)


def test_a_native_study_takes_what_another_one_measured_here(lab: Lab) -> None:
    launch(lab)
    other = lab.study(name="other", ladder=None, backend="native", budget={"trials": 16})
    assert session.launch(other, replace(lab.options, sources=("climb",))) == 0
    taken = [a for a in lab.kept("other").attempts() if a.worker == "from climb"]
    assert taken
    assert all(a.evidence for a in taken)
    assert lab.kept("other").standing().level == "native"


def test_promotion_stops_where_the_simulator_does_not_rank(lab: Lab) -> None:
    """Of what makes a configuration fast on that machine, the simulator knows next to nothing."""
    lab.scatter = 3.0
    launch(lab, promotion={"min_correlation": 0.9, "judge_after": 6})
    kept = lab.kept()
    found = climbing.climb(kept, kept.attempts())
    assert found is not None
    assert "below 0.9: the study goes on natively only" in found.stopped
    assert found.beyond > 0
    assert "Promotion stopped" in (kept.directory / "results" / "report.md").read_text()


def test_the_longest_ladder_ends_in_a_kernel_and_keeps_each_level_apart(lab: Lab) -> None:
    launch(
        lab,
        ladder=["simulator", "native", "kernel"],
        budget={"trials": 48, "native_blocks": 36, "kernel_blocks": 24},
    )
    names = ("climb.native.simulator", "climb.native", "climb")
    levels = [lab.kept(name).standing() for name in names]
    assert [now.level for now in levels] == [SIMULATED, "native", "kernel"]
    assert [now.emulated for now in levels] == [False, False, True]
    for name, share in (("climb.native", 36), ("climb", 24)):
        kept = lab.kept(name)
        assert kept.standing().spent.blocks >= share
        assert kept.is_complete(kept.standing())
    found = climbing.climb(lab.kept(), lab.kept().attempts())
    assert found is not None
    assert found.study == "climb.native"
    native = {p.trial.configuration.key() for p in levels[1].points}
    assert found.promoted == sum(p.trial.configuration.key() in native for p in levels[2].points) > 0
    text = (lab.kept().directory / "results" / "report.md").read_text()
    assert "All figures are emulated" in text
    assert "stands for what `climb.native` measured in user space" in text
    head = (lab.kept().directory / "results" / "recommended.yaml").read_text()
    assert "emulated: true" in head
    assert "no real CPU's" in head


def test_a_ladder_may_leave_user_space_out(lab: Lab) -> None:
    launch(lab, ladder=["simulator", "kernel"], budget={"trials": 32, "kernel_blocks": 15})
    assert lab.kept("climb.simulator").standing().level == SIMULATED
    assert lab.kept().standing().level == "kernel"

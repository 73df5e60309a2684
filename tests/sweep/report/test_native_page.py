"""The page of what was measured with noise, natively or at the end of a ladder: whole, offline, whatever came out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep import noise
from sweep.backends.native.evaluator import LEVEL
from sweep.ladder import Climb
from sweep.ladder.errors import Error
from sweep.report import Evidence as RestsOn
from sweep.report import page, words
from sweep.report.bench import Bench
from sweep.report.facts import gather
from sweep.standing import Point, Standing
from sweep.study import Study
from sweep.trial import METRICS, Attempt, Configuration, Evidence, Interval, Measurement, Trial
from tests.sweep.fake_native import HOST

from .conftest import EVIDENCE, OBJECTIVES, Measured, study
from .test_write import Page, markdown_tables

MARKUP = '<script>alert(1)</script> "a|b" & `c`'
SHOWN = 14
NATIVE = replace(
    EVIDENCE, measured_on=HOST.summary(), host=tuple((name, str(value)) for name, value in HOST.lines())
)
Draw = Callable[[str, float], float]


def interval(value: float) -> Interval:
    return noise.around(value, 0.03)


def noisy(attempt: Attempt, base: Attempt, draw: Draw = lambda _, value: value) -> Attempt:
    """The same figures, or drawn ones, as if measured in blocks beside the baseline."""
    measurements, evidence = [], []
    for scenario, exact in attempt.measurements:
        flat = {name: draw(name, value) for name, value in exact.flat().items()}
        below = base.measurement(scenario).flat()
        ratios = tuple((n, interval(v / below[n])) for n, v in flat.items() if below[n] and v)
        values = tuple((n, interval(v)) for n, v in flat.items())
        measurements.append((scenario, Measurement.from_flat(flat)))
        evidence.append((scenario, Evidence(LEVEL, HOST.key(), 3, 1, values, ratios)))
    return replace(attempt, measurements=tuple(measurements), evidence=tuple(evidence))


def native(measured: Measured, shown: int = SHOWN) -> list[Attempt]:
    return [noisy(each, measured.attempts[0]) for each in measured.attempts[:shown]]


def of_ladder(standing: Standing, stopped: str = "", name: str = "small.simulator") -> RestsOn:
    """Of half of the points a simulated value is known; the other half was never simulated."""
    known = {p.trial.configuration.key(): tuple(0.9 * v for v in p.values) for p in standing.points[::2]}
    correlation = (0.9, *(None for _ in standing.objectives[1:]))
    chances = tuple((p.trial.configuration, 0.2) for p in standing.points[1:3])
    errors = tuple(Error(0.1, 0.3) for _ in standing.objectives)
    climb = Climb(
        name, known, len(known), len(standing.points) - len(known), errors, correlation, stopped, chances
    )
    return replace(NATIVE, climb=climb)


def pages(measured: Measured, asked: Study, standing: Standing, rests_on: RestsOn) -> tuple[str, str]:
    bench = Bench(asked, measured.scenarios, standing)
    facts = gather(asked, measured.scenarios, standing, measured_course(standing), rests_on, bench)
    return page.html(facts, []), page.markdown(facts)


def measured_course(standing: Standing) -> list[tuple[int, float]]:
    return [(standing.measured, standing.hypervolume)] if standing.measured else []


def check(html: str, text: str) -> None:
    assert Page(html).loads == []
    assert not re.search(r"@import|url\(|http-equiv|fetch\(|XMLHttpRequest|import\(", html)
    assert len([p for section, p in Page(html).paragraphs if section == "advice"]) == 3
    for said in (html, text):
        assert not re.search(
            r"\bnan\b|\bNone\b|Interval\(|Undefined", re.sub("<style.*?</style>", "", said, flags=re.DOTALL)
        )
    for table in markdown_tables(text):
        assert len({len(row) for row in table}) == 1, table


@pytest.mark.parametrize("ladder", [False, True], ids=["native", "ladder"])
@pytest.mark.parametrize("combine", ["mean", "worst", "regret"])
def test_it_says_where_its_figures_are_from_and_how_sure_they_are(
    measured: Measured, ladder: bool, combine: str
) -> None:
    asked = measured.study(objectives=OBJECTIVES[:2], combine=combine)
    standing = measured.standing(asked, native(measured))
    html, text = pages(measured, asked, standing, of_ladder(standing) if ladder else NATIVE)
    check(html, text)
    for said in (html, text):
        assert "measured in user space" in said
        assert "a made-up CPU" in said
        assert HOST.key() in said
        assert "95 %" in said
        assert "figures are simulated" not in said
        assert ("Simulated and measured" in said) == ladder
        assert ("not simulated" in said) == ladder
        assert not re.search(r"\de\+\d", said)
        assert re.search(r"[0-9.]+ ns/object \[[0-9.]+, [0-9.]+\]", said)


def test_what_to_measure_again_is_a_whole_command() -> None:
    use = {"name": "giant-exit", "window": [0, 0.2], "loops": 2}
    asked = study(
        workloads=[use],
        policies=["per_object", "fixed_batch"],
        backend="native",
        native={"rcu": "liburcu", "allocator": "glibc"},
    )
    trial = Trial(7, Configuration.of("per_object", {"hurry": True}), "sampler")
    assert words.measured_again(asked, Point(trial, (), (), (), (), 0.0)) == (
        "python -m sweep measure --workload giant-exit --machine vm-2cpu --policy per_object --set hurry=true "
        "--window 0s,0.2s --loops 2 --rcu liburcu --allocator glibc"
    )


def test_what_to_measure_again_in_a_guest_is_the_same_guest() -> None:
    guest = {"icount": 1, "memory_bytes": "256 MiB", "use_softirq": False, "memcg": True}
    asked = study(workloads=["giant-exit"], policies=["per_object"], backend="kernel", kernel=guest)
    trial = Trial(7, Configuration.of("per_object", {"hurry": True}), "sampler")
    assert words.measured_again(asked, Point(trial, (), (), (), (), 0.0)) == (
        "python -m sweep measure --backend kernel --icount 1 --memory '256 MiB' --no-softirq --memcg "
        "--workload giant-exit --machine vm-2cpu --policy per_object --set hurry=true"
    )


@pytest.mark.parametrize("ladder", [False, True], ids=["native", "ladder"])
def test_what_comes_from_outside_is_shown_as_text(measured: Measured, ladder: bool) -> None:
    asked = measured.study(description=MARKUP)
    standing = measured.standing(asked, native(measured))
    rests_on = of_ladder(standing, MARKUP, MARKUP) if ladder else NATIVE
    html, text = pages(
        measured, asked, standing, replace(rests_on, measured_on=MARKUP, host=((MARKUP, MARKUP),))
    )
    check(html, text)
    assert "alert(1)" in html
    assert "<script>alert" not in html


@pytest.mark.parametrize("ladder", [False, True], ids=["native", "ladder"])
@pytest.mark.parametrize("shown", [0, 1])
def test_studies_that_came_to_little(measured: Measured, ladder: bool, shown: int) -> None:
    asked = measured.study()
    standing = measured.standing(asked, native(measured, shown))
    check(*pages(measured, asked, standing, of_ladder(standing) if ladder else NATIVE))


def test_nothing_feasible(measured: Measured) -> None:
    asked = measured.study(constraints=["exit_latency_ns.p99 <= 1 ns"])
    standing = measured.standing(asked, native(measured))
    html, text = pages(measured, asked, standing, of_ladder(standing))
    check(html, text)
    assert "Nothing is recommended" in text


FIGURES = st.one_of(st.just(0.0), st.floats(1e-6, 1e15, allow_nan=False))


@settings(max_examples=10, deadline=None)
@given(figures=st.lists(FIGURES, min_size=1, max_size=40), ladder=st.booleans())
def test_any_figures_make_a_page(measured: Measured, figures: Sequence[float], ladder: bool) -> None:
    drawn = iter(figures * 1000)

    def draw(name: str, value: float) -> float:
        if name == "violations":
            return 0
        return int(next(drawn)) if METRICS[name].integral else next(drawn)

    asked = measured.study(objectives=OBJECTIVES[:3])
    base = noisy(measured.attempts[0], measured.attempts[0], draw)
    others = [noisy(each, base, draw) for each in measured.attempts[1:6]]
    standing = measured.standing(asked, [base, *others])
    check(*pages(measured, asked, standing, of_ladder(standing) if ladder else NATIVE))

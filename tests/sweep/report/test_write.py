"""A report says what the standing says, whole, offline, whatever came out."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sweep.report import words
from sweep.report.files import write
from sweep.report.tables import rows
from sweep.scenarios import scenarios
from sweep.standing import Standing
from sweep.study import Study
from sweep.trial import Attempt, Cause, Failure, Measurement, Trial

from .conftest import EVIDENCE, OBJECTIVES, Measured

KINDS = {
    "mean of two": {"objectives": OBJECTIVES[:2]},
    "worst of three": {"objectives": OBJECTIVES[:3], "combine": "worst"},
    "regret of four": {"objectives": OBJECTIVES, "combine": "regret"},
    "constrained": {"objectives": OBJECTIVES[:2], "constraints": ["max_stall_ns <= 100 us"]},
}


class Page(HTMLParser):
    """Tables as rows of texts, and whatever might be loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.rows: list[list[str]] = []
        self.paragraphs: list[tuple[str, str]] = []
        self._section = self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        for name in ("src", "href", "xlink:href", "data", "poster", "srcset", "action"):
            if values.get(name) is not None and not str(values[name]).startswith(("#", "data:")):
                self.loads.append(f"{tag} {name}={values[name]}")
        if tag == "section":
            self._section = str(values.get("id"))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag == "p":
            self.paragraphs.append((self._section, ""))
        self._in = tag if tag in ("td", "th", "p") else self._in

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._section = ""
        if tag == self._in:
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("td", "th"):
            self.rows[-1][-1] += data
        elif self._in == "p":
            section, text = self.paragraphs[-1]
            self.paragraphs[-1] = (section, text + data)


def markdown_tables(text: str) -> Iterator[list[list[str]]]:
    """Each table's rows of cells."""
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        yield [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in block.strip().splitlines()
        ]


def report(measured: Measured, asked: Study, standing: Standing, where: Path) -> tuple[str, str]:
    written = write(asked, measured.scenarios, standing, measured.course(asked), EVIDENCE, where)
    assert all(path.is_file() for path in written)
    return (where / "report.html").read_text(), (where / "report.md").read_text()


@pytest.fixture(scope="module", params=KINDS)
def made(
    request: pytest.FixtureRequest, measured: Measured, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Study, Standing, str, str, Path]:
    asked = measured.study(**KINDS[request.param])
    standing = measured.standing(asked)
    where = tmp_path_factory.mktemp("report")
    html, text = report(measured, asked, standing, where)
    return asked, standing, html, text, where


Made = tuple[Study, Standing, str, str, Path]


def test_one_file_that_loads_nothing(made: Made) -> None:
    _, _, html, _, where = made
    assert Page(html).loads == []
    assert not re.search(r"@import|url\(|http-equiv|fetch\(|XMLHttpRequest|import\(", html)
    assert (where / "report.html").stat().st_size < 6e6


def test_three_sentences_that_begin_with_what_to_set(made: Made) -> None:
    _, standing, html, text, _ = made
    best = standing.recommended
    assert best is not None
    spoken = [paragraph for section, paragraph in Page(html).paragraphs if section == "advice"]
    assert len(spoken) == 3
    assert all(s.endswith(".") and ". " not in s for s in spoken)
    assert spoken[0].startswith(f"Use {best.trial.configuration.policy}")
    for name, value in best.trial.configuration.params:
        assert f"{name}={str(value).lower() if isinstance(value, bool) else value}" in spoken[0]
    assert "Against the baseline" in spoken[1]
    assert "Linux 6.4–6.14" in spoken[1]
    assert "Linux 6.15 and later" in spoken[1]
    assert "simulated" in spoken[2]
    assert "37 of 39 unit costs of vm-2cpu" in spoken[2]
    plain = text.replace("`", "")
    assert all(sentence in plain for sentence in spoken)


def test_the_front_is_the_standings(made: Made) -> None:
    _, standing, html, text, _ = made
    wanted = {
        str(p.trial.configuration): [words.value(v, standing.combine) for v in p.values]
        for p in rows(standing)[:25]
    }
    on_page = {
        row[0]: row[2:]
        for row in Page(html).rows
        if row[0] in wanted and len(row) == 2 + len(standing.objectives)
    }
    assert on_page == wanted
    in_text = {
        row[0].strip("`"): row[2:]
        for table in markdown_tables(text)
        for row in table
        if row[0].strip("`") in wanted and len(row) == 2 + len(standing.objectives)
    }
    assert in_text == wanted


def test_what_is_said_of_a_scenario_is_what_was_measured(made: Made) -> None:
    _, standing, html, text, _ = made
    best, baseline = standing.recommended, standing.baseline
    assert best is not None
    assert baseline is not None
    page = [row for row in Page(html).rows if row]
    for place, (scenario, mine) in enumerate(best.measurements):
        theirs = baseline.measurements[place][1]
        (overview,) = (
            row for row in page if row[0] == scenario and len(row) == 2 + 4 * len(standing.objectives)
        )
        for i, name in enumerate(standing.objectives):
            ratio, least = best.scenario_ratios[place][i], standing.best[place][i]
            expected = [words.ratio(ratio), words.ratio(least), f"{ratio - least:+.3f}"]
            assert overview[1 + 4 * i : 4 + 4 * i] == expected
            value, base = words.metric_value(name, mine.get(name)), words.metric_value(name, theirs.get(name))
            assert any(row[0].endswith(name) and row[1] == value and row[2].startswith(base) for row in page)
            tables = [row for table in markdown_tables(text) for row in table]
            assert any(row[:3] == [f"`{name}`", value, base] for row in tables)


def test_tables_of_the_text_are_tables(made: Made) -> None:
    _, _, _, text, _ = made
    tables = list(markdown_tables(text))
    assert len(tables) >= 8
    for table in tables:
        assert len({len(row) for row in table}) == 1, table
        assert all(re.fullmatch(r"-+:?", cell) for cell in table[1])
        assert len(table) > 2, table


def test_scope_and_evidence_are_there(made: Made) -> None:
    asked, standing, html, text, _ = made
    for said in (html, text):
        assert EVIDENCE.store_digest in said
        assert f"{standing.measured} measured ({standing.feasible} feasible)" in said
        assert f"{asked.sampler}, seed {asked.seed}" in said
        assert "37 of 39" in said
        assert all(bound in said.replace("&lt;", "<") for bound in map(str, asked.bounds()))


def test_the_course_ends_where_the_study_stands(made: Made) -> None:
    _, standing, html, text, _ = made
    (table,) = (t for t in markdown_tables(text) if t[0] == ["trials", "hypervolume"])
    assert table[-1] == [str(standing.measured), f"{standing.hypervolume:.4f}"]
    assert f"study's {standing.hypervolume:.4f}" in html


def test_rejected_configurations_are_counted(made: Made) -> None:
    asked, standing, html, _, _ = made
    found: dict[tuple[str, str], set[object]] = {}
    for point in standing.points:
        for broken in point.broken:
            key = (point.trial.configuration.policy, broken.constraint)
            found.setdefault(key, set()).add(point.trial.configuration)
    shown = {
        (row[0], row[1]): int(row[2])
        for row in Page(html).rows
        if len(row) == 5 and (row[0], row[1]) in found
    }
    assert shown == {key: len(those) for key, those in found.items()}
    assert bool(shown) == bool(asked.constraints)


def test_the_same_study_gives_the_same_bytes(measured: Measured, tmp_path: Path) -> None:
    asked = measured.study()
    standing = measured.standing(asked)
    for where in ("a", "b"):
        report(measured, asked, standing, tmp_path / where)
    for path in (tmp_path / "a").iterdir():
        name = path.name
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


# -- studies that came to little --


def test_nothing_feasible(measured: Measured, tmp_path: Path) -> None:
    asked = measured.study(constraints=["exit_latency_ns.p99 <= 1 ns"])
    html, text = report(measured, asked, measured.standing(asked), tmp_path)
    assert "Nothing is recommended" in text
    assert "exit_latency_ns.p99 &lt;= 1.00 ns" in html
    assert len([p for section, p in Page(html).paragraphs if section == "advice"]) == 3
    assert not (tmp_path / "recommended.yaml").exists()
    assert not (tmp_path / "front.png").exists()


def test_nothing_measured(measured: Measured, tmp_path: Path) -> None:
    asked = measured.study()
    evidence = replace(EVIDENCE, complete=False, attempts=0)
    written = write(asked, measured.scenarios, measured.standing(asked, []), [], evidence, tmp_path)
    assert [path.name for path in written] == ["report.html", "report.md"]
    text = (tmp_path / "report.md").read_text()
    assert "Nothing can be recommended yet" in text
    assert "has not used up its budget" in text
    assert len([p for section, p in Page(written[0].read_text()).paragraphs if section == "advice"]) == 3


def test_interrupted_after_the_baseline(measured: Measured, tmp_path: Path) -> None:
    """The front is one point, the baseline, to which there is no path; no kernel was measured."""
    asked = measured.study()
    _, text = report(measured, asked, measured.standing(asked, measured.attempts[:1]), tmp_path)
    assert "(the baseline itself)" in text
    assert "The baseline itself is recommended." in text
    assert "Linux 6.4" not in text


def test_failures_and_markup_are_shown_as_text(measured: Measured, tmp_path: Path) -> None:
    asked = measured.study(description="<script>alert(1)</script> a|b")
    bad = Failure(Cause.CONFIGURATION, "bound <b>exceeded</b> | after 3 steps")
    more = [
        Attempt(
            Trial(100 + n, measured.attempts[-1 - n].trial.configuration, "sampler"),
            0,
            (),
            bad,
            "x",
            0.0,
            0.0,
        )
        for n in range(3)
    ]
    standing = measured.standing(asked, [*measured.attempts, *more])
    html, text = report(measured, asked, standing, tmp_path)
    assert "alert(1)" in html
    assert "<script>alert" not in html
    assert "<b>exceeded" not in html
    assert "bound &lt;b&gt;exceeded" in html
    assert "3 failed by themselves" in text
    assert all(len({len(row) for row in table}) == 1 for table in markdown_tables(text))


def test_what_a_kernel_does_already_and_what_it_may_not_do_is_said(
    measured: Measured, tmp_path: Path
) -> None:
    """Here only what 6.15 does may be chosen, and what 6.12 does is held to break a constraint."""
    asked = measured.study(policies=["typesafe"], constraints=["dead_age_ns.max <= 1 ms"])
    standing = measured.standing(asked)
    kernels = {p.trial.origin: p for p in standing.compared}
    assert not kernels["preset:linux-6.12"].feasible
    assert standing.recommended == kernels["preset:linux-6.15, linux-6.18"]
    _, text = report(measured, asked, standing, tmp_path)
    assert "Linux 6.15 and later does the same" in text
    assert "`direct_exit bulk_size=1`, which breaks a constraint here" in text
    assert "readers pay for revalidation" in text


def test_a_metric_that_the_baseline_has_none_of_counts_where_it_has(
    measured: Measured, tmp_path: Path
) -> None:
    """In giant-exit nobody unmaps."""
    asked = measured.study()
    standing = measured.standing(asked)
    baseline = standing.baseline
    assert baseline is not None
    assert [m.munmap_latency_ns.p99 > 0 for _, m in baseline.measurements] == [True, False]
    best = standing.recommended
    assert best is not None
    _, text = report(measured, asked, standing, tmp_path)
    first = best.measurements[0][1].munmap_latency_ns.p99 / baseline.measurements[0][1].munmap_latency_ns.p99
    line = next(
        row for row in text.splitlines() if row.startswith("| `munmap_latency_ns.p99` (in 1 of 2 scenarios)")
    )
    assert line.split("|")[2].strip() == words.ratio(first)


@pytest.mark.slow
def test_a_study_of_many_scenarios_and_trials_stays_within_bounds(measured: Measured, tmp_path: Path) -> None:
    """60 scenarios, 2,000 trials, three objectives: what is too much to show is said to be left out."""
    uses = [{"name": "pip-wheel", "dilation": 1 + n / 100} for n in range(60)]
    asked = measured.study(workloads=uses, objectives=OBJECTIVES[:3], description="many")
    made = scenarios(asked)
    space, dice = asked.space(), random.Random(5)
    named = [a for a in measured.attempts if a.trial.origin != "sampler"]
    trials = [a.trial for a in named]
    for n in range(len(named), 2000):
        policy = dice.choice([p for p in space.policies if space.count(p) > 100])
        trials.append(Trial(n, space.nth(policy, dice.randrange(space.count(policy))), "sampler"))
    figures = measured.attempts[0].measurements[0][1].flat()
    many = []
    for trial in trials:
        flat = figures | {
            name: value * dice.uniform(0.5, 1.5) for name, value in figures.items() if name in OBJECTIVES
        }
        each = Measurement.from_flat(flat)
        many.append(Attempt(trial, 0, tuple((s.name, each) for s in made), None, "", 0.0, 0.0))
    standing = measured.standing(asked, many)
    write(asked, made, standing, [(2000, standing.hypervolume)], EVIDENCE, tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert (tmp_path / "report.html").stat().st_size < 6e6
    assert "Shown in detail: 40 of 60 scenarios" in html
    assert "one point in" in html
    assert all(html.count(s.name) >= 2 for s in made)

"""Two studies side by side: their fronts and recommendations in the scenarios that both measured.

Scenarios are the same where their keys are, whatever their names. Over these each study's configurations are
valued anew (so a study whose scenarios are all common keeps its front), with one combination and, for regret,
one best. A configuration is judged feasible by its own study's constraints. Studies without a common scenario
stand side by side, each valued in its own; then nothing is said of which front covers which.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from sweep import pareto
from sweep.recommend import recommended
from sweep.report import words
from sweep.standing import REFERENCE, SIMULATED, Point, Standing
from sweep.study import Combine, Study
from sweep.trial import Configuration


@dataclass(frozen=True, slots=True)
class Side:
    """A study, the keys of its scenarios by name, and where it stands, with points."""

    name: str
    study: Study
    keys: Mapping[str, str]
    standing: Standing


@dataclass(frozen=True, slots=True)
class Entry:
    """A configuration of one study. values: over the common scenarios (or its own, without a common one).
    covered: whether a point of the other study's front is nowhere worse."""

    trial: int
    configuration: Configuration
    values: tuple[float, ...]
    covered: bool

    def document(self, objectives: Sequence[str]) -> dict[str, Any]:
        """As JSON values."""
        return {
            "trial": self.trial,
            "policy": self.configuration.policy,
            "params": self.configuration.mapping(),
            "values": dict(zip(objectives, self.values, strict=True)),
            "covered_by_other": self.covered,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """One study in the comparison. only_here: its scenarios that the other one has not. coverage: the share of
    its front that the other's front covers (the C-metric of Zitzler and Thiele, 1999). This and hypervolume
    are None without a common scenario."""

    name: str
    measured: int
    feasible: int
    only_here: tuple[str, ...]
    front: tuple[Entry, ...]
    hypervolume: float | None
    coverage: float | None
    recommended: Entry | None
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two studies over their common scenarios (named as in the first); notes say where they are not alike."""

    objectives: tuple[str, ...]
    combine: Combine
    common: tuple[str, ...]
    notes: tuple[str, ...]
    sides: tuple[Summary, Summary]
    figures: str = SIMULATED

    def differences(self) -> list[tuple[str, str, str]]:
        """Of the recommendations: (what, in the first, in the second); empty where they are the same."""
        first, second = (side.recommended for side in self.sides)
        if first is None or second is None:
            return [] if first is second else [("recommended", _said(first), _said(second))]
        a, b = first.configuration, second.configuration
        found = [("policy", a.policy, b.policy)] if a.policy != b.policy else []
        mine, other = a.mapping(), b.mapping()
        for name in dict.fromkeys((*mine, *other)):
            if mine.get(name) != other.get(name):
                found.append((name, str(mine.get(name, "-")), str(other.get(name, "-"))))
        return found

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "figures": self.figures,
            "objectives": list(self.objectives),
            "combine": self.combine,
            "common_scenarios": list(self.common),
            "notes": list(self.notes),
            "studies": [
                {
                    "study": s.name,
                    "measured": s.measured,
                    "feasible": s.feasible,
                    "scenarios_only_here": list(s.only_here),
                    "hypervolume": s.hypervolume,
                    "front_covered_by_other": s.coverage,
                    "front": [e.document(self.objectives) for e in s.front],
                    "recommended": s.recommended.document(self.objectives) if s.recommended else None,
                    "why": s.why,
                }
                for s in self.sides
            ],
            "differences": [
                {"what": what, self.sides[0].name: a, self.sides[1].name: b}
                if self.sides[0].name != self.sides[1].name
                else {"what": what, "first": a, "second": b}
                for what, a, b in self.differences()
            ],
        }

    def tables(self) -> list[Table]:
        """An overview, and both fronts."""
        return [self._overview(), self._fronts()]

    def _overview(self) -> Table:
        first, second = self.sides
        table = Table(
            title=f"{first.name} and {second.name} - {self.figures}; {self._values_are()}",
            title_justify="left",
        )
        table.add_column("")
        for side in self.sides:
            table.add_column(side.name, overflow="fold")

        def row(what: str, *cells: str, style: str | None = None) -> None:
            table.add_row(what, *cells, style=style)

        row("configurations measured", *(f"{s.measured:,}" for s in self.sides))
        row("feasible", *(f"{s.feasible:,}" for s in self.sides))
        row("scenarios only here", *(", ".join(s.only_here) or "-" for s in self.sides))
        row("on the front", *(str(len(s.front)) for s in self.sides))
        row("covered by the other's front", *(_shown(s.coverage, "{:.0%}") for s in self.sides))
        row("hypervolume", *(_shown(s.hypervolume, "{:.4f}") for s in self.sides))
        row("recommended", *(_said(s.recommended) for s in self.sides), style="bold green")
        for place, name in enumerate(self.objectives):
            shown = (
                words.value(s.recommended.values[place], self.combine) if s.recommended else "-"
                for s in self.sides
            )
            row(f"  {name}", *shown)
        for what, a, b in self.differences():
            row(f"  differs: {what}", a, b)
        return table

    def _fronts(self) -> Table:
        table = Table(
            title="Both fronts, of configurations that look alike here the first", title_justify="left"
        )
        table.add_column("study")
        table.add_column("configuration", overflow="fold")
        for name in self.objectives:
            table.add_column(name.replace(".", ".\n"), justify="right")
        table.add_column("covered by\nthe other")
        entries = [(entry.values, place, entry) for place, s in enumerate(self.sides) for entry in s.front]
        shown = set()
        for _, place, entry in sorted(entries, key=lambda e: e[:2]):
            values = tuple(words.value(v, self.combine) for v in entry.values)
            alike = place, entry.configuration.policy, values
            if alike in shown:
                continue
            shown.add(alike)
            table.add_row(
                self.sides[place].name,
                str(entry.configuration),
                *values,
                "yes" if entry.covered else "",
                style="dim" if entry.covered else None,
            )
        return table

    def _values_are(self) -> str:
        number = len(self.common)
        if not number:
            what = "+: regret" if self.combine == "regret" else f"x: times the baseline, {self.combine}"
            return f"{what}, each over its own scenarios"
        over = "one common scenario" if number == 1 else f"{number} common scenarios"
        if self.combine == "regret":
            return f"+: regret, baselines behind the best of both in a scenario, worst of {over}"
        return f"x: times the baseline, {'mean over' if self.combine == 'mean' else 'worst of'} {over}"


def compare(first: Side, second: Side) -> Comparison:
    """Compare two studies. Notes say where they are not alike."""
    objectives, notes = _objectives(first, second)
    combine: Combine = first.study.combine
    if combine != second.study.combine:
        combine = "mean"
        notes.append(
            f"{first.name} combines scenarios by {first.study.combine}, {second.name} by {second.study.combine}; "
            "compared by mean"
        )
    names = {key: name for name, key in second.keys.items()}
    common = {name: names[key] for name, key in first.keys.items() if key in names}
    if not common:
        notes.append(
            "they have no scenario in common: each stands by its own baseline in its own scenarios, and neither "
            "hypervolume nor coverage is compared"
        )
    for name in first.keys:
        if name in second.keys and first.keys[name] != second.keys[name]:
            notes.append(
                f"{name} is another scenario in each: its workload, readers, pressure, machine, seed or what measures "
                "differs"
            )
    if first.study.bounds() != second.study.bounds():
        notes.append("their constraints differ; each configuration is held to those of its own study")
    sides = [(first, list(common or first.keys)), (second, list(common.values() or second.keys))]
    ratios = [_ratios(side, scenarios, objectives) for side, scenarios in sides]
    both = _best([row for each in ratios for row in each.values()]) if common else None
    valued = [
        {
            number: _combined(rows, combine, both or _best(list(each.values())))
            for number, rows in each.items()
        }
        for each in ratios
    ]
    fronts = [_front(each) for each in valued]
    made = [
        _summary(side, set(common) | set(common.values()), values, front, others if common else None, combine)
        for (side, _), values, front, others in zip(sides, valued, fronts, reversed(fronts), strict=True)
    ]
    kinds = dict.fromkeys(words.figures(side.standing) for side in (first, second))
    return Comparison(
        objectives, combine, tuple(common), tuple(notes), (made[0], made[1]), " and ".join(kinds)
    )


Rows = tuple[tuple[float, ...], ...]
Values = dict[int, tuple[float, ...]]


def _objectives(first: Side, second: Side) -> tuple[tuple[str, ...], list[str]]:
    mine, others = first.study.objectives, second.study.objectives
    if set(mine) == set(others):
        return mine, []
    both = tuple(name for name in mine if name in others)
    if len(both) < 2:
        both = tuple(dict.fromkeys((*mine, *others)))[:4]
    return both, [f"their objectives differ; compared by {', '.join(both)}"]


def _ratios(side: Side, scenarios: Sequence[str], objectives: Sequence[str]) -> dict[int, Rows]:
    """By trial number, of what the study may choose and its constraints allow: a row of ratios per scenario."""
    baseline = side.standing.baseline
    if baseline is None or not scenarios:
        return {}
    bases = dict(baseline.measurements)
    space = side.study.space()

    def rows(point: Point) -> Rows:
        measured, rests_on = dict(point.measurements), dict(point.evidence)

        def ratio(scenario: str, name: str) -> float:
            # A noisy one was measured beside the baseline's own blocks.
            paired = (
                rests_on[scenario].ratio(name) if scenario in rests_on and point is not baseline else None
            )
            return (
                paired.value if paired else measured[scenario].get(name) / max(bases[scenario].get(name), 1.0)
            )

        return tuple(tuple(ratio(s, name) for name in objectives) for s in scenarios)

    return {
        p.trial.number: rows(p) for p in side.standing.points if p.feasible and p.trial.configuration in space
    }


def _best(rows: Sequence[Rows]) -> Rows:
    """For each scenario and objective the smallest ratio."""
    return tuple(
        tuple(min(column) for column in zip(*scenario, strict=True)) for scenario in zip(*rows, strict=True)
    )


def _combined(rows: Rows, combine: Combine, best: Rows) -> tuple[float, ...]:
    if combine == "regret":
        rows = tuple(
            tuple(ratio - least for ratio, least in zip(row, leasts, strict=True))
            for row, leasts in zip(rows, best, strict=True)
        )
    columns = zip(*rows, strict=True)
    if combine == "mean":
        return tuple(sum(column) / len(rows) for column in columns)
    return tuple(max(column) for column in columns)


def _front(values: Values) -> Values:
    numbers = sorted(values)
    kept = pareto.non_dominated([values[n] for n in numbers])
    return {numbers[i]: values[numbers[i]] for i in kept}


def _summary(
    side: Side, common: Container[str], values: Values, front: Values, others: Values | None, combine: Combine
) -> Summary:
    """others: the other study's front, where there is one to compare with."""
    points = {p.trial.number: p for p in side.standing.points}
    reference = REFERENCE[combine]

    def entry(number: int) -> Entry:
        mine = values[number]
        covered = any(
            all(o <= m for o, m in zip(other, mine, strict=True)) for other in (others or {}).values()
        )
        return Entry(number, points[number].trial.configuration, mine, covered)

    entries = tuple(entry(number) for number in front)
    chosen, why = recommended(list(front), list(front.values()), reference)
    corner = (reference,) * len(next(iter(front.values()), ()))
    volume = pareto.hypervolume(list(front.values()), corner) if front else 0.0
    coverage = sum(e.covered for e in entries) / len(entries) if entries else 0.0
    return Summary(
        name=side.name,
        measured=side.standing.measured,
        feasible=side.standing.feasible,
        only_here=tuple(name for name in side.keys if name not in common),
        front=entries,
        hypervolume=None if others is None else volume,
        coverage=None if others is None else coverage,
        recommended=entry(chosen) if chosen is not None else None,
        why=why,
    )


def _said(entry: Entry | None) -> str:
    return str(entry.configuration) if entry else "nothing"


def _shown(value: float | None, form: str) -> str:
    return "not compared" if value is None else form.format(value)

"""Facts as a page (HTML) and as text (Markdown), by one template each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

import policies
from sweep import units
from sweep.backends.simulator import build_id
from sweep.report import charts, summary, svg, tables, words
from sweep.report.facts import Facts, Place, moments
from sweep.report.importance import MIN_POINTS
from sweep.standing import REFERENCE, SIMULATED, Point, Standing
from sweep.trial import METRICS, Evidence, Measurement

Courses: TypeAlias = Sequence[tuple[Place, Sequence[tuple[str, pa.Table]]]]

MAX_FRONT_ROWS: Final = 25
"""Of a front's table; front.parquet has all."""


def html(facts: Facts, courses: Courses) -> str:
    """One self-contained page: nothing is loaded. courses: see charts.retained."""
    return (
        _environment(autoescape=True)
        .get_template("report.html.j2")
        .render(_context(facts), **_charts(facts, courses))
    )


def markdown(facts: Facts) -> str:
    """The same facts as tables of text."""
    text = _environment(autoescape=False).get_template("report.md.j2").render(_context(facts))
    return text.strip() + "\n"


def _environment(*, autoescape: bool) -> Environment:
    made = Environment(
        loader=PackageLoader("sweep.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "metric": words.metric_name,
        "code": _code,
        "cell": _cell,
        "bar": svg.bar,
        "some": _some,
        "help": lambda name: METRICS[name].help,
    }
    made.tests |= {"point": lambda value: isinstance(value, Point)}
    return made


def _context(facts: Facts) -> dict[str, Any]:
    standing = facts.standing

    def value(number: float) -> str:
        return words.value(number, standing.combine)

    def ratio(number: float | None) -> str:
        return "–" if number is None else words.ratio(number)

    noisy = standing.level != SIMULATED
    rests_on = {m: dict(p.evidence)[s] for p in standing.points for s, m in p.measurements} if noisy else {}

    def amount(name: str, measurement: Any) -> str:
        text = words.amount(name, measurement, standing)
        known = rests_on[measurement].value(name) if noisy and measurement in rests_on else None
        if known is None:
            return text
        return words.metric_interval(name, text, known)

    def quotient(name: str, mine: Any, other: Any) -> float | None:
        """A metric of one measurement to another's; None where that is 0. Of noisy ones by the ratios of both to
        the baseline that was measured beside each."""
        pair = [_paired(name, each, rests_on, standing) for each in (mine, other)]
        if pair[0] is not None and pair[1] is not None:
            return pair[0] / pair[1] if pair[1] else None
        divisor = other.get(name)
        return mine.get(name) / divisor if divisor else None

    return {
        "facts": facts,
        "study": facts.study,
        "standing": standing,
        "best": standing.recommended,
        "sentences": summary.sentences(facts),
        "values_are": words.values_are(standing),
        "judged_by": words.judged_by(standing),
        "over_ratios": words.over_ratios(standing),
        "reference": REFERENCE[standing.combine],
        "rows": tables.rows(standing),
        "max_rows": MAX_FRONT_ROWS,
        "label": lambda point: tables.label(point, standing),
        "value": value,
        "point_value": lambda point, place: words.point_value(point, place, standing),
        "chance": lambda point: words.chance(point, standing),
        "noisy": noisy,
        "figures": words.figures(standing),
        "where": summary.where(facts),
        "budget": words.budget(facts.study),
        "again": words.measured_again(facts.study, standing.recommended)
        if noisy and standing.recommended
        else "python -m sweep simulate --config recommended.yaml",
        "climb": facts.evidence.climb,
        "below": lambda point: _below(facts, point),
        "error": words.error,
        "gain": lambda number: f"{-number:+.3f}" if number else "0",
        "ratio": ratio,
        "amount": amount,
        "quotient": quotient,
        "time": units.format_time,
        "metrics": tuple(METRICS),
        "policies": policies.catalogue(),
        "presets": policies.presets(),
        "detailed": charts.detailed(facts),
        "moments": moments(facts.course, 12),
        "too_few": [each.of or "the choice of the policy" for each in facts.importance if not each.shares],
        "min_points": MIN_POINTS,
        "bounds": [str(bound) for bound in facts.study.bounds()],
        "build_id": build_id(),
    }


def _paired(
    name: str, of: Measurement, rests_on: Mapping[Measurement, Evidence], standing: Standing
) -> float | None:
    """A noisy measurement's ratio to the baseline; None where none was measured."""
    if of not in rests_on or standing.baseline is None:
        return None
    if any(of is measured for _, measured in standing.baseline.measurements):
        return 1.0
    ratio = rests_on[of].ratio(name)
    return ratio.value if ratio else None


def _below(facts: Facts, point: Point) -> list[tuple[str, str]]:
    """On a ladder, of each objective: the simulated value of that configuration, and how far it is off."""
    climb = facts.evidence.climb
    simulated = climb.simulated.get(point.trial.configuration.key()) if climb else None
    if simulated is None:
        return [("not simulated", "")] * len(point.values)
    return [
        (words.value(below, facts.standing.combine), words.off(below, measured))
        for below, measured in zip(simulated, point.values, strict=True)
    ]


def _charts(facts: Facts, courses: Courses) -> dict[str, Any]:
    measured = bool(facts.standing.points)
    return {
        "fronts": charts.fronts(facts) if measured else [],
        "place_fronts": [charts.place_front(facts, place) for place in charts.detailed(facts)]
        if measured
        else [],
        "course": charts.course(facts) if facts.course else None,
        "retained": [charts.retained(place, each) for place, each in courses],
        "states": charts.STATES,
    }


def _code(text: str) -> Markup:
    """`x` in a text becomes <code>x</code>."""
    parts = str(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _some(names: Sequence[str], of: int) -> str:
    """Scenarios, of so many; no more of them than are worth reading."""
    if len(names) == of > 1:
        return f"all {of} scenarios"
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:4])} and {len(names) - 4} more"


def _cell(text: object) -> str:
    """Of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")

"""Agreement as tables for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sweep.agreement.model import Agreement, LogError, MetricAgreement, PartAgreement
from sweep.agreement.settings import Target
from sweep.trial import METRICS
from sweep.units import format_value

if TYPE_CHECKING:
    from rich.table import Table

_TITLES = {
    "all": "all workloads",
    "development": "workloads on which faults of the simulator are looked for",
    "held_out": "workloads that only score",
}


def reached(found: MetricAgreement, target: Target) -> tuple[bool | None, bool | None]:
    """Whether the rank correlation is (pooled, and in the median over workloads), and the median error; None
    where the target names none."""
    both = (found.pooled.spearman, found.within_median.spearman)
    rho, error = target.spearman, target.median_error
    return (
        None if rho is None else all(each is not None and each >= rho for each in both),
        None if error is None else found.median_error is not None and found.median_error <= error,
    )


def metrics(part: PartAgreement, shown: Sequence[str]) -> Table:
    """One row per metric; what each column is stands in docs/agreement.md. 80 columns wide."""
    table = _table(f"{_TITLES[part.part]}: {', '.join(part.workloads)}; {part.configurations} configurations")
    table.add_column("metric", no_wrap=True)
    for column in ("rho", "tau", "within", "worst", "error", "p90", "bias", "noise", "again"):
        table.add_column(column, justify="right", no_wrap=True)
    known = {each.metric: each for each in part.metrics}
    for name in shown:
        found = known.get(name)
        if found is None:
            table.add_row(name, *[""] * 8, "not measured")
            continue
        table.add_row(
            name,
            _number(found.pooled.spearman),
            _number(found.pooled.kendall),
            _number(found.within_median.spearman),
            _number(found.within_min.spearman),
            _percent(found.median_error),
            _percent(found.p90_error),
            _bias(found.absolute),
            _percent(found.noise),
            _number(found.repeat),
        )
    return table


def _table(title: str) -> Table:
    from rich.table import Table

    return Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), header_style="bold")


def targets(part: PartAgreement, wanted: Sequence[Target]) -> Iterator[tuple[str, bool]]:
    """Each target in words, and whether it is reached."""
    known = {each.metric: each for each in part.metrics}
    for target in wanted:
        found = known.get(target.metric)
        if found is None:
            yield f"{target.metric}: not measured", False
            continue
        rank, error = reached(found, target)
        numbers = f"{_number(found.pooled.spearman)} pooled, {_number(found.within_median.spearman)} within"
        if rank is not None:
            yield f"{target.metric}: rho >= {target.spearman:g} {_reached(rank)} ({numbers})", rank
        if error is not None and target.median_error is not None:
            yield (
                f"{target.metric}: median error <= {100 * target.median_error:g}% {_reached(error)} "
                f"({_percent(found.median_error)})",
                error,
            )


def _reached(yes: bool) -> str:
    return "reached" if yes else "NOT reached"


def fronts(agreement: Agreement) -> Table:
    """What of each measured front the simulated one finds."""
    table = _table(
        f"fronts of {' and '.join(agreement.objectives)}: configurations, and share of the measured"
    )
    table.add_column("workload")
    for column in ("share", "by chance", "measured", "simulated", "both"):
        table.add_column(column, justify="right")
    for part in agreement.parts:
        for each in part.fronts:
            if each.where == "mean" or part.part == "all":
                where = each.where
                if where == "mean":
                    where = f"mean of ratios ({part.part.replace('_', ' ')})"
                found = (_percent(each.share), _percent(each.by_chance))
                table.add_row(where, *found, str(each.measured), str(each.simulated), str(each.both))
    return table


def policies(part: PartAgreement, names: Sequence[str]) -> Table:
    """Bias by policy, of some metrics."""
    table = _table("measured / simulated by policy: median (spread, as a factor)")
    table.add_column("policy", no_wrap=True)
    known = {each.metric: dict(each.by_policy) for each in part.metrics}
    names = [name for name in names if name in known]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for policy in sorted({policy for name in names for policy in known[name]}):
        found = (known[name].get(policy, LogError(0.0, 0.0, 0)) for name in names)
        table.add_row(policy, *(_bias(each, spread=True) for each in found))
    return table


def drift(agreement: Agreement) -> Table:
    """The baseline over the campaign."""
    table = _table("the baseline, measured again and again")
    table.add_column("workload")
    table.add_column("metric")
    for column in ("times", "median", "lowest", "highest"):
        table.add_column(column, justify="right")
    for each in agreement.drift:
        unit = METRICS[each.metric].unit
        values = (format_value(value, unit) for value in (each.median, each.low, each.high))
        table.add_row(each.workload, each.metric, str(each.measurements), *values)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    """A ratio less 1: 0.123 -> 12.3%, and from ten times on as the ratio itself."""
    if value is None:
        return "-"
    if value >= 9:
        return f"{1 + value:.0f}x" if value < 999 else f"{1 + value:.0e}x"
    return f"{100 * value:.1f}%" if value < 1 else f"{100 * value:.0f}%"


def _bias(error: LogError, *, spread: bool = False) -> str:
    if not error.pairs:
        return "-"
    return f"{error.factor:{'.2f' if error.factor < 10 else '.3g'}}x" + (
        f" ({math.exp(error.spread):.2f})" if spread else ""
    )

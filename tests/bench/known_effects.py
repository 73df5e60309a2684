"""`python -m tests.bench.known_effects`: the known effects of the simulator, and what came out."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from tests.sweep.backends.simulator import known_effects as effects


def rows() -> Iterator[tuple[str, effects.Figures, str]]:
    """(effect, figures, format of a figure)"""
    for hz in (100, 250, 1000):
        yield f"enqueues in one jiffy, offloaded, HZ={hz}: 1,000 objects", effects.bypass(hz), ".0f"
    yield "lazy callbacks: age in s of half and of all of 12,000 objects", effects.lazy_retention(), ".3f"
    for n in (100, 1000, 2000, 4000, 10_000, 65_530):
        carried = effects.shrinker_priority(n)["first priority"]
        fresh = effects.shrinker_priority(n, appear_before=int(carried))["first priority"]
        figures = {"first pass over the list": fresh, "descent from 12": carried}
        yield f"default shrinker, {n:,} objects: first priority that scans", figures, ".0f"
    for key, value in (("seeks", 0), ("batch", 1)):
        figures = effects.shrinker_priority(1000, **{key: value})
        yield f"shrinker with {key}={value}, 1,000 objects", figures, ".0f"
    for n in (1000, 10_000, 50_000, 100_000):
        yield f"longest stall in ms, {n:,} objects", effects.stall(n), ".2f"
    yield "mean grace period in ms, 4,000 objects torn down per ms", effects.grace_period_length(), ".2f"
    yield "partial group of 10: age in s, exit after 5 s", effects.partial_group(), ".3f"
    yield "violations, direct_exit, 10,000 objects", effects.direct_exit_violations(), ".0f"
    yield "violations, per_object, 10,000 objects", effects.direct_exit_violations("per_object"), ".0f"
    yield "callback time in ns per object, split_bulk 1 and 32", effects.bulk_free(), ".1f"


def main() -> None:
    table = Table("effect", "case", "figure", title="Known effects")
    table.columns[2].justify = "right"
    for effect, figures, form in rows():
        for i, (case, figure) in enumerate(figures.items()):
            table.add_row("" if i else effect, case, format(figure, form), end_section=i == len(figures) - 1)
    Console().print(table)


if __name__ == "__main__":
    main()

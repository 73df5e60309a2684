"""Workloads on a terminal, with Rich; narrow windows and pipes included."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workloads.model import PressureCourse, ReaderModel, Workload
from workloads.summary import Bin, Summary
from workloads.synthetic.registry import Generator

BAR = "█"


def catalogue(shown: Sequence[tuple[Workload, Summary]]) -> None:
    """A table of workloads."""
    console = Console()
    table = Table("workload", "what it is", title="Workloads", title_justify="left")
    table.columns[0].no_wrap = True
    numbers = ("CPUs", "seconds", "objects") if console.width >= 72 else ()  # else the words need the room
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    origins = [workload.origin for workload, _ in shown]
    for at, (workload, summary) in enumerate(shown, start=1):
        row = (str(summary.nr_cpus), f"{summary.duration_ns / 1e9:.1f}", f"{summary.objects:,}")
        table.add_row(
            workload.name,
            escape(workload.description),
            *row[: len(numbers)],
            end_section=origins[at : at + 1] != [workload.origin],
        )
    console.print(table)


def workload(workload: Workload, summary: Summary, generator: Generator | None) -> None:
    """All that `show` prints of one workload."""
    console = Console(highlight=False)
    console.print(f"[bold]{escape(workload.name)}[/bold] ({workload.origin}): {escape(workload.description)}")
    for key, text in workload.provenance:
        console.print(f"{key.replace('_', ' ')}: {escape(text)}")
    if generator:
        console.print(f"\n{escape(generator.documentation)}")
    console.print(
        f"\n{summary.rows:,} rows, {summary.processes:,} processes, {summary.nr_cpus} CPUs, "
        f"{summary.duration_ns / 1e9:.3f} s; {summary.objects:,} objects freed"
    )
    console.print(
        f"per second: {summary.exits_per_s:,.1f} exits, {summary.calls_per_s:,.1f} other calls, "
        f"{summary.objects_per_s:,.0f} objects, {summary.faults_per_s:,.0f} page faults\n"
    )
    console.print(_kinds(summary))
    _histogram(console, "objects per exit", summary.exit_sizes)
    _histogram(console, "objects per other call", summary.call_sizes)
    _readers(console, workload.readers)
    _pressure(console, workload.pressure)


def _kinds(summary: Summary) -> Table:
    table = Table("kind")
    for heading in ("rows", "sum of n", "largest n"):
        table.add_column(heading, justify="right")
    for count in summary.kinds:
        unit = " page faults" if count.kind == "faults" else ""
        table.add_row(count.kind, f"{count.rows:,}", f"{count.n:,}{unit}", f"{count.n_max:,}")
    return table


def _histogram(console: Console, title: str, bins: Sequence[Bin]) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    if not bins:
        console.print("  none")
        return
    top = max(bin.rows for bin in bins)
    labels = [f"{bin.low:,}" if bin.low == bin.high else f"{bin.low:,}-{bin.high:,}" for bin in bins]
    label_width, count_width = max(map(len, labels)), len(f"{top:,}")
    room = max(min(console.width - label_width - count_width - 6, 50), 5)
    for label, bin in zip(labels, bins, strict=True):
        bar = BAR * max(round(room * bin.rows / top), bin.rows > 0)
        console.print(f"  {label:>{label_width}}  {bin.rows:>{count_width},} {bar}", no_wrap=True)


def _readers(console: Console, readers: ReaderModel) -> None:
    console.print(f"\n[bold]readers[/bold]: {readers.kind}")
    console.print(f"  {readers.readers_per_1000_faults:,} per 1,000 page faults")
    console.print(f"  {readers.background_readers_per_cpu_per_s:,} per CPU and second without a page fault")
    console.print(f"  length: {_quantiles(readers.section_quantiles)}")
    console.print(
        f"  {readers.preempted_ppm:,} in a million preempted: {_quantiles(readers.preempted_quantiles)}"
    )


def _quantiles(points: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{ppm / 10_000:g} % {duration(ns)}" for ppm, ns in points)


def duration(ns: int) -> str:
    """A time in the largest unit that leaves at least 1."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)):
        if ns >= size:
            return f"{ns / size:g} {unit}"
    return f"{ns} ns"


def _pressure(console: Console, course: PressureCourse | None) -> None:
    if course is None:
        console.print("\n[bold]memory pressure[/bold]: none")
        return
    low = min(free for _, free in course.points)
    console.print(
        f"\n[bold]memory pressure[/bold]: {len(course.points)} points; free pages from "
        f"{course.points[0][1] / 1000:g} down to {low / 1000:g} times the high watermark"
    )
    cells = min(console.width - 4, 60)
    last = course.points[-1][0]
    values = [course.at(last * i // max(cells - 1, 1)) for i in range(cells)]
    top = max(max(values), 1)
    console.print("  " + "".join("▁▂▃▄▅▆▇█"[min(value * 8 // top, 7)] for value in values), no_wrap=True)

"""`python -m tests.bench.samplers`: which sampler finds the front with how many trials, and what asking costs.

A space that is small enough is measured whole, once (`--cache`); samplers are then run through the real course
of a study, with answers from that table. So a run is the same everywhere, and costs the sampler's time only.
Hypervolume is relative to the true front's. The loop's first trials (baseline, presets, defaults) count.

`parzen`, `nsga2`, `tpe`, `gp` and `random` are ours; `optuna-nsga2` and `optuna-tpe` are Optuna's as they come. gp needs
PyTorch and is slow: name it, with fewer seeds and trials.

    python -m tests.bench.samplers
    python -m tests.bench.samplers --study tests/bench/samplers/held_out.yaml
    python -m tests.bench.samplers --samplers random gp --seeds 3 --trials 200
    python -m tests.bench.samplers --cost
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

import policies
from sweep.propose import Range, Space
from tests.bench.samplers.contest import CONTESTANTS, Result, cost, load, race
from tests.bench.samplers.plot import draw
from tests.bench.samplers.race import trials_to
from tests.bench.samplers.table import Table

SHARES = (0.90, 0.95, 0.99)
HISTORIES = (100, 1_000, 5_000, 20_000)


def spread(numbers: Sequence[float], digits: int = 0) -> str:
    """Median and quartiles."""
    ordered = sorted(numbers)
    low, middle, high = (ordered[round(q * (len(ordered) - 1))] for q in (0.25, 0.5, 0.75))

    def word(number: float) -> str:
        return "never" if number == float("inf") else f"{number:,.{digits}f}"

    return f"{word(middle)} ({word(low)} .. {word(high)})"


def show(console: Console, world: Table, results: list[Result]) -> None:
    """Trials to reach a share of the true front's hypervolume."""
    size, seeds = world.study.space().size(), len({each.seed for each in results})
    grid = Grid(
        title=f"{world.study.name}: {size:,} configurations, {seeds} seeds, batches of "
        f"{world.study.batch_size}; trials to reach a share of the true hypervolume: median (quartiles)"
    )
    for head in ("sampler", *(f"{share:.0%}" for share in SHARES), "random's 99% / its", "ms per ask"):
        grid.add_column(head, justify="left" if head == "sampler" else "right")
    samplers = list(dict.fromkeys(each.sampler for each in results))
    medians = {}
    for sampler in samplers:
        runs = [each for each in results if each.sampler == sampler]
        needed = {share: [trials_to(share, each.curve) for each in runs] for share in SHARES}
        medians[sampler] = statistics.median(needed[0.99])
        times = medians.get("random", float("nan")) / medians[sampler]
        grid.add_row(
            sampler,
            *(spread(needed[share]) for share in SHARES),
            f"{times:.2f}",
            f"{statistics.mean(each.ask_ms for each in runs):.2f}",
        )
    console.print(grid)


def show_policies(console: Console, world: Table, results: list[Result], samplers: Sequence[str]) -> None:
    """When each policy had its first trial of the sampler, and the one that mattered last."""
    grid = Grid(title="median trial that was a policy's first / the last one that improved the front")
    grid.add_column("policy")
    for sampler in samplers:
        grid.add_column(sampler, justify="right")
    for policy in world.study.space().policies:
        row = []
        for sampler in samplers:
            runs = [each for each in results if each.sampler == sampler]
            first = statistics.median(each.first.get(policy, float("inf")) for each in runs)
            best = [each.best[policy] for each in runs if policy in each.best]
            row.append(f"{first:.0f} / {statistics.median(best):.0f}" if best else f"{first:.0f} / -")
        grid.add_row(policy, *row)
    console.print(grid)


def show_cost(console: Console, samplers: Sequence[str], batch: int = 32) -> None:
    """What an ask costs after so many observations, on every policy's whole ranges, two objectives."""
    space = Space({name: tuple(map(Range.whole, p.params)) for name, p in policies.catalogue().items()})
    grid = Grid(
        title=f"ms of CPU per configuration asked for, in batches of {batch}, after so many observations"
    )
    grid.add_column("sampler")
    for history in HISTORIES:
        grid.add_column(f"{history:,}", justify="right")
    for sampler in samplers:
        histories = [h for h in HISTORIES if not sampler.startswith("optuna") or h <= 1_000]
        found = [cost(CONTESTANTS[sampler], space, history, batch) for history in histories]
        grid.add_row(sampler, *(f"{each:.3f}" for each in found))
    console.print(grid)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", default="exhaustive", help="name in conf/, or file")
    parser.add_argument(
        "--samplers",
        nargs="+",
        choices=CONTESTANTS,
        default=["random", "optuna-nsga2", "optuna-tpe", "tpe", "nsga2", "parzen"],
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=600)
    parser.add_argument("--cache", type=Path, default=Path("build/bench/samplers"))
    parser.add_argument("--output", type=Path, help="folder for results.json and samplers.png")
    parser.add_argument("--cost", action="store_true", help="only what asking costs")
    given = parser.parse_args()
    console = Console(width=130)
    if given.cost:
        show_cost(console, given.samplers)
        return
    results = race(given.study, given.cache, given.samplers, given.seeds, given.trials)
    world = load(given.study, given.cache)
    show(console, world, results)
    show_policies(console, world, results, given.samplers)
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        (given.output / "results.json").write_text(json.dumps([asdict(each) for each in results]))
        curves = {s: [e.curve for e in results if e.sampler == s] for s in given.samplers}
        draw(world.study.name, world.study.space().size(), curves, given.output / "samplers.png")


if __name__ == "__main__":
    main()

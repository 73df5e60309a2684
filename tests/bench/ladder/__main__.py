"""`python -m tests.bench.ladder`: hypervolume against native time, for the ladder and for native studies alone.

Runs the question of a ladder study (conf/ladder.yaml) on this machine in three ways, one after the other: up the
ladder, natively with nsga2, natively at random; each for the study's native time. Then everything that any of
them showed as a front at any time is measured once more, and the fronts are compared by those values. What was
measured is kept below --output, and taken up again from there.

    python -m tests.bench.ladder --set budget.native_time_s=10min -o build/bench/ladder
    python -m tests.bench.ladder --made-up --seeds 5     # without a machine: the simulator under other costs

With --made-up no figure says anything of a machine: it is for work on the ladder itself. Native time then counts
what trials would take, and true values are known without noise.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sweep import native_host, study_file
from sweep.backends.blocks import baseline
from sweep.backends.native.fingerprint import Fingerprint
from sweep.scenarios import scenarios
from sweep.study import Study
from tests.bench.ladder import truth
from tests.bench.ladder.plot import draw
from tests.bench.ladder.race import WAYS, Bench, climb, curve, moments, simulate
from tests.sweep.fake_native import HOST, FakeNative

SHARE = 0.95
TRIAL_S = 10.0
"""Of a made-up machine."""

Curves = dict[str, list[tuple[float, float]]]


def reached(of: list[tuple[float, float]], goal: float) -> float:
    """The native time after which the hypervolume is at least that for good; infinite if it never is."""
    time_s = float("inf")
    for at_s, volume in reversed(of):
        if volume < goal:
            break
        time_s = at_s
    return time_s


def on_this_machine(study: Study, output: Path, console: Console) -> Curves:
    host = Fingerprint.take()
    made = scenarios(study, host)
    owned = native_host.own_cpus(study, made)
    import time

    bench = Bench(native_host.evaluator(study, made, owned), time.time)
    below = simulate(study, made, output / "simulator", console)
    found = {}
    for way in WAYS:
        console.print(f"{way}: {study.budget.native_time_s:g} s of native time")
        found[way] = moments(study, climb(study, made, way, below, bench, output / way, console))
    shown = [each for way in WAYS for moment in found[way] for each in moment.front]
    console.print(f"{len(set(shown))} configurations were on a front: measured once more")
    values = truth.measured(study, bench.evaluate, shown, baseline(), output / "truth")
    return {way: curve(study, found[way], values) for way in WAYS}


def on_a_made_up_machine(study: Study, output: Path, console: Console) -> Curves:
    made = scenarios(study, HOST)
    machine = FakeNative(made)
    bench = Bench(machine, lambda: TRIAL_S * sum(machine.calls.values()))
    below = simulate(study, made, output / "simulator", console)
    found = {
        way: moments(study, climb(study, made, way, below, bench, output / way, console)) for way in WAYS
    }
    shown = [each for way in WAYS for moment in found[way] for each in moment.front]
    exact = lambda configuration, have: machine.truth(configuration)  # noqa: E731
    values = truth.measured(study, exact, shown, baseline(), output / "truth")
    return {way: curve(study, found[way], values) for way in WAYS}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", default="ladder", help="a ladder: name in conf/, or file")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the study")
    parser.add_argument("--made-up", action="store_true")
    parser.add_argument("--seeds", type=int, default=1, help="runs, with the study's seed and the next ones")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/bench/ladder"))
    given = parser.parse_args()
    console = Console(width=110)
    study = study_file.load(study_file.find(given.study), given.set)
    runs = []
    for seed in range(study.seed, study.seed + given.seeds):
        seeded = study.model_copy(update={"seed": seed})
        run = on_a_made_up_machine if given.made_up else on_this_machine
        runs.append(
            run(seeded, given.output / ("made-up" if given.made_up else "native") / str(seed), console)
        )
    show(console, runs)
    where = "a made-up machine" if given.made_up else Fingerprint.take().summary()
    (given.output / "curves.json").write_text(json.dumps({"measured_on": where, "runs": runs}))
    goal = SHARE * statistics.median(run["nsga2"][-1][1] for run in runs)
    title = f"{study.name}: {where}"
    draw(title, {way: [run[way] for run in runs] for way in WAYS}, goal, given.output / "ladder.png")
    console.print(f"{given.output / 'ladder.png'}")


def show(console: Console, runs: list[Curves]) -> None:
    """Of each way: the last hypervolume, and when it reached the goal, in parts of nsga2's whole native time."""
    grid = Table(
        title=f"goal: {SHARE:.0%} of the last hypervolume of native-only nsga2, each run its own; medians"
    )
    for head in ("way", "last hypervolume", "native time to the goal", "of nsga2's whole time", "reached"):
        grid.add_column(head, justify="left" if head == "way" else "right")
    for way in WAYS:
        times = [reached(run[way], SHARE * run["nsga2"][-1][1]) for run in runs]
        shares = [time_s / run["nsga2"][-1][0] for time_s, run in zip(times, runs, strict=True)]
        grid.add_row(
            way,
            f"{statistics.median(run[way][-1][1] for run in runs):.4f}",
            f"{statistics.median(times):.0f} s",
            f"{statistics.median(shares):.0%}" if statistics.median(shares) != float("inf") else "-",
            f"{sum(time_s != float('inf') for time_s in times)} of {len(runs)}",
        )
    console.print(grid)


if __name__ == "__main__":
    main()

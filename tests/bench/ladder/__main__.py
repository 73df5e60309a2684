"""`python -m tests.bench.ladder`: hypervolume against native time, for the ladder and for native studies alone.

Runs the question of a ladder study (conf/ladder.yaml) on this machine in four ways, one after the other: up the
ladder, natively with nsga2, natively at random, and natively with an nsga2 that is not given presets and defaults first
(or in some of them, `--ways`); each for the study's native time. Then everything that any of
them showed as a front at any time is measured once more, and the fronts are compared by those values (truth.py,
course.py). What was measured is kept below --output, and taken up again from there.

    python -m tests.bench.ladder --seeds 3 -o build/bench/ladder
    python -m tests.bench.ladder --simulated     # without a machine: the simulator under other costs, with noise

With --simulated no figure says anything of a machine: it is for work on the ladder itself, over many seeds. Native time
is then what trials would take, and second values are without noise.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from sweep import native_host, study_file
from sweep.backends.evaluator import Scenario
from sweep.backends.native.fingerprint import Fingerprint
from sweep.execute.port import Evaluate
from sweep.scenarios import scenarios
from sweep.study import Study
from sweep.study_file import StudyError
from tests.bench.ladder import truth
from tests.bench.ladder.course import Course, courses
from tests.bench.ladder.plot import draw
from tests.bench.ladder.race import WAYS, Bench, Moment, climb, moments, simulate
from tests.bench.ladder.table import table
from tests.sweep.fake_native import HOST, FakeNative

SIMULATED_TRIAL_S: Final = 5.0
SIMULATED_SEEDS: Final = 10

BETWEEN_PASSES: Final = {
    "exit_latency_ns.mean": 0.08,
    "retained_bytes.mean": 0.0135,
    "cpu_ns_per_object": 0.115,
}
"""Median ratio error between two passes of a pair: from trials of two blocks of conf/ladder.yaml, of which the
logarithm of a ratio had a standard deviation of 0.06, 0.01 and 0.085 on a 2-CPU virtual machine."""

Raced = Mapping[str, list[Moment]]


def trial_spread(between_passes: float, blocks: int) -> float:
    """Standard deviation of the logarithm of a trial's ratio: of normal errors half lie within 0.6745 deviations, two
    passes differ by the root of two, and in a block are two passes of each side."""
    return between_passes / 0.6745 / math.sqrt(2) / math.sqrt(blocks)


def simulated_machine(study: Study, made: tuple[Scenario, ...]) -> FakeNative:
    """The simulator under other costs, as noisy as the machine of docs/agreement.md."""
    blocks = study.how_native().min_blocks
    spreads = {name: trial_spread(error, blocks) for name, error in BETWEEN_PASSES.items()}
    return FakeNative(made, blocks=blocks * len(made), spreads=spreads)


def race(
    study: Study, made: tuple[Scenario, ...], ways: Sequence[str], bench: Bench, place: Path, say: Console
) -> Raced:
    """One way after the other."""
    below = simulate(study, made, place / "simulator", say)
    return {way: moments(study, climb(study, made, way, below, bench, place / way, say)) for way in ways}


def judged(study: Study, found: Raced, evaluate: Evaluate, place: Path, rounds: int) -> dict[str, Course]:
    """Each way's course, by second values."""
    shown = {each for way in found.values() for moment in way for each in moment.front}
    return courses(found, truth.measured(study, evaluate, shown, place, rounds))


def simulated(study: Study, ways: Sequence[str], place: Path, say: Console) -> dict[str, Course]:
    made = scenarios(study, HOST)
    machine = simulated_machine(study, made)
    bench = Bench(machine, lambda: SIMULATED_TRIAL_S * sum(machine.calls.values()))
    found = race(study, made, ways, bench, place, say)
    return judged(study, found, lambda configuration, have: machine.truth(configuration), place / "truth", 1)


def native(
    studies: list[Study], ways: Sequence[str], place: Path, say: Console, rounds: int
) -> list[dict[str, Course]]:
    """All races first, so that second values are measured apart from them."""
    raced: list[tuple[Study, Raced, Evaluate]] = []
    for study in studies:
        made = scenarios(study, Fingerprint.take())
        owned = native_host.own_cpus(study, made)
        bench = Bench(native_host.evaluator(study, made, owned), time.time)
        say.print(f"seed {study.seed}: {len(ways)} times {study.budget.native_time_s:g} s of native time")
        found = race(study, made, ways, bench, place / str(study.seed), say)
        raced.append((study, found, bench.evaluate))
    say.print(f"second values: {rounds} rounds")
    return [
        judged(study, found, evaluate, place / str(study.seed) / "truth", rounds)
        for study, found, evaluate in raced
    ]


def positive(text: str) -> int:
    """Of a command line. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 1")
    return int(text)


def asked(parser: argparse.ArgumentParser, name: str, settings: list[str]) -> Study:
    """The study, or exit code 2 with what was wrong."""
    try:
        study = study_file.load(study_file.find(name), settings)
    except StudyError as error:
        parser.error(str(error))
    if study.ladder != ("simulator", "native") or study.budget.native_time_s is None:
        parser.error(
            f"--study {name}: ends otherwise than by native time; expected ladder: [simulator, native] and "
            "budget.native_time_s, as conf/ladder.yaml has"
        )
    return study


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", default="ladder", help="a ladder: name in conf/, or file")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the study")
    parser.add_argument("--simulated", action="store_true", help="on a machine that is none")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="of spending native time")
    parser.add_argument("--seeds", type=positive, help="runs, with the study's seed and the next ones")
    parser.add_argument("--rounds", type=positive, default=truth.ROUNDS, help="of second values")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/bench/ladder"))
    given = parser.parse_args()
    say = Console(width=120)
    study = asked(parser, given.study, given.set)
    many = given.seeds or (SIMULATED_SEEDS if given.simulated else 1)
    seeded = [study.model_copy(update={"seed": study.seed + place}) for place in range(many)]
    if given.simulated:
        kind = "simulated, on other costs and with noise"
        place = given.output / "simulated"
        runs = [simulated(each, given.ways, place / str(each.seed), say) for each in seeded]
    else:
        kind = f"measured in user space, {Fingerprint.take().summary()}"
        runs = native(seeded, given.ways, given.output / "native", say, given.rounds)
    say.print(table(runs, kind))
    (given.output / "courses.json").write_text(json.dumps({"figures": kind, "runs": runs}))
    draw(f"{study.name}: {kind}", runs, given.output / "ladder.png")
    say.print(f"{given.output / 'ladder.png'}")


if __name__ == "__main__":
    main()

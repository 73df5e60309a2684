"""`python -m tests.bench.simulator`: how fast the simulator is, and how much memory it takes.

Two modes, and each figure says which it is from:

    kernel     grace periods, callback limits, offloading, slabs, readers as on the named machine;
    constant   constant grace periods on the ideal machine of the proofs: there is a SimPy model of the
               same rules (tests/sweep/backends/simulator/reference_model.py), so the ratio to it is like for
               like: the same input in the same run, and results that are compared before any is printed.

Speed is in objects per second of CPU time of one core, best of several repeats: the engine with its binding,
from arrays to a measurement; of the SimPy model only its event loop. Memory is what the peak of the resident
set grows by in a process's first run, against the bytes of the replay's arrays: later runs find the arena of
the first.

Targets: 10 million objects/s for per_object on an offloaded machine, 30 million for whole_list, 60 times
SimPy, memory 4 times the input. Nothing here fails when one is missed: a shared machine is no judge.

To see where the time goes, build with symbols, and run one case often:

    cmake -S . -B build/profile -DCMAKE_C_FLAGS=-g && cmake --build build/profile
    export SWEEP_ENGINE=$PWD/build/profile/_engine.so
    perf record -g python -m tests.bench.simulator --only kernel:vm-2cpu-nocb:per_object --repeats 50
    perf report --no-children --sort symbol
    valgrind --tool=callgrind --toggle-collect=sim_run \\
        python -m tests.bench.simulator --only kernel:vm-2cpu-nocb:per_object --repeats 1
    callgrind_annotate --inclusive=yes callgrind.out.*
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import multiprocessing
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from rich.console import Console
from rich.table import Table

import sweep.machine
import workloads
from sweep.backends.simulator import SimulationResult, simulate
from tests.sweep.backends.simulator import reference_model as reference
from tests.sweep.backends.simulator.scenes import EXIT, MUNMAP, Profile, ideal
from workloads import Replay


@dataclass(frozen=True, slots=True)
class Case:
    """A policy with default parameters in one mode; `machine` is a profile's name."""

    mode: str
    machine: str
    policy: str
    target_per_s: float | None = None

    @property
    def key(self) -> str:
        return f"{self.mode}:{self.machine}:{self.policy}"


CASES = (
    Case("kernel", "vm-2cpu-nocb", "per_object", 10e6),
    Case("kernel", "vm-2cpu-nocb", "whole_list", 30e6),
    Case("kernel", "vm-2cpu", "per_object"),
    Case("kernel", "vm-2cpu", "whole_list"),
    Case("constant", "proofs", "per_object"),
    Case("constant", "proofs", "fixed_batch"),
    Case("constant", "proofs", "whole_list"),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one case came to."""

    mode: str
    machine: str
    policy: str
    objects: int
    objects_per_s: float
    target_per_s: float | None
    simpy_objects_per_s: float | None
    times_simpy: float | None
    memory_per_input: float


def machine_of(case: Case) -> Profile | sweep.machine.Machine:
    return ideal(nr_cpus=2) if case.mode == "constant" else sweep.machine.load(case.machine)


def best_cpu_s(work: Callable[[], object], repeats: int) -> float:
    """CPU time of the best repeat, without Python's cycle collector, which has nothing to find here."""
    best = math.inf
    gc.disable()
    for _ in range(repeats):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    gc.enable()
    return best


def _memory_kib(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, f"/proc/self/status has no {field}"
    return int(found[1])


def _report_growth(work: Callable[[], object], answer: Connection) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew; proc(5)
    before = _memory_kib("VmRSS")
    work()
    answer.send((_memory_kib("VmHWM") - before) * 1024)


def peak_growth_bytes(work: Callable[[], object]) -> int:
    """By how much `work` raises the resident set at its peak, in a process of its own."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_report_growth, args=(work, there))
    child.start()
    growth: int = here.recv()
    child.join()
    return growth


def input_bytes(replay: Replay) -> int:
    return sum(column.nbytes for column in (replay.t_ns, replay.cpu, replay.mm, replay.kind, replay.n))


def simpy_run(replay: Replay, profile: Profile, policy: reference.PolicyName) -> reference.History:
    """The reference model on the replay's calls."""
    v = profile.values
    costs = reference.Costs(
        unlink=v["unlink_ps"],
        link=v["link_ps"],
        walk=v["walk_ps"],
        lock=v["lock_ps"],
        call_rcu=v["call_rcu_ps"],
        callback=v["callback_ps"],
        free=v["free_fast_ps"] + v["free_hook_ps"],
        grace=v["gp_constant_ns"] * 1000,
        object_bytes=v["object_bytes"],
    )
    columns = (replay.t_ns, replay.cpu, replay.mm, replay.n, replay.kind)
    calls = [
        reference.Call(t_ns, cpu, mm, n, kind == EXIT)
        for t_ns, cpu, mm, n, kind in zip(*(column.tolist() for column in columns), strict=True)
        if kind in (MUNMAP, EXIT)
    ]
    return reference.run(calls, costs, policy, replay.duration_ns)


def check_same(result: SimulationResult, history: reference.History) -> None:
    """Both models must have simulated the same thing."""
    m, d = result.measurement, result.details
    pairs = (
        (d["objects_unlinked"], len(history.objects)),
        (d["objects_freed"], history.freed()),
        (m.exit_latency_ns.mean, history.latency(exit=True).mean),
        (m.munmap_latency_ns.p99, history.latency(exit=False).p99),
        (d["dead_age_sum_ns"], history.dead_age_sum() / 1000),
    )
    for engine, simpy in pairs:
        if not math.isclose(engine, simpy, rel_tol=1e-9):
            raise SystemExit(f"the engine and the SimPy model disagree: {engine!r}, {simpy!r}")


def memory_per_input(case: Case, workload: workloads.Workload) -> float:
    """To be called before the engine has run in this process."""
    machine = machine_of(case)
    replay = workloads.replay(workload, machine.resolved()["nr_cpus"])
    return peak_growth_bytes(lambda: simulate(replay, machine, case.policy, {})) / input_bytes(replay)


def measure(case: Case, workload: workloads.Workload, repeats: int, memory: float) -> Figures:
    machine = machine_of(case)
    replay = workloads.replay(workload, machine.resolved()["nr_cpus"])
    objects = replay.objects_freed

    def engine() -> SimulationResult:
        return simulate(replay, machine, case.policy, {})

    per_s = objects / best_cpu_s(engine, repeats)
    simpy_per_s = None
    if isinstance(machine, Profile):
        histories: list[reference.History] = []
        simpy_s = best_cpu_s(lambda: histories.append(simpy_run(replay, machine, case.policy)), 1)
        check_same(engine(), histories[0])
        simpy_per_s = objects / simpy_s
    return Figures(
        mode=case.mode,
        machine=case.machine,
        policy=case.policy,
        objects=objects,
        objects_per_s=per_s,
        target_per_s=case.target_per_s,
        simpy_objects_per_s=simpy_per_s,
        times_simpy=per_s / simpy_per_s if simpy_per_s else None,
        memory_per_input=memory,
    )


def table(figures: list[Figures], workload: str) -> Table:
    objects = figures[0].objects
    shown = Table(title=f"{workload}, {objects:,} objects: millions of objects per second and core")
    shown.add_column("mode, machine, policy", no_wrap=True)
    for heading in ("engine", "target", "SimPy", "times SimPy", "memory / input"):
        shown.add_column(heading, justify="right")
    for f in figures:
        shown.add_row(
            f"{f.mode} {f.machine} {f.policy}",
            f"{f.objects_per_s / 1e6:.1f}",
            f"{f.target_per_s / 1e6:.0f}" if f.target_per_s else "",
            f"{f.simpy_objects_per_s / 1e6:.2f}" if f.simpy_objects_per_s else "",
            f"{f.times_simpy:.0f}" if f.times_simpy else "",
            f"{f.memory_per_input:.1f}",
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.simulator", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--workload", default="stress-ng", help="name or path (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=10, help="of each timing (default: %(default)s)")
    parser.add_argument(
        "--only", metavar="MODE:MACHINE:POLICY", choices=[case.key for case in CASES], help="one case"
    )
    parser.add_argument("--format", choices=["table", "json"], default="table")
    options = parser.parse_args()

    workload = workloads.load(options.workload)
    cases = [case for case in CASES if options.only in (None, case.key)]
    memories = [memory_per_input(case, workload) for case in cases]
    figures = [
        measure(case, workload, options.repeats, memory) for case, memory in zip(cases, memories, strict=True)
    ]
    if options.format == "json":
        print(json.dumps({"workload": options.workload, "cases": [asdict(f) for f in figures]}, indent=2))
    else:
        Console().print(table(figures, options.workload))


if __name__ == "__main__":
    main()

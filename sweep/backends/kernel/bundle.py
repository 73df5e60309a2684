"""What a kernel engineer takes along: a policy, the platform layer under it, and a check, as one module that
builds by itself.

The policy, policy.h and the platform layer are the lab's own files, byte for byte; export/check.c stands
where the lab has its driver and its recorder. What it plays has the sizes of the recommendation's workloads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

import policies
from sweep.backends.evaluator import Scenario
from sweep.backends.kernel.build import policy_sources, sources
from sweep.trial import Configuration
from workloads.replay import CALL, EXIT

PLATFORM: Final = ("platform.c", "callbacks.c", "fail.c", "lab.h", "request.h", "compat.h")
"""Of the lab's module: what a policy needs to run in a kernel."""

OWN: Final = ("check.c", "parameters.c", "parameters.h", "Makefile", "confirm.sh", "judge.awk")
"""Of the export itself."""

MODULE: Final = "rcu_batch.ko"

ROUND_OBJECTS: Final = 20_000
"""That a round of the check disposes of, about: some milliseconds of work."""

_MAX_MM_OBJECTS: Final = 200_000
_MIN_OBJECT_BYTES: Final = 56
"""sizeof(struct lab_object), module/lab.h."""

_HERE: Final = Path(__file__).parent / "export"
_LICENCE: Final = "SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only"


@dataclass(frozen=True, slots=True)
class CheckWorkload:
    """A round of the check: so many exits of `exit_objects`, each after `calls` calls that free `call_objects` with
    the address space alive. object_bytes: where the machine does not show the size of its VMAs."""

    exits: int = 46
    exit_objects: int = 400
    calls: int = 10
    call_objects: int = 4
    object_bytes: int = 192

    @classmethod
    def of(cls, scenarios: Sequence[Scenario]) -> CheckWorkload:
        """As these have it. The exit's size is that of the exit in which an object dies on average, so that the
        large ones count, as in a high percentile of exit latency. The share that exits free is kept, because it
        decides what a policy gains that treats them apart."""
        rows = [(scenario.replay.kind, scenario.replay.n.astype(float)) for scenario in scenarios]
        exits, calls = (np.concatenate([n[kind == which] for kind, n in rows]) for which in (EXIT, CALL))
        in_exits = max(exits.sum(), 1.0)
        size, beside = (exits**2).sum() / in_exits, calls.sum() / in_exits
        exit_objects = max(round(min(size, _MAX_MM_OBJECTS / (1 + beside))), 1)
        call_objects = max(round(calls.mean()), 1) if len(calls) else 1
        calls_per_exit = round(exit_objects * beside / call_objects)
        one = exit_objects + calls_per_exit * call_objects
        object_bytes = max(scenarios[0].machine.resolved()["object_bytes"], _MIN_OBJECT_BYTES)
        return cls(
            max(round(ROUND_OBJECTS / one), 1), exit_objects, calls_per_exit, call_objects, object_bytes
        )


def module_files(configuration: Configuration, workload: CheckWorkload = CheckWorkload()) -> dict[str, str]:
    """By file name, all that `make` needs, and what confirm.sh reads beside `stated`. Raises policies.PolicyError
    for what no policy takes."""
    known = policy_sources()
    policy = policies.policy(configuration.policy)
    chosen = {name: known[name] for name in sorted({policies.BASELINE, policy.name})}
    all_of = sources(chosen)
    taken = [*PLATFORM, "policy.h", *(f"policy_{name}.c" for name in chosen)]
    return {
        **{name: all_of[name] for name in taken},
        "all_policies.h": all_of["all_policies.h"],
        **{name: (_HERE / name).read_text() for name in OWN},
        "recommended.h": header(policy, configuration),
        "workload.h": _workload_header(workload),
        "Kbuild": _kbuild(tuple(chosen)),
    }


def header(policy: policies.Policy, configuration: Configuration) -> str:
    """recommended.h: each parameter as a #define, in the unit of the policy's table."""
    values = configuration.mapping()
    lines = [f"/* {_LICENCE} */", f"/* Recommended: {configuration}. */"]
    lines += ["#ifndef RECOMMENDED_H", "#define RECOMMENDED_H", ""]
    lines.append(f"#define RECOMMENDED_POLICY policy_{policy.name}")
    rows = []
    for param in policy.params:
        macro = f"RECOMMENDED_{param.name.upper()}"
        lines.append(f"#define {macro} {param.encode(values[param.name])} /* {_told(param)} */")
        rows.append(f'\tRECOMMENDED_PARAM({param.name}, {macro}, "{_quoted(_told(param))}")')
    lines += ["", " \\\n".join(["#define RECOMMENDED_PARAMS", *rows]), "", "#endif", ""]
    return "\n".join(lines)


def _workload_header(workload: CheckWorkload) -> str:
    values = dataclasses.asdict(workload)
    lines = [f"/* {_LICENCE} */", "/* What the check plays: the sizes of the workloads of the evidence. */"]
    lines += ["#ifndef WORKLOAD_H", "#define WORKLOAD_H", ""]
    lines += [f"#define WORKLOAD_{name.upper()} {value}u" for name, value in values.items()]
    return "\n".join([*lines, "", "#endif", ""])


def _told(param: policies.Param) -> str:
    unit = f", {param.unit}" if param.unit else ""
    choices = ", ".join(f"{i} {word}" for i, word in enumerate(param.choices))
    return f"{param.help}{unit}" + (f" ({choices})" if choices else "")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _kbuild(names: tuple[str, ...]) -> str:
    objects = " ".join(f"policy_{name}.o" for name in names)
    return (
        f"# {_LICENCE}\n"
        "obj-m := rcu_batch.o\n"
        f"rcu_batch-y := check.o parameters.o platform.o callbacks.o fail.o {objects}\n"
        "ccflags-y := -I$(src) -include $(src)/all_policies.h\n"
    )

"""What a kernel engineer takes along: a policy, the platform layer under it, and a check, as one module that
builds by itself.

The policy, policy.h and the platform layer are the lab's own files, byte for byte; export/check.c stands
where the lab has its driver and its recorder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import policies
from sweep.backends.kernel.build import policy_sources, sources
from sweep.trial import Configuration

PLATFORM: Final = ("platform.c", "callbacks.c", "fail.c", "lab.h", "request.h", "compat.h")
"""Of the lab's module: what a policy needs to run in a kernel."""

MODULE: Final = "rcu_batch.ko"

_HERE: Final = Path(__file__).parent / "export"
_LICENCE: Final = "SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only"


def module_files(configuration: Configuration) -> dict[str, str]:
    """By file name, all that `make` needs. Raises policies.PolicyError for what no policy takes."""
    known = policy_sources()
    policy = policies.policy(configuration.policy)
    chosen = {name: known[name] for name in sorted({policies.BASELINE, policy.name})}
    all_of = sources(chosen)
    taken = [*PLATFORM, "policy.h", *(f"policy_{name}.c" for name in chosen)]
    return {
        **{name: all_of[name] for name in taken},
        "all_policies.h": all_of["all_policies.h"],
        "check.c": (_HERE / "check.c").read_text(),
        "recommended.h": header(policy, configuration),
        "Kconfig": kconfig(policy, configuration),
        "Kbuild": _kbuild(tuple(chosen)),
        "Makefile": (_HERE / "Makefile").read_text(),
        "confirm.sh": (_HERE / "confirm.sh").read_text(),
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


def kconfig(policy: policies.Policy, configuration: Configuration) -> str:
    """The same as symbols for a kernel tree."""
    values = configuration.mapping()
    text = [f"# {_LICENCE}", "config RCU_BATCH", f'\ttristate "Frees after a grace period: {policy.name}"']
    text += ["\tdepends on SMP", "\thelp", f"\t  {policy.summary}", ""]
    for param in policy.params:
        value, symbol = param.encode(values[param.name]), f"RCU_BATCH_{param.name.upper()}"
        kind, default = ("bool", "ny"[value]) if param.type == "bool" else ("int", str(value))
        last = len(param.choices) - 1 if param.choices else param.max
        first = 0 if param.choices else param.min
        text += [f"config {symbol}", f'\t{kind} "{param.name}"', "\tdepends on RCU_BATCH"]
        text += [f"\trange {first} {last}"] if kind == "int" else []
        text += [f"\tdefault {default}", "\thelp", f"\t  {_told(param)}", ""]
    return "\n".join(text)


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
        f"rcu_batch-y := check.o platform.o callbacks.o fail.o {objects}\n"
        "ccflags-y := -I$(src) -include $(src)/all_policies.h\n"
    )

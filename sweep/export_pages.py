"""What the exported directory says in words: README, BOOT, evidence.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.backends.evaluator import Scenario
from sweep.backends.kernel.evaluator import boot_of
from sweep.backends.kernel.settings import KernelSettings
from sweep.report.evidence import versions
from sweep.report.recommendation import Recommendation, Stated


@dataclass(frozen=True, slots=True)
class Source:
    """A recommendation, and what it rests on; digest and attempts: of the study's store, where that is at hand."""

    value: Recommendation
    digest: str | None = None
    attempts: int | None = None


def level(value: Recommendation) -> str:
    """What kind of figures these are."""
    if value.figures == "kernel":
        return "measured in a kernel" + (", emulated: their times are no machine's" if value.emulated else "")
    return {"simulated": "simulated", "native": "native: user space on real CPUs"}[value.figures]


def files(source: Source) -> dict[str, str]:
    """By name."""
    places = _by_profile(source.value)
    return {
        "README": _readme(source.value),
        "BOOT": _boot(places),
        "stated": _stated(source.value),
        "evidence.json": json.dumps(_evidence(source, places), indent=2) + "\n",
    }


def _evidence(source: Source, places: Mapping[str, Scenario]) -> dict[str, Any]:
    value = source.value
    return {
        "figures": value.figures,
        "emulated": value.emulated,
        "measured_on": value.measured_on,
        "study": value.study,
        "trial": value.trial,
        "policy": value.policy,
        "params": dict(value.params),
        "why": value.why,
        "combine": value.combine,
        "times_baseline_over_all_scenarios": dict(value.values),
        "scenarios": [each.model_dump(mode="json", exclude_none=True) for each in value.scenarios],
        "profiles": {name: dict(scenario.machine.resolved()) for name, scenario in places.items()},
        "store_digest": source.digest,
        "attempts": source.attempts,
        "versions": dict(versions()),
    }


def _by_profile(value: Recommendation) -> dict[str, Scenario]:
    """By machine profile that it was found with, one of its scenarios."""
    found: dict[str, Scenario] = {}
    for each in value.scenarios:
        if each.machine not in found:
            found[each.machine] = each.scenario()
    return found


_SOFTIRQ = (
    "    none: callbacks are invoked in softirq on the CPU that posted them, as long as rcu_nocbs= is not on the\n"
    "    command line and the kernel is built without RCU_NOCB_CPU_DEFAULT_ALL\n"
)


def _boot(places: Mapping[str, Scenario]) -> str:
    """Boot parameters, by profile."""
    parts = [
        "Boot parameters\n\nThe policy itself needs none of them. They give the kernel the callback processing of the\n"
        "machine profile that the figures were found with; under another one, measure again.\n"
    ]
    for name, scenario in places.items():
        boot = boot_of(scenario, KernelSettings())
        parts.append(f"Profile {name}\n{_offloaded(boot.lazy) if boot.nocb else _SOFTIRQ}")
    return "\n".join(parts)


def _offloaded(lazy: bool) -> str:
    waits = "may wait up to 10 s for company (RCU_LAZY, since 6.2)" if lazy else "is not put off"
    return (
        "    rcu_nocbs=all                  callbacks are invoked by rcuop kthreads, not in softirq (RCU_NOCB_CPU)\n"
        f"    rcutree.enable_rcu_lazy={int(lazy)}      call_rcu() {waits}\n"
    )


def _stated(value: Recommendation) -> str:
    """What judge.awk compares with: of each objective, the range over all scenarios, ends of intervals included."""
    lines = [
        "# metric, what of the check stands for it, lowest and highest ratio to per_object over all scenarios;",
        f"# these are {level(value)}",
    ]
    for name in value.scenarios[0].times_baseline:
        ends = [
            end
            for each in value.scenarios
            for end in ((each.intervals or {}).get(name) or (each.times_baseline[name],))
        ]
        kind = "exit" if name.startswith("exit_") else "retained" if name == "retained_bytes.mean" else "-"
        if kind == "exit" and value.emulated:
            kind = "-"
        lines.append(f"{name} {kind} {min(ends):.6g} {max(ends):.6g}")
    return "\n".join(lines) + "\n"


def _readme(value: Recommendation) -> str:
    figures = "\n".join(_line(each) for each in value.scenarios)
    return f"""\
{value.configuration}

{value.title}: {value.why}.
Figures are {level(value)}{f" ({value.measured_on})" if value.measured_on else ""}; as multiples of \
the baseline, per_object:

{figures}

All of it: evidence.json, recommended.yaml.

Files
  policy_{value.policy}.c   the policy, as it was measured
  policy.h                  what it asks of a platform
  platform.c callbacks.c fail.c lab.h request.h compat.h
                            the platform layer, as the kernel lab runs it (6.1 and 6.12). It keeps account of
                            objects; a kernel would leave record_*() out
  recommended.h parameters.c parameters.h
                            the parameters: as #define, and as defaults of module parameters
  workload.h                the sizes of the workloads that the figures were found with
  check.c confirm.sh judge.awk stated
                            the confirmation

Use
  make                      against the running kernel's headers; make KDIR=... for others
  sudo ./confirm.sh         on a test machine: loads the module, which disposes of the same objects through
                            per_object and through the policy in turns, unloads, reads the kernel log, and says
                            whether exit time and retained memory are what is stated above, within 25 %
                            (TOLERANCE=0.25), and no loss where a gain is stated. --built takes a rcu_batch.ko that
                            was built elsewhere
  insmod rcu_batch.ko PARAMETER=VALUE
                            another value than the recommended one, for that load

The check plays exits at even distances on one CPU. It shows that the policy works there and does what is stated;
it is no benchmark.

Rollback
  rmmod rcu_batch           waits for every callback; nothing of it stays
  Take the parameters of BOOT off the kernel's command line, and boot.
  In a kernel tree: per_object is one call_rcu() per object, which is what the policy replaces.
"""


def _line(stated: Stated) -> str:
    told = []
    for name, ratio in stated.times_baseline.items():
        ends = (stated.intervals or {}).get(name)
        told.append(f"{name} {ratio:.3f}" + (f" (95 %: {ends[0]:.3f} .. {ends[1]:.3f})" if ends else ""))
    return f"  {stated.name}: " + ", ".join(told)

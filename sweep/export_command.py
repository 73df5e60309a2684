"""Taking a recommendation to a kernel: the directory that `python -m sweep export kernel` writes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep import kept as keeping
from sweep.backends.evaluator import Scenario
from sweep.backends.kernel.bundle import MODULE, module_files
from sweep.backends.kernel.evaluator import boot_of
from sweep.backends.kernel.settings import KernelSettings
from sweep.commands import print_json
from sweep.errors import InputError
from sweep.report import recommendation
from sweep.report.evidence import versions
from sweep.report.recommendation import Recommendation, Stated
from sweep.store import read

_LEVELS = {"simulated": "simulated", "native": "native: user space on real CPUs", "kernel": "kernel: a guest"}


@dataclass(frozen=True, slots=True)
class _Source:
    """A recommendation, and what it rests on; digest and attempts: of the study's store, where that is at hand."""

    value: Recommendation
    digest: str | None = None
    attempts: int | None = None


def export_kernel(
    store: Path, study: str | None, config: Path | None, directory: Path | None, *, force: bool, form: str
) -> int:
    """Write the directory and say what is in it.

    Raises sweep.errors.USER_ERRORS: there is no such study, it recommends nothing, the directory holds
    something or cannot be written.
    """
    if (study is None) == (config is None):
        raise InputError("name either a study of the store or --config with a recommended.yaml")
    source = _of_study(store, study) if study is not None else _Source(recommendation.read(config or Path()))
    out = directory or Path(f"{source.value.study}-kernel")
    names = _write(out, source, force=force)
    if form == "json":
        print_json({"study": source.value.study, "directory": str(out), "files": names})
        return 0
    print(f"{out}: {source.value.configuration}; its figures are {_LEVELS[source.value.figures]}")
    print(f"  read README and BOOT; `make` builds {MODULE}; `sudo ./confirm.sh` tries it on a test machine")
    return 0


def _of_study(store: Path, name: str) -> _Source:
    kept = keeping.find(store, name)
    attempts = kept.attempts()
    host = kept.host.summary() if kept.host else ""
    value = recommendation.recommendation(kept.study, kept.scenarios(), kept.standing(attempts), host)
    if value is None:
        raise InputError(
            f"{name}: it recommends nothing, for nothing feasible was measured; go on with `python -m sweep resume "
            f"{name}`, or see `python -m sweep front {name}`"
        )
    with tempfile.TemporaryDirectory() as place:
        digest = read.write_trials(kept.directory, Path(place) / "trials.parquet")
    return _Source(value, digest, len(attempts))


def _write(out: Path, source: _Source, *, force: bool) -> list[str]:
    files = module_files(source.value.configuration)
    places = _by_profile(source.value)
    files |= {
        "README": _readme(source.value),
        "BOOT": _boot(places),
        "evidence.json": json.dumps(_evidence(source, places), indent=2) + "\n",
    }
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"-o {out}: is a file; expected a directory")
        if out.is_dir() and any(out.iterdir()) and not force:
            raise InputError(f"-o {out}: is not empty; name another directory, or overwrite with --force")
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
        (out / "confirm.sh").chmod(0o755)
        recommendation.write(source.value, out / "recommended.yaml")
    except OSError as error:
        raise InputError(
            f"-o {out}: cannot be written: {error.strerror or error}; name another directory"
        ) from error
    return sorted([*files, "recommended.yaml"])


def _evidence(source: _Source, places: Mapping[str, Scenario]) -> dict[str, Any]:
    value = source.value
    return {
        "figures": value.figures,
        "measured_on": value.measured_on,
        "study": value.study,
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


def _boot(places: Mapping[str, Scenario]) -> str:
    """Boot parameters, by profile."""
    parts = [
        "Boot parameters\n\nThe policy itself needs none of them. They give the kernel the callback processing of the\n"
        "machine profile that the recommendation was found with; under another one, measure again.\n"
    ]
    for name, scenario in places.items():
        boot = boot_of(scenario, KernelSettings())
        nocb = (
            "rcu_nocbs=all                  callbacks are invoked by rcuop kthreads, not in softirq (RCU_NOCB_CPU)"
            if boot.nocb
            else "(no rcu_nocbs=)                callbacks are invoked in softirq on the CPU that posted them"
        )
        lazy = (
            "call_rcu() may wait up to 10 s for company (RCU_LAZY, since 6.2)"
            if boot.lazy
            else "call_rcu() is not put off"
        )
        parts.append(
            f"Profile {name}\n    {nocb}\n    rcutree.enable_rcu_lazy={int(boot.lazy)}      {lazy}\n"
            "    rcutree.use_softirq=1          the default; 0 would move callbacks to rcuc kthreads, which was not "
            "measured\n"
        )
    return "\n".join(parts)


def _readme(value: Recommendation) -> str:
    figures = "\n".join(_line(each) for each in value.scenarios)
    return f"""\
{value.configuration}

Recommended by the study {value.study}: {value.why}.
Figures are {_LEVELS[value.figures]}{f" ({value.measured_on})" if value.measured_on else ""}; as multiples of \
the baseline, per_object:

{figures}

All of it: evidence.json, recommended.yaml.

Files
  policy_{value.policy}.c   the policy, as it was measured
  policy.h                  what it asks of a platform
  platform.c callbacks.c fail.c lab.h request.h compat.h
                            the platform layer, as the kernel lab runs it (6.1 and 6.12). It keeps account of
                            objects; a kernel would leave record_*() out
  recommended.h Kconfig     the parameters
  check.c confirm.sh        the confirmation

Use
  make                      against the running kernel's headers; make KDIR=... for others
  sudo ./confirm.sh         on a test machine: loads the module, which disposes of 20,000 objects through
                            per_object and through the policy, compares, unloads, reads the kernel log
  insmod rcu_batch.ko PARAMETER=VALUE
                            another value than the recommended one, for that load

One teardown each is a check that it works, not a benchmark.

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

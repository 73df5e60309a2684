"""What this machine is, for a measurement: a typed key of every native result.

The dataclass is the one table of facts: each field says how it is read and how it is shown, so that reading
and printing cannot drift apart (the idea is pyperf's). What cannot be read is None, said as "unknown", and is
part of the key as such.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sweep import units
from sweep.backends.native import allocators, cpus, program
from sweep.backends.native.errors import NativeUnavailableError
from sweep.backends.native.limits import cpu_quota, memory_limit_bytes

_CLOCK_MONOTONIC_COARSE: Final = (
    6  # include/uapi/linux/time.h; its resolution is one jiffy (kernel/time/posix-timers.c)
)

RCU_PARAMETERS: Final = (
    "blimit",
    "enable_rcu_lazy",
    "jiffies_till_first_fqs",
    "jiffies_till_next_fqs",
    "jiffies_till_sched_qs",
    "qhimark",
    "qlowmark",
    "qovld",
    "rcu_divisor",
    "rcu_nocb_gp_stride",
    "rcu_resched_ns",
    "use_softirq",
)
"""Of /sys/module/rcutree/parameters (kernel/rcu/tree.c); those that a kernel does not have are left out."""

NOT_INSTALLED: Final = "not installed"

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Host:
    """Files of the kernel below `root`, which is / but in tests."""

    root: Path

    def text(self, path: str) -> str | None:
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:
            return None

    def match(self, path: str, pattern: str) -> str | None:
        """The first group, in the first line that has the pattern."""
        found = re.search(pattern, self.text(path) or "", re.MULTILINE)
        return found[1].strip() if found else None

    def every(self, pattern: str) -> list[str]:
        """Contents of all files of that pattern, each once, sorted."""
        texts = (self.text(str(path.relative_to(self.root))) for path in self.root.glob(pattern))
        return sorted({text for text in texts if text})


def _plain(value: Any) -> str:
    return str(value)


def _yes(value: bool) -> str:
    return "on" if value else "off"


def _pairs(value: Pairs) -> str:
    return ", ".join(f"{name}={word}" for name, word in value) or "none"


def _limit(show: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: show(value) if value else "no limit"


def _fact(read: Callable[[_Host], Any], show: Callable[[Any], str] = _plain, unit: str = "") -> Any:
    return dataclasses.field(default=None, metadata={"read": read, "show": show, "unit": unit})


def _smt(host: _Host) -> bool | None:
    word = host.text("sys/devices/system/cpu/smt/active")
    return None if word is None else word == "1"


def _governor(host: _Host) -> str | None:
    return " and ".join(host.every("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")) or None


def _boost(host: _Host) -> bool | None:
    if (word := host.text("sys/devices/system/cpu/cpufreq/boost")) is not None:
        return word == "1"
    if (word := host.text("sys/devices/system/cpu/intel_pstate/no_turbo")) is not None:
        return word == "0"
    return None


def _rcu_parameters(host: _Host) -> Pairs | None:
    directory = "sys/module/rcutree/parameters"
    found = ((name, host.text(f"{directory}/{name}")) for name in RCU_PARAMETERS)
    return tuple((name, word) for name, word in found if word is not None) or None


def _rcu_command_line(host: _Host) -> Pairs | None:
    """Boot parameters of RCU and of what takes CPUs away from everybody else."""
    text = host.text("proc/cmdline")
    if text is None:
        return None
    words = (word.partition("=")[::2] for word in text.split())
    wanted = re.compile(r"rcu|isolcpus|nohz_full|mitigations|nosmt|preempt")
    return tuple(sorted((name, value) for name, value in words if wanted.match(name)))


def _hz(host: _Host) -> int | None:
    try:
        return round(1 / time.clock_getres(_CLOCK_MONOTONIC_COARSE))
    except OSError:
        return None


def _virtualised_by(host: _Host) -> str | None:
    flags = host.match("proc/cpuinfo", r"^flags\s*:(.*)$")
    if flags is None:
        return None
    if "hypervisor" not in flags.split():
        return "nobody"
    # Its name is in a CPUID leaf that no file shows.
    lscpu = subprocess.run(["lscpu"], capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
    name = re.search(r"^Hypervisor vendor:(.*)$", lscpu.stdout, re.MULTILINE)
    return name[1].strip() if name else "a hypervisor"


def _build(host: _Host) -> str:
    try:
        return program.build_id()
    except NativeUnavailableError:
        return NOT_INSTALLED


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A machine as a measurement sees it. Equal fingerprints may be compared; unlike ones are never merged."""

    cpu_model: str | None = _fact(lambda h: h.match("proc/cpuinfo", r"^(?:model name|CPU part)\s*:(.*)$"))
    microcode: str | None = _fact(lambda h: h.match("proc/cpuinfo", r"^microcode\s*:(.*)$"))
    nr_cpus: int | None = _fact(lambda h: len(cpus.parse(h.text("sys/devices/system/cpu/online") or "")))
    smt: bool | None = _fact(_smt, _yes)
    governor: str | None = _fact(_governor)
    boost: bool | None = _fact(_boost, _yes)
    virtualised_by: str | None = _fact(_virtualised_by)
    kernel_release: str | None = _fact(lambda h: h.text("proc/sys/kernel/osrelease"))
    hz: int | None = _fact(_hz, unit="Hz")
    clock_source: str | None = _fact(
        lambda h: h.text("sys/devices/system/clocksource/clocksource0/current_clocksource")
    )
    transparent_hugepages: str | None = _fact(
        lambda h: h.match("sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]")
    )
    rcu_parameters: tuple[tuple[str, str], ...] | None = _fact(_rcu_parameters, _pairs)
    rcu_command_line: tuple[tuple[str, str], ...] | None = _fact(_rcu_command_line, _pairs)
    cgroup_cpus: float | None = _fact(lambda h: cpu_quota(h.root), _limit(lambda value: f"{value:g} CPUs"))
    cgroup_memory_bytes: int | None = _fact(lambda h: memory_limit_bytes(h.root), _limit(units.format_size))
    liburcu: str | None = _fact(lambda h: allocators.version(allocators.LIBURCU) or NOT_INSTALLED)
    glibc: str | None = _fact(lambda h: allocators.libc_version())
    jemalloc: str | None = _fact(
        lambda h: allocators.version(allocators.LIBRARIES["jemalloc"]) or NOT_INSTALLED
    )
    mimalloc: str | None = _fact(
        lambda h: allocators.version(allocators.LIBRARIES["mimalloc"]) or NOT_INSTALLED
    )
    benchmark: str | None = _fact(_build)

    @classmethod
    def take(cls, root: Path = Path("/")) -> Self:
        """Of the machine that this runs on."""
        host = _Host(root)
        return cls(**{f.name: _read(f, host) for f in dataclasses.fields(cls)})

    def key(self) -> str:
        """16 hexadecimal digits: the same for the same facts, on every machine and for ever."""
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def document(self) -> dict[str, Any]:
        """Facts by name, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `document()`, and of its way through JSON. Raises ValueError for unknown facts."""
        names = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(document.keys() - names):
            raise ValueError(f"not a fingerprint: unknown {unknown}")
        return cls(**{name: _tuples(value) for name, value in document.items()})

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each fact and its value as people read it."""
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            shown = "unknown" if value is None else f.metadata["show"](value)
            unit = f.metadata["unit"] if value is not None else ""
            yield f.name.removesuffix("_bytes").replace("_", " "), f"{shown} {unit}".strip()

    def summary(self) -> str:
        """The machine in a few words."""
        virtual = "" if self.virtualised_by in (None, "nobody") else " (virtual)"
        known = f"{self.cpu_model or 'unknown CPU'}, {self.nr_cpus or '?'} CPUs{virtual}"
        return f"{known}, Linux {self.kernel_release or 'of unknown release'}"


def _read(fact: dataclasses.Field[Any], host: _Host) -> Any:
    try:
        return fact.metadata["read"](host)
    except (OSError, ValueError):
        return None


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list | tuple) else value

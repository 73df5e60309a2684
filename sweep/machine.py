"""Machine profiles: the constants and costs of a machine, each with its source.

A profile is a YAML file in conf/machines/ (or anywhere, by path). Each entry is
`{value: ..., source: ..., guess: true}`; its unit is in its name. `extends: NAME` takes over another
profile's entries. What the kernel computes from other values (sweep/machine_formulas.py) may be left out
of a profile or be given, to override the formula.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Generic, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from sweep import machine_formulas as formulas
from sweep import paths

MAX_CPUS: Final = 8192  # NR_CPUS at most, arch/x86/Kconfig
_INT32_MAX: Final = 2**31 - 1
_TIME_MAX_NS: Final = 10**15  # 11 days; keeps picoseconds of virtual time far from 2**63

Count = Annotated[int, Field(ge=0, le=_INT32_MAX)]
Positive = Annotated[int, Field(ge=1, le=_INT32_MAX)]
Pages = Annotated[int, Field(ge=0, le=2**52)]
Bytes = Annotated[int, Field(ge=1, le=2**60)]
TimeNs = Annotated[int, Field(ge=0, le=_TIME_MAX_NS)]
CostNs = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]

T = TypeVar("T")


class MachineError(ValueError):
    """A profile that does not exist, or that is not valid; the message says where and what was expected."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Frozen, Generic[T]):
    """One constant. `source`: kernel file and function with version, a commit, a measurement, or why it
    was guessed. low, high: the 95 % interval of one that was measured, in its unit."""

    value: T
    source: str = Field(min_length=1)
    guess: bool = False
    low: float | None = None
    high: float | None = None

    @model_serializer(mode="wrap")
    def _plain(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without an interval as if there were no such thing: keys of scenarios are made of this."""
        values: dict[str, Any] = handler(self)
        return {
            name: value for name, value in values.items() if name not in ("low", "high") or value is not None
        }

    @model_validator(mode="after")
    def _interval(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has both ends: low and high")
        if self.low is not None and self.high is not None:
            value: Any = self.value
            if not self.low <= value <= self.high:
                raise ValueError(f"low {self.low:g} <= value {value:g} <= high {self.high:g} does not hold")
        return self


class Cpu(_Frozen):
    nr_cpus: Entry[Annotated[int, Field(ge=1, le=MAX_CPUS)]]
    hz: Entry[Annotated[int, Field(ge=24, le=1000)]]
    preemptible_kernel: Entry[bool]


class Rcu(_Frozen):
    gp_constant: Entry[bool]
    gp_constant_ns: Entry[TimeNs]
    jiffies_till_first_fqs: Entry[Positive] | None = None
    jiffies_till_next_fqs: Entry[Positive] | None = None
    jiffies_till_sched_qs: Entry[Positive] | None = None
    gp_init_ns: Entry[TimeNs]
    gp_cleanup_ns: Entry[TimeNs]
    blimit: Entry[Positive]
    qhimark: Entry[Positive]
    qlowmark: Entry[Count]
    qovld: Entry[Positive] | None = None
    rcu_divisor: Entry[Annotated[int, Field(ge=0, le=30)]]
    rcu_resched_ns: Entry[TimeNs]


class Nocb(_Frozen):
    nocb: Entry[bool]
    lazy: Entry[bool]
    nocb_nobypass_lim_per_jiffy: Entry[Count] | None = None
    lazy_flush_jiffies: Entry[Positive] | None = None
    nocb_gp_stride: Entry[Positive] | None = None
    nocb_housekeeping_cpus: Entry[Count]


class Sched(_Frozen):
    wake_latency_ns: Entry[TimeNs]
    sched_slice_ns: Entry[TimeNs] | None = None
    woken_runs_first: Entry[bool]


class Slab(_Frozen):
    object_bytes: Entry[Annotated[int, Field(ge=32, le=4096)]]
    slab_bytes: Entry[Positive] | None = None
    objects_per_slab: Entry[Annotated[int, Field(ge=1, le=32767)]] | None = None
    cpu_partial_slabs: Entry[Count] | None = None
    min_partial: Entry[Count] | None = None


class Memory(_Frozen):
    page_bytes: Entry[Positive]
    memory_bytes: Entry[Bytes]
    transparent_hugepages: Entry[bool]
    populated_zones: Entry[Positive]
    watermark_scale_factor: Entry[Annotated[int, Field(ge=1, le=3000)]]
    watermark_min_pages: Entry[Pages] | None = None
    watermark_low_pages: Entry[Pages] | None = None
    watermark_high_pages: Entry[Pages] | None = None
    kswapd_pass_ns: Entry[Annotated[int, Field(ge=1, le=_TIME_MAX_NS)]]


class Costs(_Frozen):
    """CPU time of one operation each; struct sim_machine in engine.h says of which."""

    unlink_ns: Entry[CostNs]
    call_cold_ns: Entry[CostNs]
    object_cold_ns: Entry[CostNs]
    object_remote_ns: Entry[CostNs]
    lock_cold_ns: Entry[CostNs]
    call_rcu_cold_ns: Entry[CostNs]
    free_cold_ns: Entry[CostNs]
    call_cool_ns: Entry[CostNs]
    object_cool_ns: Entry[CostNs]
    link_ns: Entry[CostNs]
    walk_ns: Entry[CostNs]
    store_ns: Entry[CostNs]
    compare_ns: Entry[CostNs]
    clock_ns: Entry[CostNs]
    lock_ns: Entry[CostNs]
    lock_handoff_ns: Entry[CostNs]
    call_rcu_ns: Entry[CostNs]
    call_rcu_nocb_ns: Entry[CostNs]
    call_rcu_bypass_ns: Entry[CostNs]
    bypass_flush_ns: Entry[CostNs]
    wake_ns: Entry[CostNs]
    context_switch_ns: Entry[CostNs]
    softirq_ns: Entry[CostNs]
    callback_ns: Entry[CostNs]
    callback_bh_ns: Entry[CostNs]
    nocb_gp_scan_ns: Entry[CostNs]
    alloc_ns: Entry[CostNs]
    release_ns: Entry[CostNs]
    gp_snapshot_ns: Entry[CostNs]
    gp_start_ns: Entry[CostNs]
    gp_poll_ns: Entry[CostNs]
    work_queue_ns: Entry[CostNs]
    free_fast_ns: Entry[CostNs]
    free_slow_ns: Entry[CostNs]
    free_remote_ns: Entry[CostNs]
    free_bulk_object_ns: Entry[CostNs]
    free_hook_ns: Entry[CostNs]
    list_lock_ns: Entry[CostNs]
    slab_discard_ns: Entry[CostNs]


class Machine(_Frozen):
    """A machine on which a trial is simulated. `name` is the profile's file name without its suffix."""

    name: str
    description: str = Field(min_length=1)
    cpu: Cpu
    rcu: Rcu
    nocb: Nocb
    sched: Sched
    slab: Slab
    memory: Memory
    costs: Costs

    @property
    def nr_cpus(self) -> int:
        """CPUs, all of them online."""
        return self.cpu.nr_cpus.value

    def entries(self) -> Iterator[tuple[str, Entry[Any]]]:
        """Every entry that the profile states, by dotted name: ("rcu.blimit", Entry(10, ...))."""
        for section in _SECTIONS:
            values = getattr(self, section)
            for name in type(values).model_fields:
                entry = getattr(values, name)
                if entry is not None:
                    yield f"{section}.{name}", entry

    def with_(self, **overrides: Any) -> Machine:
        """The same machine with other values, by dotted name: `with_(**{"rcu.blimit": 20})`.

        Raises MachineError for an unknown name (with the nearest ones) or a value out of range.
        """
        raw = self.model_dump(exclude_none=True)
        for dotted, value in overrides.items():
            section, _, name = dotted.partition(".")
            known = [f"{s}.{field}" for s in _SECTIONS for field in _fields(s)]
            if dotted not in known:
                raise MachineError(
                    f"machine {self.name}: unknown entry {dotted!r}; {_nearest(dotted, known)}"
                )
            raw[section][name] = {"value": value, "source": "override"}
        return _validate(self.name, raw, f"machine {self.name}")

    def resolved(self) -> Mapping[str, int]:
        """A value for each field of `struct sim_machine`, by its name; costs in picoseconds.

        Raises MachineError where the values contradict each other.
        """
        return self.field_values

    @functools.cached_property
    def field_values(self) -> Mapping[str, int]:
        """`resolved`, worked out once: every trial asks for it."""
        given = {dotted.partition(".")[2]: entry.value for dotted, entry in self.entries()}
        try:
            values = formulas.derive(given)
        except ValueError as error:
            raise MachineError(f"machine {self.name}: {error}") from None
        costs = set(Costs.model_fields)
        apart = costs | formulas.INPUTS
        resolved = {name: int(value) for name, value in values.items() if name not in apart}
        resolved |= {name[:-3] + "_ps": round(values[name] * 1000) for name in costs}
        return resolved


_SECTIONS: Final = ("cpu", "rcu", "nocb", "sched", "slab", "memory", "costs")


def _fields(section: str) -> list[str]:
    kind: Any = Machine.model_fields[section].annotation
    return list(kind.model_fields)


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"


def names() -> list[str]:
    """Names of the profiles that come with the package. A leading _ marks one that others extend."""
    return sorted(path.stem for path in _directory().glob("*.yaml") if not path.stem.startswith("_"))


def load(name_or_path: str | Path) -> Machine:
    """A profile by name, or by the path of a YAML file.

    Raises MachineError: there is none, or it is not valid.
    """
    path = _find(str(name_or_path), Path())
    raw = _read(path)
    return _validate(path.stem, raw, str(path))


def _directory() -> Path:
    return paths.conf() / "machines"


def _find(name: str, beside: Path) -> Path:
    if name.endswith((".yaml", ".yml")):
        path = beside / name
        if not paths.is_file(path):
            raise MachineError(f"no machine profile at {path}")
        return path
    path = _directory() / f"{name}.yaml"
    if "/" in name or not paths.is_file(path):
        raise MachineError(
            f"unknown machine {name!r}; {_nearest(name, names())} (or the path of a .yaml file)"
        )
    return path


def _read(path: Path, extended_by: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The file's mapping, on top of what it extends."""
    if path in extended_by:
        raise MachineError(f"{path}: extends itself")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        # ValueError: bytes that are no UTF-8, or a scalar that looks like a date and is none.
        raise MachineError(f"{path}: cannot be read as YAML: {error}") from None
    if not isinstance(raw, dict):
        raise MachineError(f"{path}: expected a mapping with the sections {', '.join(_SECTIONS)}")
    base = raw.pop("extends", None)
    if base is None:
        return raw
    merged = _read(_find(str(base), path.parent), (*extended_by, path))
    for section, entries in raw.items():
        below = merged.get(section)
        if isinstance(below, dict) and isinstance(entries, dict):
            merged[section] = below | entries
        else:
            merged[section] = entries
    return merged


def _validate(name: str, raw: Mapping[str, Any], where: str) -> Machine:
    try:
        machine = Machine.model_validate({**raw, "name": name})
    except ValidationError as error:
        raise MachineError("\n".join(f"{where}: {_explain(e)}" for e in error.errors())) from None
    machine.resolved()
    return machine


def _explain(error: Any) -> str:
    *parents, last = (str(part) for part in error["loc"])
    dotted = ".".join([*parents, last])
    if error["type"] == "extra_forbidden":
        known = {0: ["description", "extends", *_SECTIONS], 1: parents and _fields(parents[0])}
        return (
            f"unknown key {dotted!r}; {_nearest(last, known.get(len(parents)) or list(Entry.model_fields))}"
        )
    if error["type"] == "missing":
        return f"{dotted} is missing"
    return f"{dotted}: {error['msg']}, but is {error['input']!r}"


def schema() -> dict[str, Any]:
    """The JSON schema of a profile's file, which may leave out what the one that it extends has."""
    made = Machine.model_json_schema()
    made["properties"].pop("name")
    made["properties"]["extends"] = {
        "type": "string",
        "description": "A profile by name, or a YAML file beside this one, which this one changes.",
    }
    for part in (made, *made.get("$defs", {}).values()):
        if part is made or part.get("title", "").lower() in _SECTIONS:
            part.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


@functools.cache
def shipped() -> tuple[Machine, ...]:
    """Every profile that comes with the package, in order of name."""
    return tuple(load(name) for name in names())

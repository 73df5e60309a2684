"""What the kernel itself does with VMAs that die: the time of an exit or a munmap, the share of it in which VMAs
are removed, and how many are retained afterwards. Measured in a guest by guest/curve.c."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.lab import Lab

AREAS: Final = (40, 160, 640, 2560, 10_240, 65_000)
"""Areas of a trial. The most is little below the default of vm.max_map_count, 65,530 (include/linux/mm.h, 6.12)."""

MAX_AREAS: Final = 65_000
MAX_KINDS: Final = 60
"""Numbers of areas that the guest takes (guest/init.c has room for 64 words)."""

MIN_BLOCKS: Final = 2
"""Fewer say nothing of their own noise."""

BOOT: Final = BootSettings(icount=1)
_LINE_TIMEOUT_S: Final = 300.0
_WINDOW: Final = {
    "exit": ("exit_begin", "exit_mmap", "exit_end"),
    "munmap": ("munmap_begin", "mmap_lock_released", "munmap_end"),
}
"""By way, the events at its begin, after its last VMA, and at its end; as guest/curve.c names them."""


@dataclass(frozen=True, slots=True)
class Look:
    """At slabinfo, t_ns after the end: objects in use of vm_area_struct and of vma_lock, more than before."""

    t_ns: int
    vmas: int
    locks: int


@dataclass(frozen=True, slots=True)
class CurveTrial:
    """One trial. how: exit or munmap. touched: each area had a page. wall_ns: as the process and its parent
    see it. total_ns, removal_ns: by the probes, of exit_mmap() or the system call, and of the removal of VMAs in
    it; None without probes. looks: of trials without probes."""

    block: int
    n: int
    how: str
    touched: bool
    wall_ns: int
    total_ns: int | None
    removal_ns: int | None
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """probes: by function, whether this kernel lets it be probed. object_bytes: of a vm_area_struct and of a
    vma_lock, by slabinfo. emulated: times are no machine's."""

    release: str
    emulated: bool
    probes: Mapping[str, bool]
    object_bytes: tuple[int, int]
    trials: tuple[CurveTrial, ...]


def check(areas: Sequence[int], blocks: int) -> None:
    """Raises LabError for what cannot be measured."""
    if not 1 <= len(areas) <= MAX_KINDS or not all(1 <= n <= MAX_AREAS for n in areas):
        raise LabError(f"areas {_words(areas)}: expected 1 to {MAX_KINDS} numbers from 1 to {MAX_AREAS:,}")
    if len(set(areas)) != len(areas):
        raise LabError(f"areas {_words(areas)}: one of them is there twice")
    if blocks < MIN_BLOCKS:
        raise LabError(f"blocks {blocks}: expected at least {MIN_BLOCKS}, fewer have no interval")


def measure(
    lab: Lab, areas: Sequence[int], blocks: int, told: Callable[[CurveTrial], None] = lambda _: None
) -> Curve:
    """Four trials of each kind per block, two of them with probes (ABBA). Raises LabError and GuestError."""
    check(areas, blocks)
    guest = lab.guest(BOOT)
    about: Mapping[str, Any] = {}
    trials: list[CurveTrial] = []
    try:
        for line in guest.curve(_words([blocks, *areas]), _LINE_TIMEOUT_S):
            if "error" in line:
                raise LabError(f"the guest cannot measure this: {line['error']}")
            if "probes" in line:
                about = line
            else:
                trials.append(decode(line))
                told(trials[-1])
    except BaseException:
        lab.close()  # the guest may have more to say
        raise
    vma_bytes, lock_bytes = about["object_bytes"]
    return Curve(
        release=lab.image.release,
        emulated=guest.accelerator == "tcg",
        probes=about["probes"],
        object_bytes=(vma_bytes, lock_bytes),
        trials=tuple(trials),
    )


def _words(numbers: Iterable[int]) -> str:
    return " ".join(map(str, numbers))


def decode(line: Mapping[str, Any]) -> CurveTrial:
    """From what the guest says of a trial. Raises LabError where probes that were set have not been hit."""
    before_vmas, before_locks = line["before"]
    total, removal = phases(line["how"], line["events"]) if line["probed"] else (None, None)
    return CurveTrial(
        block=line["block"],
        n=line["n"],
        how=line["how"],
        touched=line["touched"],
        wall_ns=line["wall_ns"],
        total_ns=total,
        removal_ns=removal,
        looks=tuple(Look(t, vmas - before_vmas, locks - before_locks) for t, vmas, locks in line["slab"]),
    )


def phases(how: str, events: Iterable[Sequence[Any]]) -> tuple[int, int]:
    """Time of the whole, and of removing VMAs, ns. The removal begins with the first return of tlb_finish_mmu().
    Raises LabError for a trace without them."""
    begin, removed, end = _WINDOW[how]
    seen: dict[str, int] = {}
    for name, t_ns in events:
        if name == begin:
            seen = {}
        if name == removed and "tlb_end" not in seen:
            continue  # a lock that was released before
        seen.setdefault(name, t_ns)
        if name == end:
            break
    missing = [name for name in (begin, "tlb_end", removed, end) if name not in seen]
    if missing:
        raise LabError(f"the trace of {how} has no {', '.join(missing)}: this kernel does it in another way")
    return seen[end] - seen[begin], seen[removed] - seen["tlb_end"]

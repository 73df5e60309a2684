"""Words that several commands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    """How a command prints what it found."""

    table = "table"
    json = "json"


class Rcu(StrEnum):
    """Whose grace periods and callbacks a native trial has."""

    kernel_like = "kernel_like"
    liburcu = "liburcu"


class Allocator(StrEnum):
    """Where a native trial's objects come from."""

    slab = "slab"
    glibc = "glibc"
    jemalloc = "jemalloc"
    mimalloc = "mimalloc"


class Idle(StrEnum):
    """What CPUs do without work while a native trial is measured."""

    poll = "poll"
    halt = "halt"


class Measured(StrEnum):
    """What is measured, by hand or for a comparison: this machine, or a kernel."""

    native = "native"
    kernel = "kernel"


class Accel(StrEnum):
    """How a guest runs."""

    auto = "auto"
    kvm = "kvm"
    tcg = "tcg"


class Schema(StrEnum):
    """What a schema is of."""

    study = "study"
    machine = "machine"


StoreOption = Annotated[Path, typer.Option("--store", help="Directory of all studies.")]
KeptStudy = Annotated[str, typer.Argument(help="Name of a study in the store.")]
StudyArgument = Annotated[str, typer.Argument(help="A study of conf/ by name, or a YAML file.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, such as budget.trials=200.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes; default: one per CPU.")]
InProcess = Annotated[bool, typer.Option("--in-process", help="Without Ray, one trial after another.")]
Address = Annotated[str | None, typer.Option(help="A Ray cluster to join: auto, or HOST:PORT.")]
JobAddress = Annotated[str, typer.Option("--address", help="The cluster's dashboard: http://HOST:8265.")]
NodeTimeout = Annotated[
    float, typer.Option(min=0.5, help="Seconds until a silent node of a Ray started here counts as lost.")
]
TrialTimeout = Annotated[float, typer.Option(min=1, help="Seconds after which a trial's worker is given up.")]
Archive = Annotated[
    str | None, typer.Option(help="Where sealed segments and results are copied: s3://..., gs://..., a path.")
]
Track = Annotated[str | None, typer.Option(help="MLflow tracking URI; default: sqlite in the store.")]
NoTrack = Annotated[bool, typer.Option("--no-track", help="Without MLflow.")]
RcuOption = Annotated[
    Rcu, typer.Option("--rcu", help="kernel_like: as the profile says; liburcu: its call_rcu().")
]
AllocatorOption = Annotated[
    Allocator, typer.Option("--allocator", help="slab: ours, after SLUB; or the malloc of that library.")
]
IdleOption = Annotated[
    Idle, typer.Option("--idle", help="Without work, CPUs poll as with idle=poll, or halt.")
]
Cpus = Annotated[
    str | None, typer.Option(help="CPUs to own, such as 0,1; default: the first ones permitted.")
]
Icount = Annotated[
    int,
    typer.Option(
        min=-1, max=10, help="kernel: time goes by instructions, 2^N ns each (emulated); -1: the host's time."
    ),
]
Window = Annotated[
    str | None, typer.Option(help="START,LENGTH such as 2s,1.5s: that part of the workload alone.")
]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds that a pass may take beyond its workload's.")]
Format = Annotated[Form, typer.Option("--format", help="json: one document on standard output.")]

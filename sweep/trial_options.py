"""One trial as a user asks for it on the command line: words in, values out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, cast

import policies
import workloads
from sweep import machine as machines
from sweep import units
from sweep.errors import InputError
from sweep.trial import Configuration

ReaderKind = Literal["mm_ref", "rcu_only"]


@dataclasses.dataclass(frozen=True, slots=True)
class TrialRequest:
    """One trial, resolved: what is run and what a title says."""

    workload: workloads.Workload
    machine: machines.Machine
    configuration: Configuration
    scale: workloads.Scale
    seed: int


def resolve(
    *,
    workload: str,
    machine: str,
    policy: str,
    params: Sequence[str],
    machine_overrides: Sequence[str],
    scale: workloads.Scale,
    readers: str | None,
    seed: int,
) -> TrialRequest:
    """Names to values.

    Raises InputError, machine.MachineError, policies.PolicyError, workloads.WorkloadError.
    """
    found = workloads.load(workload)
    if readers is not None:
        one_of("readers", readers, ("mm_ref", "rcu_only"))
        found = found.with_(readers=dataclasses.replace(found.readers, kind=cast(ReaderKind, readers)))
    return TrialRequest(
        workload=found,
        machine=machines.load(machine).with_(**pairs(machine_overrides)),
        configuration=configuration(policy, pairs(params)),
        scale=scale,
        seed=seed,
    )


def configuration(name: str, words: Mapping[str, str]) -> Configuration:
    """A policy, or what a preset makes of one, with the parameters that `words` set."""
    base: dict[str, policies.ParamValue] = {}
    if name in policies.presets() or name.startswith("linux-"):
        preset = policies.preset(name)
        name, base = preset.policy, dict(preset.params)
    policy = policies.policy(name)
    given = {key: policy.param(key).parse(word) for key, word in words.items()}
    return Configuration.of(name, policy.validate(base | given))


def parse_window(text: str | None) -> tuple[int, int] | None:
    """`2 s, 1.5 s`: (start, length) in ns. Raises InputError."""
    if text is None:
        return None
    try:
        start, length = (round(units.quantity(part.strip(), "ns")) for part in text.split(","))
    except ValueError as error:  # of units, or of two values to unpack
        raise InputError(f"--window {text}: expected START,LENGTH such as 2s,1.5s ({error})") from None
    return start, length


def one_of(option: str, word: str, known: Sequence[str]) -> None:
    """Raises InputError for a word that the option does not take."""
    if word not in known:
        raise InputError(f"--{option} {word}: expected {', '.join(known[:-1])} or {known[-1]}")


def refuse(given: Mapping[str, bool], only: str) -> None:
    """Raises InputError for options that were given, which go only with something else."""
    if names := [f"--{name}" for name, there in given.items() if there]:
        raise InputError(f"{', '.join(names)}: only with {only}; leave it out")


def pairs(settings: Sequence[str]) -> dict[str, str]:
    """Words of "name=value" by name. Raises InputError."""
    found = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name.strip() and equals):
            raise InputError(f"{setting!r} sets nothing: expected name=value")
        found[name.strip()] = value.strip()
    return found


def title(request: TrialRequest) -> str:
    """The trial in words: its scenario and its configuration."""
    scale = request.scale
    extra = [
        f"{name} {value:g}"
        for name, value, plain in (
            ("dilation", scale.dilation, 1.0),
            ("replicas", scale.replicas, 1),
            ("loops", scale.loops, 1),
        )
        if value != plain
    ]
    if scale.window_ns is not None:
        start, length = map(units.format_time, scale.window_ns)
        extra.insert(0, f"{length} from {start}")
    scenario = ", ".join([f"{request.workload.name} on {request.machine.name}", *extra])
    return f"{scenario}: {request.configuration}"

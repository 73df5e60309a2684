"""What a report rests on, as far as the standing does not say it."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import Final

from sweep.ladder import Climb

_PACKAGES: Final = ("rcu-sweep", "numpy", "optuna", "pyarrow", "ray", "mlflow")


def versions() -> tuple[tuple[str, str], ...]:
    """(name, version) of this interpreter and of what figures or proposals follow from."""
    found = [("python", platform.python_version())]
    for name in _PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Evidence:
    """store_digest: of all attempts, as the store gives it. attempts: all tries, those that machines failed
    and that were made again included. complete: the budget was used up. measured_on: of native figures, the
    machine in a few words; host: all that is known of it, by name. climb: of a ladder."""

    store_digest: str
    attempts: int
    complete: bool
    versions: tuple[tuple[str, str], ...] = field(default_factory=versions)
    measured_on: str = ""
    host: tuple[tuple[str, str], ...] = ()
    climb: Climb | None = None

"""What measures, of every kind: the machine of a native study, or the guest of a kernel study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from sweep.backends.kernel.fingerprint import KIND, LabFingerprint
from sweep.backends.kernel.settings import KernelSettings
from sweep.backends.native.fingerprint import Fingerprint

Host: TypeAlias = Fingerprint | LabFingerprint


def of(document: Mapping[str, Any]) -> Host:
    """From what `document()` gave. Raises ValueError for what is none."""
    return LabFingerprint.of(document) if document.get("kind") == KIND else Fingerprint.of(document)


def key(backend: str, settings: Mapping[str, Any]) -> str:
    """Of what a backend measures on here. settings: of the kernel lab, by name, with its accelerator. Raises LabError
    where something is missing."""
    if backend == "native":
        return Fingerprint.take().key()
    how = KernelSettings(**settings)
    assert how.accelerator is not None, "who asks has found out"
    return LabFingerprint.take(how, how.accelerator).key()

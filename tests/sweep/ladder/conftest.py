"""A ladder over a made-up machine: see tests/sweep/fake_native.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from sweep import kernel_host, native_host, study_file
from sweep.backends.evaluator import Scenario
from sweep.backends.kernel.fingerprint import LabFingerprint
from sweep.backends.native.fingerprint import Fingerprint
from sweep.kept import Kept, find
from sweep.session import Options
from sweep.study import Study
from tests.sweep.fake_native import GUEST, HOST, FakeNative

LADDER: dict[str, object] = {
    "name": "climb",
    "workloads": ["giant-exit"],
    "machines": ["vm-2cpu"],
    "policies": ["per_object", "fixed_batch", "whole_list", "dead_list_shrinker", "amortized"],
    "ladder": ["simulator", "native"],
    "budget": {"trials": 120, "native_blocks": 90},
    "sampler": "nsga2",
    "population": 16,
}


@dataclass
class Lab:
    """What studies are measured on, instead of this machine."""

    place: Path
    host: Fingerprint = HOST
    spread: float = 0.02
    scatter: float = 0.0
    steady: bool = False
    made: list[FakeNative] = field(default_factory=list)

    def evaluator(
        self, study: Study, measured_in: tuple[Scenario, ...], owned: tuple[int, ...]
    ) -> FakeNative:
        made = FakeNative(measured_in, self.spread, scatter=self.scatter, host=self.host, steady=self.steady)
        self.made.append(made)
        return self.made[-1]

    def kernel_evaluator(
        self,
        how: object,
        measured_in: tuple[Scenario, ...],
        objectives: tuple[str, ...],
        found: LabFingerprint,
    ) -> FakeNative:
        self.made.append(FakeNative(measured_in, spread=self.spread, host=found, level="kernel"))
        return self.made[-1]

    @property
    def options(self) -> Options:
        return Options(self.place / "store", in_process=True, track=False)

    def study(self, **changes: object) -> Study:
        return study_file.read(yaml.safe_dump(LADDER | changes), "ladder")

    def kept(self, name: str = "climb") -> Kept:
        return find(self.options.store, name)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(tmp_path)
    own_cpus: Callable[..., tuple[int, ...]] = lambda study, measured_in: (0, 1)  # noqa: E731
    monkeypatch.setattr(native_host, "host", lambda study: made.host if study.backend == "native" else None)
    monkeypatch.setattr(native_host, "own_cpus", own_cpus)
    monkeypatch.setattr(native_host, "evaluator", made.evaluator)
    monkeypatch.setattr(kernel_host, "host", lambda how, say: GUEST)
    monkeypatch.setattr(kernel_host, "evaluator", made.kernel_evaluator)
    return made

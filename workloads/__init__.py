"""Workloads: what frees objects, when and where; who reads meanwhile; how short memory is."""

from workloads.catalogue import load, names
from workloads.errors import WorkloadError
from workloads.model import NO_READERS, PressureCourse, ReaderModel, Workload
from workloads.replay import Replay, Scale, replay

__all__ = [
    "NO_READERS",
    "PressureCourse",
    "ReaderModel",
    "Replay",
    "Scale",
    "Workload",
    "WorkloadError",
    "load",
    "names",
    "replay",
]

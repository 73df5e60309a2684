"""The machine that the simulator is held to: this one, through the native benchmark."""

from __future__ import annotations

from sweep.agreement.run import Host, Measured
from sweep.backends.evaluator import EvaluationError
from sweep.machine import Machine
from sweep.trial import Configuration
from workloads import Replay

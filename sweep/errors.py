"""The errors that a user can mend: each says what was wrong, where, and what was expected."""

from __future__ import annotations

from policies import PolicyError
from sweep.agreement.model import AgreementError
from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel.errors import LabError
from sweep.backends.native.errors import NativeError
from sweep.backends.simulator import SimulationError
from sweep.execute import ExecutorError
from sweep.judge import MixtureError
from sweep.launch import SweepError
from sweep.machine import MachineError
from sweep.store import StoreError
from sweep.study_file import StudyError
from sweep.track.ui import UiError
from workloads import WorkloadError


class InputError(ValueError):
    """An option of a command does not fit."""


USER_ERRORS: tuple[type[Exception], ...] = (
    AgreementError,
    EvaluationError,
    ExecutorError,
    InputError,
    LabError,
    MachineError,
    MixtureError,
    NativeError,
    PolicyError,
    SimulationError,
    StoreError,
    StudyError,
    SweepError,
    UiError,
    WorkloadError,
)

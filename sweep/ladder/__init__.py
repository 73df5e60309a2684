"""From the simulator to the machine: what is measured natively, given what was simulated and how far that errs."""

from sweep.ladder.errors import Error, ErrorModel, Prior
from sweep.ladder.promote import Promoter
from sweep.ladder.rungs import simulated

__all__ = ["Error", "ErrorModel", "Prior", "Promoter", "simulated"]

"""From the simulator to the machine: what is measured natively, given what was simulated and how far that errs."""

from sweep.ladder.climb import Climb, climb
from sweep.ladder.errors import Error, ErrorModel, Prior
from sweep.ladder.promote import Promoter
from sweep.ladder.rungs import below, promoter

__all__ = ["Climb", "Error", "ErrorModel", "Prior", "Promoter", "below", "climb", "promoter"]

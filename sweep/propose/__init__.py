"""Which configurations are measured next."""

from sweep.propose.base import Observation, Proposer
from sweep.propose.factory import SAMPLERS, make
from sweep.propose.space import Range, Space

__all__ = ["SAMPLERS", "Observation", "Proposer", "Range", "Space", "make"]

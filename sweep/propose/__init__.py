"""Which configurations are measured next."""

from sweep.propose.base import Observation, Proposer
from sweep.propose.space import Space

__all__ = ["Observation", "Proposer", "Space"]

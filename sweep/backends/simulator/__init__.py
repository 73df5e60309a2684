"""The simulator: one trial on a virtual clock, deterministic, in C (src/)."""

from sweep.backends.simulator.binding import (
    DEFAULT_MAX_STEPS,
    SimulationError,
    SimulationResult,
    build_id,
    simulate,
)

__all__ = ["DEFAULT_MAX_STEPS", "SimulationError", "SimulationResult", "build_id", "simulate"]

"""Synthetic workloads: seeded generators with documented distributions.

To add one, write a function as in `processes` (a Dice, then keyword parameters with types and
defaults; the docstring's first line is its description, the rest its distribution) and name it here.
"""

from collections.abc import Callable, Mapping

from workloads.synthetic.extremes import burst_silence, giant_exit, reader_heavy
from workloads.synthetic.phone import phone_app_cycle
from workloads.synthetic.processes import (
    connection_per_request,
    exit_storm,
    munmap_storm,
    steady_mix,
    thread_group_exit,
)
from workloads.synthetic.registry import Generator, Scene

_BUILDERS: tuple[Callable[..., Scene], ...] = (
    exit_storm,
    munmap_storm,
    steady_mix,
    phone_app_cycle,
    connection_per_request,
    giant_exit,
    burst_silence,
    reader_heavy,
    thread_group_exit,
)

GENERATORS: Mapping[str, Generator] = {
    name: Generator(name, build) for build in _BUILDERS for name in [build.__name__.replace("_", "-")]
}
"""Name to generator; the name is the function's, with dashes."""

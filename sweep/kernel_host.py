"""The kernel lab of this host, for a study: what its guests are, and whether there can be any."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sweep.backends.evaluator import Scenario
from sweep.backends.kernel.boot import Accelerator, BootSettings
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.evaluator import KernelEvaluator
from sweep.backends.kernel.fingerprint import LabFingerprint
from sweep.backends.kernel.guest_machine import GuestError
from sweep.backends.kernel.host_checks import HostKernel
from sweep.backends.kernel.host_lab import HostLab
from sweep.backends.kernel.lab import Lab, Runs, cache_directory, shared
from sweep.backends.kernel.settings import KernelSettings
from sweep.levels import Kernel


def settings(how: Kernel) -> KernelSettings:
    """As a study says; where it leaves the accelerator open, so are they."""
    return KernelSettings(
        accelerator=None if how.accel == "auto" else how.accel,
        memory_bytes=how.memory_bytes,
        softirq=how.use_softirq,
        memcg=how.memcg,
        icount=how.icount,
        min_blocks=how.min_blocks,
        max_blocks=how.max_blocks,
        ratio_width=how.ratio_width,
    )


def host(how: KernelSettings, say: Callable[[str], None]) -> LabFingerprint:
    """The guests that this host boots with these settings. Builds the module; tries KVM, where that is open, and `say`
    is told why it does not do. Raises LabError where packages are missing or a policy does not build."""
    with opened(how, say) as (_, found):
        return found


@contextmanager
def opened(
    how: KernelSettings, say: Callable[[str], None], on: HostKernel | None = None
) -> Iterator[tuple[Runs, LabFingerprint]]:
    """The same, with the lab that boots them, which is this process's. on: a kernel that runs, in place of a guest's, until
    the context ends."""
    if on is not None:
        with HostLab(cache_directory(), on) as host_lab:
            yield host_lab, host_lab.fingerprint(memcg=how.memcg)
        return
    accelerator = _accelerator(how, say)
    yield shared(cache_directory(), accelerator), LabFingerprint.take(how, accelerator)


def _accelerator(how: KernelSettings, say: Callable[[str], None]) -> Accelerator:
    if how.icount is not None or how.accelerator == "tcg":
        return "tcg"
    boot = BootSettings(memory_bytes=how.memory_bytes)
    try:
        with Lab(cache_directory(), how.accelerator, say) as lab:
            if how.accelerator == "kvm":
                lab.guest(boot)
            return lab.accelerator(boot)
    except GuestError as error:
        lines = str(error).splitlines()
        raise LabError(
            f"accel: kvm: no guest boots with KVM here ({(lines[1:2] or lines)[0]}); write auto, or tcg, which emulates"
        ) from error


def chosen(how: KernelSettings, found: LabFingerprint) -> KernelSettings:
    """The settings with the accelerator that was found."""
    return replace(how, accelerator="tcg" if found.emulated else "kvm")


def evaluator(
    how: KernelSettings, measured_in: tuple[Scenario, ...], objectives: tuple[str, ...], found: LabFingerprint
) -> KernelEvaluator:
    """Measures these scenarios in guests such as `found`, with the settings that were `chosen`; they are kept by the
    process that measures."""
    assert how.accelerator is not None
    open_lab = functools.partial(shared, cache_directory(), how.accelerator)
    return KernelEvaluator(measured_in, how, objectives, found.key(), open_lab)

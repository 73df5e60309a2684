"""The module in the kernel of Debian 12 itself, 6.1: every policy once, beside readers. Skipped where it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import policies
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.console import troubles
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.image import find_image
from sweep.backends.kernel.lab import Lab
from sweep.backends.kernel.request import LabTrial
from sweep.packages import apt
from tests.sweep.backends.kernel.scenes import OBJECT_BYTES, exits_and_munmaps
from tests.sweep.backends.kernel.test_guest import check_conservation

pytestmark = pytest.mark.slow

BOOT: Final = BootSettings()
"""By the host's clock: with icount, 6.1 does not get beyond bringing its second CPU up (QEMU 7.2)."""


@pytest.fixture(scope="module")
def older(cache: Path) -> Iterator[Lab]:
    try:
        find_image("6.1")
    except LabError:
        pytest.skip(apt("kernel image 6.1"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SWEEP_KERNEL_RELEASE", "6.1")
        made = Lab(cache, "tcg")
    with made:
        yield made


@pytest.mark.parametrize("name", sorted(policies.catalogue()))
def test_every_policy_frees_each_object_once_and_under_no_readers_eyes(older: Lab, name: str) -> None:
    result = older.run(LabTrial(exits_and_munmaps(), name, {}, OBJECT_BYTES, seed=3), BOOT)
    assert result.release.startswith("6.1.")
    check_conservation(result)
    details = result.answer.details
    assert details["sections_with_object"] > 0
    assert (details["slab_callbacks"] > 0) == (name == "typesafe")
    assert result.answer.unmeasured == ()


def test_the_module_unloads_and_leaves_nothing_behind(older: Lab) -> None:
    guest = older.guest(BOOT)
    assert guest.unload() == 0
    assert guest.load() == 0
    assert troubles(guest.console()) == []

"""Policies with one fault each, in a real kernel: the lab that lets one of them pass is no good.

Of tests/policies/harness/wrong.c only those whose fault leaves the guest's kernel intact.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.lab import Lab, LabResult
from sweep.backends.kernel.request import LabTrial, encode
from sweep.trial import Cause
from tests.sweep.backends.kernel.scenes import (
    MUNMAPS,
    OBJECT_BYTES,
    OBJECTS,
    ROUNDS,
    exit_after_exit,
    exits_and_munmaps,
)
from tests.sweep.backends.simulator.scenes import MS, birth, exit_mm
from tests.sweep.backends.simulator.scenes import replay as replay_of
from workloads import Replay

pytestmark = pytest.mark.slow

SOURCE: Final = Path(__file__).parents[3] / "policies" / "harness" / "wrong.c"
NAMES: Final = ("forgets", "miscounts", "no_grace_period", "scribbles", "stale_cookie")
BOOT: Final = BootSettings(icount=1)


@pytest.fixture(scope="module")
def wrong(packages: None, cache: Path) -> Iterator[Lab]:
    with Lab(cache, "tcg", policy_files=dict.fromkeys(NAMES, SOURCE)) as made:
        yield made


def run(lab: Lab, name: str, replay: Replay) -> LabResult:
    """These policies have no parameters, and are in no catalogue: a request for typesafe under another name."""
    encoded = encode(LabTrial(replay, "typesafe", {}, OBJECT_BYTES, stress=True))
    request = encoded.replace(b"typesafe".ljust(64, b"\0"), name.encode().ljust(64, b"\0"))
    return lab.run_request(request, BOOT, replay.duration_ns)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        # The two objects of a munmap are no group of four.
        ("forgets", f"never freed {2 * MUNMAPS * ROUNDS} of {OBJECTS} objects"),
        ("miscounts", "miscounts its objects"),
        ("scribbles", "frees an object that is not dead"),
    ],
)
def test_a_fault_ends_the_trial_with_its_name(wrong: Lab, name: str, said: str) -> None:
    with pytest.raises(EvaluationError, match=said) as caught:
        run(wrong, name, exits_and_munmaps())
    assert caught.value.cause is Cause.CONFIGURATION


def test_the_oracle_sees_what_is_freed_too_early(wrong: Lab) -> None:
    at_once = run(wrong, "no_grace_period", exits_and_munmaps()).answer.details
    assert at_once["objects_freed_early"] == OBJECTS
    few = exit_after_exit(exits=2, objects=20)  # each of them waits for a grace period
    stale = run(wrong, "stale_cookie", few).answer.details
    assert 0 < stale["objects_freed_early"] < 40


def test_what_cannot_be_set_up_is_said_and_leaves_the_lab_usable(wrong: Lab) -> None:
    with pytest.raises(EvaluationError, match="built without policy 'absent'"):
        run(wrong, "absent", exits_and_munmaps())
    too_many = replay_of([birth(0, 0, 0, 3), exit_mm(MS, 0, 0, 4)])
    with pytest.raises(EvaluationError, match="row 1 of the workload frees more objects"):
        run(wrong, "no_grace_period", too_many)
    assert run(wrong, "no_grace_period", exits_and_munmaps()).answer.details["objects_leaked"] == 0

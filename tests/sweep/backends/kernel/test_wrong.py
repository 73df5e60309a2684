"""Policies with one fault each, in a real kernel: the lab that lets one of them pass is no good.

Of tests/policies/harness/wrong.c only those whose fault leaves the guest's kernel intact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel import build
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.guest_machine import GuestError
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


LEAKS: Final = 77
"""Seed of trials in which the platform layer, not the policy, forgets objects and the trial's cache."""


def leaking(policy_files: Mapping[str, Path]) -> dict[str, str]:
    """The module's sources, with a platform that says of every 50th object that it has freed it, and has not."""
    files = build.sources(policy_files)
    for name, right, wrong in (
        (
            "platform.c",
            "if (record_free(run, (struct lab_object *)object, lab_now(run), from))",
            f"if (record_free(run, (struct lab_object *)object, lab_now(run), from) && "
            f"(run->req->seed != {LEAKS} || ((struct lab_object *)object)->id % 50))",
        ),
        (
            "trial.c",
            "kmem_cache_destroy(run->cache);",
            f"if (run->req->seed != {LEAKS})\nkmem_cache_destroy(run->cache);",
        ),
    ):
        assert right in files[name]
        files[name] = files[name].replace(right, wrong)
    return files


@pytest.fixture(scope="module")
def wrong(packages: None, cache: Path) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        sources = leaking(dict.fromkeys(NAMES, SOURCE))
        patch.setattr(build, "sources", lambda _: sources)
        made = Lab(cache, "tcg", policy_files=dict.fromkeys(NAMES, SOURCE))
    with made:
        yield made


def run(lab: Lab, name: str, replay: Replay, seed: int = 0) -> LabResult:
    """These policies have no parameters, and are in no catalogue: a request for typesafe under another name."""
    encoded = encode(LabTrial(replay, "typesafe", {}, OBJECT_BYTES, seed=seed, stress=True))
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


def test_what_leaks_below_the_accounts_is_counted_in_the_cache(wrong: Lab) -> None:
    """No complaint of the kernel tells of it, as the cache is not destroyed: the counts of the cache alone do."""
    clean = run(wrong, "no_grace_period", exits_and_munmaps())
    assert clean.answer.details["slab_objects_after"] == 0
    left = OBJECTS // 50 + (OBJECTS % 50 > 0)
    with pytest.raises(
        EvaluationError, match=f"{left} objects have leaked: rcu_sweep_[0-9]+ held 0 before"
    ) as caught:
        run(wrong, "no_grace_period", exits_and_munmaps(), seed=LEAKS)
    assert caught.value.cause is Cause.ENVIRONMENT
    with pytest.raises(GuestError, match="1 of its slab caches are left"):
        wrong.guest(BOOT).unload()
    wrong.close()

"""The lab as a whole: every policy in a booted kernel, under each way of handling callbacks.

Emulated, with time that goes by instructions (icount): however busy the host is, the guest's kernel sees no
stall of its own.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

import pytest

import policies
from sweep.backends.evaluator import EvaluationError
from sweep.backends.kernel.boot import MIB, BootSettings
from sweep.backends.kernel.console import troubles
from sweep.backends.kernel.lab import BootedTrial, Lab, LabResult
from sweep.backends.kernel.request import LabTrial, encode
from sweep.trial import Cause
from tests.sweep.backends.kernel.scenes import (
    EXIT_OBJECTS,
    OBJECT_BYTES,
    OBJECTS,
    ROUNDS,
    exit_after_exit,
    exits_and_munmaps,
    under_pressure,
)

pytestmark = pytest.mark.slow

PLAIN = BootSettings(icount=1)
NOCB = BootSettings(nocb=True, icount=1)
LAZY = BootSettings(nocb=True, lazy=True, icount=1)
SMALL = BootSettings(softirq=False, icount=1, memory_bytes=256 * MIB)
BOOTS = {"lazy": LAZY, "nocb": NOCB, "plain": PLAIN}
"""In this order: a boot takes longer than the trials in it, and the tests below go on in the last one's guest."""
NAMES = sorted(policies.catalogue())
EARLY = {"direct_exit": ROUNDS * (EXIT_OBJECTS + 40), "typesafe": OBJECTS}
"""By policy, the objects that it frees without a grace period: exits', or all."""


def measured(lab: Lab, boot: BootSettings, trial: LabTrial) -> LabResult:
    result = lab.run(trial, boot)
    assert result.emulated
    return result


Known = dict[tuple[BootSettings, str], LabResult]
"""What was measured with default parameters, by boot and policy: some tests look at the same trials."""


@pytest.fixture(scope="module")
def known() -> Known:
    return {}


def defaults(lab: Lab, known: Known, boot: BootSettings, name: str) -> LabResult:
    if (boot, name) not in known:
        trial = LabTrial(exits_and_munmaps(), name, {}, OBJECT_BYTES, seed=3)
        known[boot, name] = measured(lab, boot, trial)
    return known[boot, name]


def check_conservation(result: LabResult) -> None:
    m, d = result.answer.measurement, result.answer.details
    assert d["objects_born"] == d["objects_unlinked"] == OBJECTS
    assert d["objects_freed"] + d["objects_retained_at_end"] == OBJECTS
    assert d["objects_freed_in_drain"] == d["objects_retained_at_end"]
    assert d["objects_leaked"] == d["slab_objects_after"] == 0
    split = m.retained_split
    assert m.retained_bytes.mean == split.postponed + split.waiting + split.ready + split.policy_memory
    assert m.retained_bytes.mean <= m.retained_bytes.peak
    # Little's law: the ages come from the objects' own times, the mean from the log of their states.
    by_ages = d["dead_age_sum_ns"] * OBJECT_BYTES / d["duration_ns"]
    assert m.retained_bytes.mean - split.policy_memory == pytest.approx(by_ages, rel=1e-3, abs=4)
    assert m.dead_age_ns.p50 <= m.dead_age_ns.p99 <= m.dead_age_ns.max
    assert m.exit_latency_ns.p50 <= m.exit_latency_ns.p99 <= m.exit_latency_ns.max
    assert m.exit_latency_ns.p50 > 0
    assert m.munmap_latency_ns.p50 > 0
    assert m.pinned_slab_bytes.peak > 0
    assert m.violations == 0


@pytest.fixture(scope="module", params=BOOTS)
def boot(request: pytest.FixtureRequest) -> BootSettings:
    """Of module scope, so that the tests of one boot run one after the other, in one guest."""
    return BOOTS[request.param]


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_frees_each_object_once_and_under_no_readers_eyes(
    lab: Lab, known: Known, boot: BootSettings, name: str
) -> None:
    result = defaults(lab, known, boot, name)
    check_conservation(result)
    details = result.answer.details
    assert details["sections_with_object"] > 0
    # SLUB posts the slabs of a type-stable cache, and they are the only callbacks of that policy. Lazy ones
    # are invoked after the workload.
    assert (details["slab_callbacks"] > 0) == (name == "typesafe" and not boot.lazy)
    if name == "typesafe":
        assert result.answer.measurement.callbacks == details["slab_callbacks"]
    assert result.answer.unmeasured == ()


def test_the_module_unloads_and_leaves_nothing_behind(lab: Lab, boot: BootSettings) -> None:
    guest = lab.guest(boot)
    lab.run(LabTrial(exits_and_munmaps(), "per_object", {}, OBJECT_BYTES), boot)
    assert guest.unload() == 0
    assert guest.load() == 0
    assert troubles(guest.console()) == []
    lab.run(LabTrial(exits_and_munmaps(), "per_object", {}, OBJECT_BYTES), boot)


@pytest.mark.parametrize(
    "name", ["adaptive", "direct_exit", "paged_batch", "per_object", "sheaf", "typesafe"]
)
def test_only_those_policies_free_early_that_say_so(lab: Lab, name: str) -> None:
    """The oracle of stress runs: a grace period that began after an object's unlinking has ended at its free."""
    trial = LabTrial(exits_and_munmaps(), name, {}, OBJECT_BYTES, stress=True)
    result = measured(lab, PLAIN, trial)
    check_conservation(result)
    assert result.answer.details["objects_freed_early"] == EARLY.get(name, 0)


def test_direct_exit_frees_under_the_eyes_of_readers_without_a_reference(lab: Lab) -> None:
    violations = {
        name: lab.run(LabTrial(exit_after_exit(), name, {}, OBJECT_BYTES, stress=True), PLAIN)
        for name in ("direct_exit", "per_object", "typesafe")
    }
    counts = {name: result.answer.measurement.violations for name, result in violations.items()}
    assert counts["direct_exit"] > 0
    assert counts["per_object"] == counts["typesafe"] == 0
    assert violations["typesafe"].answer.details["revalidations"] > 0


def test_batches_make_fewer_callbacks_and_lazy_ones_wait_for_longer(lab: Lab, known: Known) -> None:
    single = defaults(lab, known, NOCB, "per_object").answer.measurement
    group = defaults(lab, known, NOCB, "whole_list").answer.measurement
    lazy = defaults(lab, known, LAZY, "per_object").answer.measurement
    assert group.callbacks < single.callbacks / 4
    assert group.exit_latency_ns.p50 < single.exit_latency_ns.p50
    assert lazy.callbacks == 0  # 10 s are longer than the workload
    assert lazy.retained_bytes.mean > 4 * single.retained_bytes.mean


def test_memory_pressure_calls_the_policys_shrinker(lab: Lab) -> None:
    params = {"high_watermark": 65536, "seeks": 0, "batch": 1}
    trial = LabTrial(under_pressure(), "dead_list_shrinker", params, OBJECT_BYTES)
    details = measured(lab, PLAIN, trial).answer.details
    assert details["shrinker_calls"] > 0
    assert 0 < details["shrinker_scanned"] <= 3000
    calm = LabTrial(exits_and_munmaps(), "dead_list_shrinker", params, OBJECT_BYTES)
    assert measured(lab, PLAIN, calm).answer.details["shrinker_calls"] == 0


def test_between_trials_a_guest_takes_no_cpu_time(lab: Lab) -> None:
    """Time that goes by instructions would take all of a CPU to pass."""
    pid = lab.guest(PLAIN).pid
    until = time.monotonic() + 10
    while status(pid)[0] != "T" and time.monotonic() < until:
        time.sleep(0.01)
    at_first = status(pid)
    assert at_first[0] == "T"
    time.sleep(0.2)
    assert status(pid) == at_first


def status(pid: int) -> tuple[str, int]:
    """The state of a process, and its user and system time in clock ticks: proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[11]) + int(fields[12])


def test_unloading_in_the_middle_of_a_trial_is_refused_and_survived(lab: Lab) -> None:
    guest = lab.guest(PLAIN)
    guest.begin(encode(LabTrial(exit_after_exit(2000), "fixed_batch", {}, OBJECT_BYTES)))
    time.sleep(0.5)
    assert guest.unload() == errno.EAGAIN
    guest.abort()
    assert guest.unload() == 0
    assert guest.load() == 0
    assert troubles(guest.console()) == []
    check_conservation(lab.run(LabTrial(exits_and_munmaps(), "adaptive", {}, OBJECT_BYTES), PLAIN))


def test_a_trial_that_cannot_run_says_why_and_the_rest_go_on(lab: Lab) -> None:
    fine = BootedTrial(LabTrial(exits_and_munmaps(), "whole_list", {}, OBJECT_BYTES), PLAIN)
    too_small = BootedTrial(LabTrial(exits_and_munmaps(), "whole_list", {}, 16), PLAIN)
    outcomes = [outcome for _, outcome in lab.run_all([too_small, fine])]
    assert isinstance(outcomes[0], EvaluationError)
    assert "object_bytes" in str(outcomes[0])
    assert isinstance(outcomes[1], LabResult)


def test_a_guest_without_memory_ends_its_trial_only(lab: Lab) -> None:
    big = LabTrial(exit_after_exit(1, 100_000), "whole_list", {}, 4096)
    trials = [
        BootedTrial(big, SMALL),
        BootedTrial(LabTrial(exits_and_munmaps(), "whole_list", {}, 192), SMALL),
    ]
    failed, passed = (outcome for _, outcome in lab.run_all(trials))
    assert isinstance(failed, EvaluationError)
    assert failed.cause is Cause.OUT_OF_MEMORY
    assert "Out of memory" in str(failed)
    assert isinstance(passed, LabResult)


def test_callbacks_in_kthreads_and_charged_objects(lab: Lab) -> None:
    """rcutree.use_softirq=0, and SLAB_ACCOUNT in the same boot."""
    for name in ("per_object", "whole_list", "typesafe"):
        trial = LabTrial(exits_and_munmaps(), name, {}, OBJECT_BYTES, memcg=True)
        check_conservation(measured(lab, SMALL, trial))
    details = measured(
        lab, SMALL, LabTrial(exits_and_munmaps(), "per_object", {}, OBJECT_BYTES)
    ).answer.details
    assert details["cpu_softirq_ns"] == 0
    assert details["cpu_rcu_kthreads_ns"] > 0


def test_a_guest_that_dies_ends_its_trial_with_the_consoles_last_lines(lab: Lab) -> None:
    guest = lab.guest(SMALL)
    os.kill(guest.pid, signal.SIGKILL)
    with pytest.raises(EvaluationError, match="rcu_sweep: loading") as caught:
        lab.run(LabTrial(exits_and_munmaps(), "whole_list", {}, OBJECT_BYTES), SMALL)
    assert caught.value.cause is Cause.WORKER_CRASHED
    assert not Path(f"/proc/{guest.pid}").exists()
    check_conservation(lab.run(LabTrial(exits_and_munmaps(), "whole_list", {}, OBJECT_BYTES), SMALL))


def test_what_a_kernel_complains_about_is_noticed() -> None:
    said = "[ 1.0] all is well\n[ 2.0] BUG rcu_sweep_1 (Tainted: G): Objects remaining in rcu_sweep_1\n"
    assert len(troubles(said)) == 1

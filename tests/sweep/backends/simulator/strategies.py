"""What hypothesis draws for the simulator's properties: policies with parameters, machines, workloads."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hypothesis import strategies as st

import policies
from tests.sweep.backends.simulator.scenes import (
    MS,
    SECOND,
    Profile,
    Row,
    birth,
    exit_mm,
    faults,
    ideal,
    kernel,
    munmap,
    replay,
)
from workloads import PressureCourse, ReaderModel, Replay

MACHINES: Mapping[str, Profile] = {
    "constant": ideal(nr_cpus=4),
    "softirq-250": kernel(250, 2),
    "softirq-1000": kernel(1000, 4),
    "softirq-cooperative": kernel(250, 4).with_(preemptible_kernel=0),
    "nocb-250": kernel(250, 4, nocb=True),
    "nocb-1000-housekeeping": kernel(1000, 4, nocb=True).with_(nocb_housekeeping_cpus=1),
    "lazy-250": kernel(250, 4, nocb=True, lazy=True),
    "lazy-100": kernel(100, 2, nocb=True, lazy=True),
    "small-limits": kernel(1000, 4).with_(qhimark=20, qlowmark=2, qovld=40, blimit=3),
    "nocb-small-limits": kernel(1000, 4, nocb=True, lazy=True).with_(
        qhimark=20, qlowmark=2, qovld=40, nocb_nobypass_lim_per_jiffy=4, lazy_flush_jiffies=30
    ),
}


def _value(param: policies.Param) -> st.SearchStrategy[int | bool | str]:
    if param.type == "bool":
        return st.booleans()
    if param.type == "choice":
        return st.sampled_from(param.choices)
    if param.log_scale:
        low, high = math.log(param.min), math.log(param.max)
        return st.floats(low, high).map(lambda x: min(max(round(math.exp(x)), param.min), param.max))
    return st.integers(param.min, param.max)


@st.composite
def configurations(draw: st.DrawFn, policy: str) -> dict[str, int | bool | str]:
    """Any subset of a policy's parameters, the rest at their defaults."""
    params = policies.catalogue()[policy].params
    chosen = draw(st.sets(st.sampled_from(params))) if params else set()
    return {param.name: draw(_value(param)) for param in params if param in chosen}


readers = st.builds(
    ReaderModel,
    kind=st.sampled_from(["mm_ref", "rcu_only"]),
    readers_per_1000_faults=st.sampled_from([0, 100, 1000]),
    background_readers_per_cpu_per_s=st.sampled_from([0, 50, 2000]),
    section_quantiles=st.sampled_from(
        [((0, 100), (1_000_000, 2_000)), ((0, 500), (900_000, 20_000), (1_000_000, MS))]
    ),
    preempted_ppm=st.sampled_from([0, 1_000, 200_000]),
    preempted_quantiles=st.just(((0, MS), (1_000_000, 60 * MS))),
)

pressures = st.none() | st.builds(
    lambda levels: PressureCourse(tuple((i * 40 * MS, level) for i, level in enumerate(levels))),
    st.lists(st.integers(300, 3000), min_size=1, max_size=6),
)


@st.composite
def rows(draw: st.DrawFn, nr_cpus: int, *, end_ns: int = 200 * MS, kinds: str = "both") -> list[Row]:
    """Address spaces with calls on any CPU; most exit, some with calls still under way elsewhere. Objects
    are born at once, or in two lots; page faults come now and then."""
    cpus = st.integers(0, nr_cpus - 1)
    times = st.integers(0, end_ns)
    sizes = st.integers(0, 3) | st.integers(0, 60) | st.integers(0, 600)
    drawn: list[Row] = []
    for mm in range(draw(st.integers(0, 6))):
        call_times = sorted(draw(st.lists(times, max_size=5))) if kinds == "both" else []
        mine = [munmap(t_ns, draw(cpus), mm, draw(sizes)) for t_ns in call_times]
        if kinds == "exits" or draw(st.integers(0, 3)):
            t_ns = max([0, *call_times]) + draw(st.integers(0, 50 * MS))
            mine.append(exit_mm(t_ns, draw(cpus), mm, draw(sizes)))
        total = sum(row.n for row in mine)
        if total > 1 and draw(st.booleans()):
            mine = [birth(0, draw(cpus), mm, total // 2), birth(0, draw(cpus), mm, total - total // 2), *mine]
        drawn += mine
    drawn += [
        faults(t_ns, draw(cpus), draw(st.integers(1, 500))) for t_ns in draw(st.lists(times, max_size=5))
    ]
    return drawn


@st.composite
def workloads(
    draw: st.DrawFn, nr_cpus: int, *, kinds: str = "both", model: ReaderModel | None = None
) -> Replay:
    """A replay of at most a few thousand objects; half of them with idle time at the end."""
    idle_ns = draw(st.sampled_from([0, 30 * MS, 2 * SECOND]))
    drawn = draw(rows(nr_cpus, kinds=kinds))
    return replay(
        drawn,
        duration_ns=max((row.t_ns for row in drawn), default=MS) + idle_ns + 1,
        readers=draw(readers) if model is None else model,
        pressure=draw(pressures),
    )

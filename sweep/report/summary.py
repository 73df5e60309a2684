"""The recommendation in three sentences: what to set, what it gains and against what, what it costs and rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sweep.levels import Backend
from sweep.report import words
from sweep.report.facts import Compared, Facts, Place, revalidation
from sweep.standing import SIMULATED
from sweep.trial import Configuration

_SAME = 0.0005
"""A change below this share is none."""
_WORTH_SAYING = 1.10
"""Of a metric that is no objective, from which ratio to the baseline on it is called a price."""


def sentences(facts: Facts) -> tuple[str, str, str]:
    """Three, whatever happened."""
    if facts.standing.baseline is None:
        return (
            "Nothing can be recommended yet: the baseline, to which everything is compared, was not measured.",
            f"{_trials(facts)}.",
            f"Go on with `python -m sweep resume {facts.study.name}`; figures will be {_will_be(facts)}.",
        )
    if facts.standing.recommended is None:
        return _nothing(facts)
    return _what(facts), _gain(facts), _price(facts)


def configuration(value: Configuration) -> str:
    """`direct_exit` with bulk_size=49."""
    params = str(value).removeprefix(value.policy).strip()
    return f"`{value.policy}`" + (f" with {params}" if params else " (it has no parameters)")


def change(ratio: float | None, name: str) -> str:
    """A ratio in words: `27 % less NAME`, `as much NAME`, `3.4 times the NAME`; no more digits than are worth
    reading."""
    if ratio is None:
        return f"{name} where the other has none"
    if ratio == 0:
        return f"no {name} at all"
    if abs(ratio - 1) < _SAME:
        return f"as much {name}"
    if ratio >= 2:
        return f"{ratio:,.0f} times the {name}" if ratio >= 10 else f"{ratio:.1f} times the {name}"
    percent = 100 * abs(ratio - 1)
    text = f"{percent:.1f}" if percent < 9.95 or (ratio < 1 and percent > 99) else f"{percent:.0f}"
    if text == "100.0":
        text = "almost 100"
    return f"{text} % {'less' if ratio < 1 else 'more'} {name}"


def listed(items: Iterable[str]) -> str:
    """`a, b and c`."""
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def _what(facts: Facts) -> str:
    best = facts.standing.recommended
    assert best is not None
    machines = listed(profile.machine.name for profile in facts.profiles)
    workloads = [use.label for use in facts.study.workloads]
    on = listed(workloads) if len(workloads) <= 3 else f"{len(workloads)} workloads"
    base = " (the baseline itself)" if best.trial.origin == "baseline" else ""
    return f"Use {configuration(best.trial.configuration)}{base} for {on} on {machines}."


def _gain(facts: Facts) -> str:
    objectives = facts.overall[: len(facts.standing.objectives)]
    said = listed(change(c.times_baseline, words.metric_name(c.metric)) for c in objectives)
    over = words.over_ratios(facts.standing)
    text = f"Against the baseline, one `call_rcu()` per object, that is {said} ({over})"
    best = facts.standing.recommended
    assert best is not None
    if facts.standing.combine == "regret":
        behind = listed(
            f"{value:.3f} ({words.metric_name(name)})"
            for value, name in zip(best.values, facts.standing.objectives, strict=True)
        )
        text += f", never more than {behind} baselines behind a scenario's best"
    for place, kernel in enumerate(facts.kernels):
        if kernel.point.trial.configuration == best.trial.configuration:
            text += f"; {kernel.name} does the same"
            continue
        unsafe = "" if kernel.point.feasible else ", which breaks a constraint here"
        against = listed(_against(c, place) for c in objectives)
        text += f"; against {kernel.name} (`{kernel.point.trial.configuration}`{unsafe}) it is {against}"
    return text + "."


def _against(compared: Compared, place: int) -> str:
    ratio, name = compared.times_kernels[place], words.metric_name(compared.metric)
    kernel = compared.kernels[place]
    if not kernel and not compared.times_baseline:
        return f"no {name} either"
    if ratio is None or (kernel is not None and kernel < _SAME and ratio > 2):
        # Of next to nothing, no multiple says anything: both in baselines.
        mine = words.ratio(compared.times_baseline or 0.0)
        return f"{mine} the baseline's {name} instead of {words.ratio(kernel or 0.0)}"
    return change(ratio, name)


def _price(facts: Facts) -> str:
    objectives = facts.standing.objectives
    dear = [c for c in facts.overall if c.metric in objectives and (c.times_baseline or 0) > 1 + _SAME]
    others = [
        c for c in facts.overall if c.metric not in objectives and (c.times_baseline or 0) > _WORTH_SAYING
    ]
    dear += sorted(others, key=lambda c: -(c.times_baseline or 0))[:1]
    price = listed(
        f"{words.ratio(c.times_baseline or 0)} the baseline's {words.metric_name(c.metric)}" for c in dear
    )
    text = (
        f"The price is {price}"
        if dear
        else "No metric shown here is more than 10 % worse than the baseline's"
    )
    return f"{text}{_worst_place(facts.places, objectives)}; {rests_on(facts)}."


def _worst_place(places: Sequence[Place], objectives: Sequence[str]) -> str:
    """Where an objective comes out worst, if it is worse than the baseline there and there are several."""
    if len(places) < 2:
        return ""
    ratio, place, metric = max(
        (ratio, place.scenario.name, name)
        for place in places
        for name, ratio in zip(objectives, place.ratios, strict=True)
    )
    if ratio <= 1 + _SAME:
        return ""
    return f" (in one scenario up to {words.ratio(ratio)} its {words.metric_name(metric)}: {place})"


def rests_on(facts: Facts) -> str:
    """What kind of figures they are, and on what they rest."""
    readers = listed(sorted({f"`{s.replay.readers.kind}`" for s in facts.scenarios}))
    text = f"{_figures(facts)}, and readers are {_readers(facts)}{readers}"
    best = facts.standing.recommended
    if best and (caveat := revalidation(best.trial.configuration)):
        text += f" ({caveat})"
    return text


def _will_be(facts: Facts) -> str:
    ways: dict[Backend, str] = {
        "simulator": "simulated",
        "native": "measured on this machine",
        "kernel": "measured in a kernel, in a guest",
    }
    return ways[facts.study.backend]


def _readers(facts: Facts) -> str:
    return "taken to be " if facts.standing.level == SIMULATED else ""


_EMULATED: Final = "; it is emulated, so times are no real CPU's and serve for ordering only"


def where(facts: Facts) -> str:
    """Where noisy figures were measured: `in user space on MACHINE`, `in a kernel, GUEST`."""
    place = "in a kernel," if facts.standing.level == "kernel" else "in user space on"
    return f"{place} {facts.evidence.measured_on}"


def _figures(facts: Facts) -> str:
    if facts.standing.level != SIMULATED:
        spent = facts.standing.spent
        return (
            f"all figures were measured {where(facts)} (fingerprint `{facts.standing.machine}`, {spent.blocks:,} blocks) "
            f"and are means with 95 % intervals{_EMULATED if facts.standing.emulated else ''}"
        )
    costs = [f"{p.guessed_costs} of {p.unit_costs} unit costs of {p.machine.name}" for p in facts.profiles]
    guessed = listed(costs) if len(costs) <= 2 else _most_guessed(facts)
    return f"all figures are simulated, {guessed} are guesses"


def _most_guessed(facts: Facts) -> str:
    fewest, most = (f(p.guessed_costs for p in facts.profiles) for f in (min, max))
    span = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return f"{span} of {facts.profiles[0].unit_costs} unit costs of each machine"


def _nothing(facts: Facts) -> tuple[str, str, str]:
    number = facts.standing.measured
    reasons = sorted({(r.constraint, r.configurations) for r in facts.rejected}, key=lambda r: (-r[1], r[0]))
    broken = listed(dict.fromkeys(f"`{constraint}`" for constraint, _ in reasons))
    return (
        f"Nothing is recommended: none of the {number} measured configurations that the study may choose keeps "
        "all constraints.",
        f"What they break is {broken}." if broken else f"{_trials(facts)}.",
        f"Loosen a constraint, widen the policies or their ranges, or go on with a larger budget; "
        f"{rests_on(facts)}.",
    )


def _trials(facts: Facts) -> str:
    standing, study = facts.standing, facts.study
    of = "" if study.nr_trials is None else f" of {study.nr_trials}"
    return f"{standing.measured}{of} trials were measured and {len(standing.failed)} failed by themselves"

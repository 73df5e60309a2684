"""What the small commands show: list, status, front, schema, gc. Tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from sweep import defaults

if TYPE_CHECKING:
    from sweep.standing import Point, Standing


def print_json(document: object) -> None:
    """One document on standard output, nothing else there."""
    print(json.dumps(document, indent=2))


def show_list(store: Path, form: str) -> int:
    """Every study in the store, with how it stands. Reads small files only."""
    found = [status(path.parent) for path in sorted(store.glob("*/study.yaml"))]
    if form == "json":
        print_json(found)
        return 0
    table = Table(title=f"studies in {store}", title_justify="left")
    for column in ("study", "state", "trials", "hypervolume", "last change"):
        table.add_column(column, justify="right" if column in ("trials", "hypervolume") else "left")
    for each in found:
        table.add_row(
            each["study"],
            each["state"],
            f"{each['trials']:,} / {each['budget']:,}" if each["budget"] else f"{each['trials']:,}",
            f"{each['hypervolume']:.4f}",
            _ago(each["updated_s"]),
        )
    Console().print(table if found else f"no studies in {store} yet; begin with: python -m sweep launch")
    return 0


def status(directory: Path) -> dict[str, Any]:
    """How a kept study stands, as its last run wrote it down. state: running, complete, interrupted, or
    broken off (its run ended without saying so)."""
    document: dict[str, Any] = {
        "study": directory.name,
        "state": "broken off",
        "trials": 0,
        "budget": 0,
        "hypervolume": 0.0,
        "updated_s": 0.0,
        "owner": "",
    }
    try:
        read = json.loads((directory / "status.json").read_bytes())
        document |= {key: read[key] for key, old in document.items() if _is_like(read.get(key), old)}
    except (OSError, ValueError, AttributeError):
        pass  # it was broken off before its first status
    if document["state"] == "running" and not _is_locked(directory / "lock"):
        document["state"] = "broken off"
    return document


def _is_like(value: object, old: object) -> bool:
    return isinstance(value, str if isinstance(old, str) else int | float)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _ago(at_s: float) -> str:
    if not at_s:
        return "-"
    seconds = max(time.time() - at_s, 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def show_status(store: Path, name: str, form: str) -> int:
    """One study's standing: state, counts by policy and by cause of failure, recommendation."""
    from sweep import kept
    from sweep.climbing import climb
    from sweep.report import tables

    found = kept.find(store, name)
    attempts = found.attempts()
    now = found.standing(attempts)
    causes: dict[str, int] = {}
    for each in attempts:
        if each.failure is not None:
            causes[each.failure.cause.value] = causes.get(each.failure.cause.value, 0) + 1
    document = status(found.directory) | {
        "attempts": len(attempts),
        "failed_attempts": causes,
        "measured": now.measured,
        "feasible": now.feasible,
        "front": len(now.front),
        "hypervolume": now.hypervolume,
        "scenarios": list(found.keys),
        "figures": now.level,
    }
    if found.host:
        document |= {
            "measured_on": f"{found.host.summary()} (fingerprint {found.host.key()})",
            "emulated": now.emulated,
            f"{found.study.backend}_time_s": round(now.spent.time_s, 1),
            f"{found.study.backend}_blocks": now.spent.blocks,
            "repeats": now.repeats,
        }
    if climbed := climb(found, attempts):
        document |= {
            "simulated_in": climbed.study,
            "promoted": climbed.promoted,
            "promotion_stopped": climbed.stopped,
        }
    if form == "json":
        print_json(document)
        return 0
    console = Console()
    table = Table(show_header=False, title=f"study {name}", title_justify="left")
    for key, value in document.items():
        shown = ", ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        shown = ", ".join(value) if isinstance(value, list) else shown
        shown = _ago(value) if key == "updated_s" else shown
        table.add_row(key.removesuffix("_s"), f"{shown:,}" if isinstance(shown, int) else str(shown or "-"))
    console.print(table)
    console.print(tables.advice(now), style="bold", markup=False, highlight=False)
    if document["state"] in ("broken off", "interrupted"):
        console.print(
            f"Go on:  python -m sweep resume {name}{defaults.store_option(store)}",
            markup=False,
            soft_wrap=True,
        )
    return 0


def show_front(store: Path, name: str, form: str) -> int:
    """The front of a kept study as it stands."""
    from sweep import kept
    from sweep.report import tables

    found = kept.find(store, name)
    now = found.standing()
    if form == "json":
        best = now.recommended
        print_json(
            {
                "study": name,
                "figures": now.level,
                "emulated": now.emulated,
                "machine": now.machine,
                "measured_on": found.host.summary() if found.host else "",
                "objectives": list(now.objectives),
                "combine": now.combine,
                "hypervolume": now.hypervolume,
                "recommended": best.trial.number if best else None,
                "points": [
                    {
                        "trial": p.trial.number,
                        "label": tables.label(p, now),
                        "policy": p.trial.configuration.policy,
                        "params": p.trial.configuration.mapping(),
                        "values": list(p.values),
                        "ratios": list(p.ratios),
                        "feasible": p.feasible,
                        "scenarios": {scenario: m.nested() for scenario, m in p.measurements},
                        **_noise(p, now),
                    }
                    for p in tables.rows(now)
                ],
            }
        )
        return 0
    console = Console()
    console.print(tables.front_table(now))
    console.print(tables.advice(now), style="bold", markup=False, highlight=False)
    return 0


def _noise(point: Point, now: Standing) -> dict[str, Any]:
    """Of a noisy point: how surely it is known."""
    if (known := now.certainty.get(point.trial.number)) is None:
        return {}
    return {
        "intervals": [[each.low, each.high] for each in known.values],
        "on_front": known.on_front,
        "runs": known.runs,
        "evidence": {scenario: dataclasses.asdict(each) for scenario, each in point.evidence},
    }


def collect_garbage(store: Path, name: str, form: str) -> int:
    """Compact a kept study; say what that freed."""
    from sweep import kept
    from sweep.store import garbage

    found = garbage.collect_garbage(kept.find(store, name).directory)
    if form == "json":
        print_json({"study": name, **dataclasses.asdict(found)})
        return 0
    print(
        f"{name}: {found.attempts:,} attempts, {found.segments_before} segments before, {found.segments_after} now; "
        f"{found.freed_bytes:,} bytes freed"
    )
    return 0


def show_schema(what: str) -> int:
    """The JSON schema of study files, or of machine profiles."""
    from sweep import machine, study_file

    print_json(machine.schema() if what == "machine" else study_file.schema())
    return 0

"""What the store keeps of a study beside its attempts: the study itself, its scenarios, what it took from others,
and how it stands.

| file | what |
|---|---|
| `study.yaml` | the study, resolved |
| `scenarios.json` | names and keys of its scenarios, what a measured one is measured on, and an identity of \
this study for trackers |
| `known.parquet` | what `--from` took of earlier studies |
| `status.json` | how it stands, for `list` and `status`; written now and then |
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweep import study_file
from sweep.backends import hosts
from sweep.backends.evaluator import Scenario
from sweep.backends.hosts import Host
from sweep.course import Known
from sweep.fields import unknown
from sweep.judge import Judge, judge
from sweep.scenarios import scenarios
from sweep.standing import SIMULATED, Standing, figures
from sweep.store import read, record
from sweep.study import Study
from sweep.study_file import StudyError
from sweep.trial import Attempt, Trial


@dataclass(frozen=True, slots=True)
class Kept:
    """A study in a store. keys: of its scenarios, by name, in order. host: that a measured one is measured on."""

    directory: Path
    study: Study
    keys: Mapping[str, str]
    identity: str
    host: Host | None = None

    def described(self) -> dict[str, Any]:
        """Every key of the study with its value, and what kind of figures it has."""
        return self.study.resolved() | {
            "figures": figures(self.study.backend, self.host.key()) if self.host else SIMULATED
        }

    def attempts(self) -> list[Attempt]:
        """Every attempt, oldest first. Raises StoreError."""
        return read.attempts(self.directory)[0]

    def standing(self, attempts: Sequence[Attempt] | None = None) -> Standing:
        """How it stands by what is settled of the attempts, which are read where they are not given. Raises
        StoreError."""
        study = self.study
        found = self.attempts() if attempts is None else attempts
        return judge(found, study.objectives, study.combine, study.bounds(), study.space())

    def is_complete(self, now: Standing) -> bool:
        """Whether its budget is used up."""
        trials = self.study.nr_trials
        return (trials is not None and now.told >= trials) or self.study.share(now.spent) >= 1

    def scenarios(self) -> tuple[Scenario, ...]:
        """Its scenarios, to be measured in again. Raises StudyError where one is no longer what it was."""
        made = scenarios(self.study, self.host)
        _check_scenarios(self, {s.name: s.key for s in made})
        return made

    def known(self) -> list[Known]:
        """What it took of earlier studies."""
        path = self.directory / "known.parquet"
        if not path.exists():
            return []
        try:
            attempts = record.from_table(pq.read_table(path))
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            raise StudyError(f"{path}: cannot be read ({error}); restore it from a copy") from error
        return [Known(a.worker, a.trial.configuration, a.measurements, a.evidence) for a in attempts]


def find(store: Path, name: str) -> Kept:
    """The kept study of that name. Raises StudyError with the nearest names."""
    directory = store / name
    if not (directory / "study.yaml").is_file():
        kept = [path.parent.name for path in store.glob("*/study.yaml")]
        what = f"{store}: " + (unknown("study", name, kept) if kept else "there is no study here")
        raise StudyError(f"{what} (--store says where)")
    try:
        study = study_file.load(directory / "study.yaml")
    except StudyError as error:
        raise StudyError(
            f"{error}\nThis is the store's copy of the study; put the study there again to go on. What was measured "
            "is kept apart from it"
        ) from error
    path = directory / "scenarios.json"
    try:
        document = json.loads(path.read_bytes())
        keys = {str(s["name"]): str(s["key"]) for s in document["scenarios"]}
        host = hosts.of(document["host"]) if "host" in document else None
        return Kept(directory, study, keys, str(document["identity"]), host)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: cannot be read ({error}); restore it from a copy") from error


def keep(
    directory: Path,
    study: Study,
    measured_in: Iterable[Scenario],
    sources: Sequence[Kept] = (),
    host: Host | None = None,
) -> Kept:
    """Begin to keep a study, or go on with one whose budget may be another. host: that a native one is
    measured on.

    Raises StudyError if another study has this directory, if its scenarios are no longer what they were, or if
    it was begun on an unlike machine.
    """
    keys = {s.name: s.key for s in measured_in}
    if (directory / "study.yaml").exists():
        kept = find(directory.parent, directory.name)
        _check_same(kept, study, keys, host)
        identity = kept.identity
    else:
        identity = uuid.uuid4().hex
        known = _take(sources, keys, study)
        if known:
            with _writing(directory / "known.parquet") as path:
                pq.write_table(record.table(known), path)
        document: dict[str, Any] = {
            "identity": identity,
            "scenarios": [{"name": name, "key": key} for name, key in keys.items()],
        }
        if host is not None:
            document["host"] = host.document()
        with _writing(directory / "scenarios.json") as path:
            path.write_text(json.dumps(document, indent=1))
    # Last: a directory with this file is a study.
    with _writing(directory / "study.yaml") as path:
        temporary = path.with_suffix(".yaml.tmp")
        temporary.write_text(study_file.dump(study))
        temporary.rename(path)
    return Kept(directory, study, keys, identity, host)


@dataclass(frozen=True, slots=True)
class Moment:
    """How a study stood after that many settled trials; at_s: Unix time at which the last of them ended."""

    trials: int
    at_s: float
    standing: Standing


def course_of(study: Study, attempts: Sequence[Attempt]) -> list[Moment]:
    """How a study came to where it stands: after each batch, without the points."""
    settled = sorted((a for a in attempts if a.settles), key=lambda a: a.trial.number)
    if not settled or settled[0].trial.origin != "baseline" or settled[0].failure is not None:
        return []
    made = Judge(study.objectives, study.combine, study.bounds(), study.space())
    moments = []
    at_s = 0.0
    for _, batch in groupby(settled, key=lambda a: a.trial.number // study.batch_size):
        attempts = list(batch)
        at_s = max(at_s, *(a.started_s + a.elapsed_s for a in attempts))
        made.add(attempts)
        moments.append(Moment(made.told, at_s, made.standing(points=False)))
    return moments


def _check_same(kept: Kept, study: Study, keys: Mapping[str, str], host: Host | None) -> None:
    where = kept.directory / "study.yaml"
    if study.model_copy(update={"budget": kept.study.budget}) != kept.study:
        changed = [
            name for name in type(study).model_fields if getattr(study, name) != getattr(kept.study, name)
        ]
        raise StudyError(
            f"{where}: another study of this name is kept there, with another {', '.join(changed)}; go on with that one "
            f"by `python -m sweep resume {study.name}`, or give this one another name (--set name=...) or "
            "place (--store)"
        )
    if host is not None and kept.host is not None and host.key() != kept.host.key():
        here = dict(host.lines())
        others = [
            f"{name} was {then}, is {here[name]}" for name, then in kept.host.lines() if here[name] != then
        ]
        raise StudyError(
            f"{kept.directory / 'scenarios.json'}: this study is measured on another machine, or this one has changed: "
            f"{'; '.join(others)}; figures of unlike machines are never merged: go on there, or launch it under another "
            "name (--set name=...)"
        )
    _check_scenarios(kept, keys)


def _check_scenarios(kept: Kept, keys: Mapping[str, str]) -> None:
    """Raises StudyError where a scenario is no longer what it was when the study began."""
    changed = [name for name, key in keys.items() if kept.keys.get(name) != key]
    if changed:
        raise StudyError(
            f"{kept.directory / 'scenarios.json'}: {', '.join(changed)}: the workload, the machine profile or the "
            "simulator changed since this study began, so new figures would not be comparable; launch it under "
            f"another name (--set name=...); --from {kept.study.name} takes what is still the same"
        )


def _take(sources: Sequence[Kept], keys: Mapping[str, str], study: Study) -> list[Attempt]:
    """Measured configurations of earlier studies in scenarios that are the same here, under their names here.
    The source's name stands as the worker."""
    taken: dict[str, Attempt] = {}
    for source in sources:
        names = {name: here for here, key in keys.items() for name, k in source.keys.items() if k == key}
        if not names:
            by = "simulator" if study.backend == "simulator" else "machine that they were measured on"
            raise StudyError(
                f"--from {source.study.name}: it has no scenario of {study.name}: its workloads, machines, seed or {by} "
                "are others"
            )
        for a in source.attempts():
            measured = tuple((names[s], m) for s, m in a.measurements if s in names)
            evidence = tuple((names[s], e) for s, e in a.evidence if s in names)
            if a.settles and a.failure is None and measured:
                trial = Trial(len(taken), a.trial.configuration, "known")
                attempt = Attempt(trial, 0, measured, None, source.study.name, 0.0, 0.0, evidence)
                taken.setdefault(trial.configuration.key(), attempt)
    return list(taken.values())


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    try:
        yield path
    except OSError as error:
        raise StudyError(
            f"{path}: {error.strerror or error}; make room or make it writable, or choose another place with --store"
        ) from error


def write_status(directory: Path, status: Mapping[str, Any]) -> None:
    """Replace `status.json`, or leave it as it is where that cannot be: nothing depends on it."""
    temporary = directory / "status.json.tmp"
    with suppress(OSError):
        temporary.write_text(json.dumps(status))
        temporary.rename(directory / "status.json")

"""Taking a recommendation to a kernel: the directory that `python -m sweep export kernel` writes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from sweep import export_pages as pages
from sweep import kept as keeping
from sweep.backends.kernel.bundle import MODULE, CheckWorkload, module_files
from sweep.commands import print_json
from sweep.errors import InputError
from sweep.export_pages import Source
from sweep.report import recommendation
from sweep.standing import Point, Standing
from sweep.store import read
from sweep.trial import Attempt


def export_kernel(
    store: Path,
    study: str | None,
    config: Path | None,
    directory: Path | None,
    *,
    trial: int | None = None,
    force: bool,
    form: str,
) -> int:
    """Write the directory and say what is in it. trial: number of what to export in place of what the study
    recommends.

    Raises sweep.errors.USER_ERRORS: there is no such study or trial, the study recommends nothing, the trial may
    not be used, the directory holds something or cannot be written.
    """
    if (study is None) == (config is None):
        raise InputError("name either a study of the store or --config with a recommended.yaml")
    if study is None and trial is not None:
        raise InputError("--trial is a number of a study's trial; name the study, without --config")
    source = _of_study(store, study, trial) if study else Source(recommendation.read(config or Path()))
    out = directory or Path(f"{source.value.study}-kernel")
    names = _write(out, source, force=force)
    if form == "json":
        print_json({"study": source.value.study, "directory": str(out), "files": names})
        return 0
    print(f"{out}: {source.value.configuration}; its figures are {pages.level(source.value)}")
    print(f"  read README and BOOT; `make` builds {MODULE}; `sudo ./confirm.sh` tries it on a test machine")
    return 0


def _of_study(store: Path, name: str, trial: int | None) -> Source:
    kept = keeping.find(store, name)
    attempts = kept.attempts()
    host = kept.host.summary() if kept.host else ""
    standing = kept.standing(attempts)
    chosen = None if trial is None else _chosen(name, trial, standing, attempts)
    value = recommendation.recommendation(kept.study, kept.scenarios(), standing, host, chosen)
    if value is None:
        raise InputError(
            f"{name}: it recommends nothing, for nothing feasible was measured; go on with `python -m sweep resume "
            f"{name}`, or see `python -m sweep front {name}`"
        )
    with tempfile.TemporaryDirectory() as place:
        digest = read.write_trials(kept.directory, Path(place) / "trials.parquet")
    return Source(value, digest, len(attempts))


def _chosen(name: str, trial: int, standing: Standing, attempts: Sequence[Attempt]) -> Point:
    """The point of that number, or of the configuration that it measured again. Raises InputError."""
    of_it = [each for each in attempts if each.trial.number == trial]
    if not of_it:
        numbers = [each.trial.number for each in attempts]
        there = f"its trials are {min(numbers)} .. {max(numbers)}" if numbers else "it has no trial yet"
        raise InputError(f"--trial {trial}: {name} has no such trial; {there}")
    if (failure := of_it[-1].failure) is not None:
        raise InputError(
            f"--trial {trial}: it failed ({failure.cause}: {failure.text}), so there are no figures of it; name a "
            "measured trial"
        )
    configuration = of_it[-1].trial.configuration
    same = [p for p in standing.points if p.trial.configuration == configuration]
    point = next((p for p in same if p.trial.number == trial), next(iter(same), None))
    if point is None:
        raise InputError(
            f"--trial {trial}: {name} has no measured baseline to compare it with; resume the study"
        )
    if point.violations:
        raise InputError(
            f"--trial {trial}: {configuration} freed {point.violations:,} objects while a reader could still hold "
            f"them, so it is never exported; `python -m sweep front {name}` shows what is safe"
        )
    return point


def _write(out: Path, source: Source, *, force: bool) -> list[str]:
    made = [each.scenario() for each in source.value.scenarios]
    workload = CheckWorkload.of(made)
    files = module_files(source.value.configuration, workload) | pages.files(source)
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"-o {out}: is a file; expected a directory")
        if out.is_dir() and any(out.iterdir()) and not force:
            raise InputError(f"-o {out}: is not empty; name another directory, or overwrite with --force")
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
        (out / "confirm.sh").chmod(0o755)
        recommendation.write(source.value, out / "recommended.yaml")
    except OSError as error:
        raise InputError(
            f"-o {out}: cannot be written: {error.strerror or error}; name another directory"
        ) from error
    return sorted([*files, "recommended.yaml"])

"""Reading a study's directory, by anybody, while it is written or not.

`trials`: one row for each settled trial and scenario. Nothing in it depends on machine, time, worker, or
how many attempts it took, so one study and seed give one table, byte for byte.
`attempts`: one row for each attempt: where it ran, when, for how long, and why it failed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sweep.store import log, record, segments
from sweep.store.disk import Disk
from sweep.store.port import StoreError
from sweep.store.segments import Manifest
from sweep.trial import METRICS, Attempt, Cause

TRIAL_COLUMNS: Final = (
    *("trial", "origin", "policy", "params", "configuration", "scenario", "failure_cause", "failure_text"),
    *METRICS,
)
"""Of the trial table. `params` is a JSON object; units of the metrics are in `sweep.trial.METRICS`. Where
anything was measured with noise, the columns of `record.EVIDENCE` follow."""

T = TypeVar("T")


def consistent(load: Callable[[], Manifest], use: Callable[[Manifest], T]) -> T:
    """`use` of one state of the segments: again with the next one if a merge took files away meanwhile."""
    while True:
        manifest = load()
        try:
            return use(manifest)
        except StoreError:
            if load() == manifest:
                raise


def _read(directory: Path, use: Callable[[Manifest, list[Attempt]], T]) -> tuple[T, list[str]]:
    """`use` of the segments and of what only the log has; and what there is to say about them."""
    contents, notes = log.EMPTY, list[str]()

    def unsealed(manifest: Manifest) -> T:
        if contents.sealed > manifest.sealed:
            raise StoreError(out_of_step(directory, contents.sealed, manifest))
        sealed = {k for s in manifest.segments for k in segments.keys(directory, s)}
        return use(manifest, [a for a in contents.attempts if record.key(a) not in sealed])

    def load() -> Manifest:
        # The log first: what is sealed between the two reads is then seen twice, and not missed.
        nonlocal contents, notes
        contents = log.read(directory / log.NAME)
        found = segments.find(directory)
        notes = [found.remade] if found.remade else []
        return found.manifest

    try:
        result = consistent(load, unsealed)
    except OSError as error:
        raise StoreError(f"{directory}: {error.strerror or error}") from error
    if contents.damaged:
        notes.append(
            f"{directory / log.NAME}: {contents.damaged_bytes} bytes are no whole record: they are being written now, "
            "or are damaged"
        )
    return result, notes


def out_of_step(directory: Path, sealed: int, manifest: Manifest) -> str:
    """What is wrong where the log was begun after more attempts than the manifest has."""
    return (
        f"{directory / segments.MANIFEST}: tells of {manifest.sealed} sealed attempts, but {sealed} had been sealed when "
        f"{log.NAME} was begun; restore it and the segments from a copy, or delete it to have it made again from "
        "the segments"
    )


def attempts(directory: Path) -> tuple[list[Attempt], list[str]]:
    """All attempts, oldest first; and what there is to say, for people. Raises StoreError."""

    def use(manifest: Manifest, logged: list[Attempt]) -> list[Attempt]:
        return [*sealed_attempts(directory, manifest), *logged]

    return _read(directory, use)


def sealed_attempts(directory: Path, manifest: Manifest) -> list[Attempt]:
    """The attempts of these segments. Raises StoreError; OSError."""
    groups = (group for s in manifest.segments for group in segments.stream(directory, s))
    return [attempt for group in groups for attempt in record.from_table(group)]


def trials_table(directory: Path) -> pa.Table:
    """The trial table, by trial number and then in the study's order of scenarios. Raises StoreError.

    A trial is settled by its first attempt that was measured or failed by the configuration itself.
    """

    def use(manifest: Manifest, logged: list[Attempt]) -> pa.Table:
        sealed = (group for s in manifest.segments for group in segments.stream(directory, s))
        return pa.concat_tables([*sealed, record.table(logged)])

    rows, _ = _read(directory, use)
    causes = pa.array([None, Cause.CONFIGURATION.value], pa.string())
    settled = rows.filter(pc.is_in(rows["failure_cause"], value_set=causes))
    trial, attempt = (settled[name].to_numpy() for name in ("trial", "attempt"))
    order = np.lexsort((attempt, trial))  # stable: an attempt's rows stay in the order of its scenarios
    trial, attempt = trial[order], attempt[order]
    starts = np.flatnonzero(np.diff(trial, prepend=trial[:1] - 1))
    first = np.repeat(attempt[starts], np.diff(starts, append=len(trial)))
    noisy = settled["level"].null_count < settled.num_rows
    columns = [*TRIAL_COLUMNS, *(record.EVIDENCE if noisy else ())]
    return settled.take(order[attempt == first]).select(columns).combine_chunks()


def write_trials(directory: Path, path: Path) -> str:
    """The trial table as a Parquet file: the same bytes whatever the order of endings, the number of
    attempts, or how they were sealed (with one version of pyarrow). The digest of these bytes. Raises StoreError;
    OSError of `path`."""
    table = trials_table(directory)
    with Disk().new(path) as sink:
        pq.write_table(table, pa.PythonFile(sink), row_group_size=segments.ROW_GROUP_ROWS, compression="zstd")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


_VIEWS: Final = f"""
create view trials as
    select {", ".join(f'"{c}"' + ("::json as params" if c == "params" else "") for c in (*TRIAL_COLUMNS, *record.EVIDENCE))}
    from stored
    where failure_cause is null or failure_cause = '{Cause.CONFIGURATION.value}'
    qualify attempt = min(attempt) over (partition by trial);
create view attempts as
    select trial, attempt, origin, policy, params::json as params, configuration,
           count(scenario) as scenarios, failure_cause, failure_text, worker, started_s, elapsed_s
    from stored
    group by all;
"""


def query(directory: Path, sql: str) -> pa.Table:
    """What DuckDB answers; it knows the views `trials` and `attempts`. Columns of metrics have dots in
    their names, so they are quoted: `"exit_latency_ns.p99"`. Raises StoreError, for wrong SQL too."""

    import duckdb  # here, for the sake of commands that have no use for them
    import pyarrow.dataset as ds

    def use(manifest: Manifest, logged: list[Attempt]) -> pa.Table:
        files = [str(directory / segments.DIRECTORY / s.name) for s in manifest.segments]
        sources: list[ds.Dataset] = [ds.dataset(record.table(logged))]
        if files:
            sources.append(ds.dataset(files, schema=record.SCHEMA, format="parquet"))
        try:
            with duckdb.connect() as connection:
                connection.register("stored", ds.dataset(sources))
                connection.execute(_VIEWS)
                answer = connection.sql(sql)
                return answer.to_arrow_table() if answer else pa.table({})
        except duckdb.Error as error:
            raise StoreError(
                f"{error}\n(tables: trials, attempts; `describe trials` shows the columns)"
            ) from error

    return _read(directory, use)[0]

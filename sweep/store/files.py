"""A study's store as a directory.

`attempts.log`        the append log (`sweep.store.log`)
`attempts.log.cut-N`  what was cut off it on opening, if anything ever was
`segments/`           sealed attempts, never changed, and
`manifest.json`       which of them count (`sweep.store.segments`)
`archive.json`        where they are copied to, if anywhere (`sweep.store.archive`)
`lock`                held by the one writer (`sweep.store.lock`)

Sealing writes the segment, then the manifest, then a new log. A crash in between leaves attempts both in
a segment and in the log: those of the log that a segment has are passed over on opening.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pyarrow as pa

from sweep.store import archive as archives
from sweep.store import lock as locks
from sweep.store import log as logs
from sweep.store import read, record, segments
from sweep.store.archive import Archive
from sweep.store.disk import Disk
from sweep.store.lock import Lock
from sweep.store.log import Log
from sweep.store.port import Store, StoreError
from sweep.store.segments import Manifest, Segment
from sweep.trial import Attempt

SEAL_EVERY: Final = 500


class FileStore(Store):
    """The store of one study in `directory`, which is made if it is missing.

    What it holds in memory are the keys of all attempts, and the attempts that are not sealed yet. Merging
    segments and copying them to the archive happen in a thread of its own, which `close` waits for.
    """

    def __init__(
        self,
        directory: Path,
        archive: str | None = None,
        *,
        seal_every: int = SEAL_EVERY,
        read_only: bool = False,
        disk: Disk | None = None,
    ) -> None:
        """`archive`: a URI that sealed attempts are copied to as well; remembered in the directory.
        `read_only`: what is there now, without the lock and without mending anything.

        Raises StoreError if another process is writing, if a file is damaged that cannot be mended, or of
        a newer version, or if the place does not allow it.
        """
        self.directory = directory
        self._disk = disk or Disk()
        self._seal_every = self._seal_at = seal_every
        self._notes: list[str] = []
        self._manifest = Manifest()
        self._changing = threading.Lock()  # the manifest, in memory and on disk
        self._logged: list[Attempt] = []
        self._known: set[record.Key] = set()
        self._ready = False  # opened for writing, and not closed yet
        self._lock: Lock | None = None
        self._log: Log | None = None
        self._archive: Archive | None = None
        self._away = False  # whether the archive was, when last tried
        self._artifacts: list[Path] = []  # to be copied to the archive
        self._background = ThreadPoolExecutor(1, "store")
        self._job: Future[None] | None = None
        try:
            if read_only:
                self._logged, self._notes = read.attempts(directory)
            else:
                self._open(archive)
        except OSError as error:
            self.close()
            raise StoreError(
                f"{error.filename or directory}: {error.strerror or error}; make room or make it writable, or choose "
                "another place with --store"
            ) from error
        except BaseException:
            self.close()
            raise

    def _open(self, archive: str | None) -> None:
        (self.directory / segments.DIRECTORY).mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self.directory / locks.NAME)
        if self._lock.left_by:
            self._notes.append(
                f"{self.directory}: taken over from {self._lock.left_by}, which ended without closing the store"
            )
        self._archive, said = archives.attach(self.directory, self._disk, archive)
        self._notes += said
        contents = logs.read(self._log_path)
        self._manifest = self._recovered_manifest()
        if contents.sealed > self._manifest.sealed:
            raise StoreError(read.out_of_step(self.directory, contents.sealed, self._manifest))
        self._known = {key for segment in self._manifest.segments for key in self._keys(segment)}
        self._logged = [a for a in contents.attempts if record.key(a) not in self._known]
        self._known.update(map(record.key, self._logged))
        if contents.damaged:
            kept = ", ".join(self._disk.keep_aside(self._log_path, contents.damaged))
            self._notes.append(
                f"{self._log_path}: cut off {contents.damaged_bytes} bytes that are no whole record (torn by a crash, "
                f"or damaged), kept in {kept}; {len(contents.attempts)} records are intact"
            )
        if contents.goes_on(self._manifest.sealed, len(self._logged)):
            self._log = Log(self._log_path, self._disk, contents.size_bytes)
        else:
            self._log = self._new_log()
        self._ready = True
        self._tidy_later()

    def _recovered_manifest(self) -> Manifest:
        """As it is, or made again, or of this version."""
        path = self.directory / segments.MANIFEST
        found = segments.find(self.directory)
        old = found.manifest.segments
        if found.version < record.SCHEMA_VERSION and old:  # to names and a manifest of this version
            self._manifest = found.manifest
            self._merge(old, 0)
            return self._manifest
        if found.remade:
            self._notes.append(found.remade)
            if path.exists():
                self._disk.keep_aside(path, [path.read_bytes()])
            segments.write_manifest(self.directory, self._disk, found.manifest)
        return found.manifest

    def _keys(self, segment: Segment) -> list[record.Key]:
        """Of a segment that is intact, if need be because the archive has it."""
        try:
            return segments.keys(self.directory, segment)
        except StoreError as error:
            if self._archive is None:
                raise
            try:
                self._archive.fetch(self.directory, self._disk, segment)
            except (StoreError, OSError) as again:
                raise StoreError(f"{error}; its archive does not give it: {again}") from error
            self._notes.append(
                f"{self.directory / segments.DIRECTORY / segment.name}: missing or damaged; restored from "
                f"{self._archive}"
            )
            return segments.keys(self.directory, segment)

    # -- the port --

    def append(self, attempts: Sequence[Attempt]) -> None:
        if not self._ready:
            raise StoreError(f"{self.directory}: the store is not open for writing")
        keys = [record.key(a) for a in attempts]
        if len(set(keys)) < len(keys) or not self._known.isdisjoint(keys):
            raise StoreError(f"{self.directory}: an attempt is there already: {keys}")
        try:
            self._log = self._log or self._new_log()
            self._log.append(attempts)
        except OSError as error:
            raise StoreError(
                f"{self._log_path}: {error.strerror or error}; nothing of what was there is lost: make room or mend "
                "the cause, then go on"
            ) from error
        self._known.update(keys)
        self._logged.extend(attempts)
        if len(self._logged) >= self._seal_at:
            self._seal_at = len(self._logged) + self._seal_every
            try:
                self.seal()
            except StoreError as error:  # these attempts are durable all the same
                self._note(str(error))

    def attempts(self) -> list[Attempt]:
        def sealed(manifest: Manifest) -> list[Attempt]:
            return read.sealed_attempts(self.directory, manifest)

        return [*read.consistent(lambda: self._manifest, sealed), *self._logged]

    def seal(self) -> None:
        if not self._ready or not self._logged:
            return
        try:
            with self._changing:
                rows = iter([record.table(self._logged)])
                first, count = self._manifest.sealed, len(self._logged)
                new = segments.write(self.directory, self._disk, (first, first + count), count, 0, rows)
                self._set(self._manifest.extended(new))
            self._logged, self._seal_at = [], self._seal_every
            if self._log:
                self._log.close()
            self._log = None  # until there is a new one: the old one's attempts are sealed
            self._log = self._new_log()
        except OSError as error:
            raise StoreError(
                f"{self.directory}: {error.strerror or error}; nothing is lost: what could not be sealed is in the log"
            ) from error
        finally:
            self._tidy_later()

    def notes(self) -> list[str]:
        return list(self._notes)

    def close(self) -> None:
        if self._ready and self._archive:
            self._tidy_later()  # once more, if it was away
        self._ready = False
        self._background.shutdown()
        if self._log:
            self._log.close()
        if self._lock:
            self._lock.release()
        self._log = self._lock = None

    # -- beside the port --

    def put_artifact(self, path: Path) -> None:
        """Copy a result file to the archive, if there is one, under its name; in the background."""
        if self._archive:
            self._artifacts.append(path)
            self._tidy_later()

    def compact(self) -> None:
        """Everything in one segment, and no file that nobody will look at. Raises StoreError."""
        self.seal()
        try:
            self._background.submit(self._compact).result()
        except OSError as error:
            raise StoreError(
                f"{self.directory}: {error.strerror or error}; nothing is lost, but not everything is merged"
            ) from error

    def _compact(self) -> None:
        if len(old := self._manifest.segments) > 1:
            self._merge(old, old[0].level)
        for path in segments.unnamed(self.directory, self._manifest):
            self._disk.remove(path)
        if self._archive:
            self._archive.update(self.directory, self._manifest)
            self._archive.remove_unnamed(self._manifest)

    # -- in the background --

    def _tidy_later(self) -> None:
        """Ask for a round of tidying, unless one is waiting already."""
        if self._job is None or self._job.running() or self._job.done():
            self._job = self._background.submit(self._tidy)

    def _tidy(self) -> None:
        """Merge what is due, and bring the archive up to date. Troubles are notes: the next round tries again."""
        try:
            while run := segments.due(self._manifest):
                self._merge(run, run[0].level + 1)
        except (OSError, StoreError) as error:
            self._note(f"segments not merged, to be tried again: {error}")
        if self._archive:
            self._copy(self._archive)

    def _copy(self, archive: Archive) -> None:
        try:
            archive.update(self.directory, self._manifest)
            if self._away:  # and may have gone in the middle of a copy
                archive.remove_unnamed(self._manifest)
            while self._artifacts:
                if self._artifacts[0].exists():
                    archive.put_artifact(self._artifacts[0])
                del self._artifacts[0]
        except StoreError as error:
            self._note(str(error))
        except (OSError, pa.ArrowException) as error:
            self._away = True
            self._note(
                f"archive {archive}: {error}; the sweep goes on, and what is sealed stays here to be copied later"
            )
        else:
            if self._away:
                self._note(f"archive {archive}: within reach again, everything sealed is copied")
            self._away = False

    def _merge(self, old: Sequence[Segment], level: int) -> None:
        new = segments.merge(self.directory, self._disk, old, level)
        with self._changing:
            self._set(self._manifest.replaced(old, new))
        for segment in old:
            self._disk.remove(self.directory / segments.DIRECTORY / segment.name)

    # -- small things --

    def _set(self, manifest: Manifest) -> None:
        segments.write_manifest(self.directory, self._disk, manifest)
        self._manifest = manifest

    def _new_log(self) -> Log:
        return Log.begin(self._log_path, self._disk, self._manifest.sealed, self._logged)

    def _note(self, text: str) -> None:
        if text not in self._notes[-1:]:
            self._notes.append(text)

    @property
    def _log_path(self) -> Path:
        return self.directory / logs.NAME

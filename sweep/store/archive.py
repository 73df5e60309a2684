"""A second home for what is sealed, at any pyarrow.fs location: s3://, gs://, file://, ...

    ROOT/manifest.json       the segments that count, and the token of the directory that writes here
    ROOT/segments/*.parquet  as in the directory
    ROOT/artifacts/*         result files

One directory writes to one archive. It leaves a token there, so a directory that was restored from the
archive elsewhere takes it over, and the first one notices instead of writing over the second one's work.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from sweep.store import log, segments
from sweep.store.disk import TEMPORARY, Disk
from sweep.store.port import StoreError
from sweep.store.segments import DamagedError, Manifest, Segment

NAME: Final = "archive.json"
_BOOLEANS: Final = {"true": True, "false": False}
_ATOMIC: Final = frozenset({"s3", "gcs", "abfs"})  # object stores: a put is there whole or not at all


@dataclass(frozen=True, slots=True)
class Archive:
    """A place at `uri`, as the directory with this token sees it. Its methods raise OSError where the
    place cannot be reached, and StoreError where it belongs to somebody else."""

    uri: str
    token: str

    def __str__(self) -> str:
        return re.sub(r"(?<=//).*@", "", self.uri.partition("?")[0])  # no credentials in messages

    def manifest(self) -> tuple[Manifest, str] | None:
        """What counts there and whose it is; None where nothing is."""
        try:
            files, root = self._place()
            with files.open_input_stream(f"{root}/{segments.MANIFEST}") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        try:
            return segments.parse(text, f"{self}/{segments.MANIFEST}"), json.loads(text).get("owner", "")
        except DamagedError as error:
            raise StoreError(f"{error}; choose another archive") from error

    def claim(self, manifest: Manifest) -> None:
        """These segments count there, and the place is ours."""
        self._put(
            segments.MANIFEST, json.dumps({**manifest.document(), "owner": self.token}, indent=1).encode()
        )

    def update(self, directory: Path, manifest: Manifest) -> bool:
        """Bring the archive to what the directory has sealed; whether there was anything to do."""
        held, owner = self.manifest() or (Manifest(), self.token)
        if owner != self.token:
            raise StoreError(
                f"{self}: taken over by another directory, which was restored from it; nothing more is copied from "
                f"{directory}, where everything stays"
            )
        if held.sealed > manifest.sealed:
            raise StoreError(
                f"{self}: has {held.sealed} sealed attempts, and {directory} only {manifest.sealed}; nothing is copied, "
                "so that none is lost there: go on from the archive in an empty directory, or name another archive"
            )
        if held == manifest:
            return False
        for segment in manifest.segments:
            if segment not in held.segments:
                path = f"{segments.DIRECTORY}/{segment.name}"
                self._put(path, directory / path)
        self.claim(manifest)
        for segment in held.segments:
            if segment not in manifest.segments:
                self._remove(f"{segments.DIRECTORY}/{segment.name}")
        return True

    def put_artifact(self, path: Path) -> None:
        """A copy of the file, under its name."""
        self._put(f"artifacts/{path.name}", path)

    def fetch(self, directory: Path, disk: Disk, segment: Segment) -> None:
        """The segment, from there to the directory. Raises StoreError if it is not what was written."""
        name = f"{segments.DIRECTORY}/{segment.name}"
        files, root = self._place()
        with disk.new(directory / name) as sink:
            with files.open_input_stream(f"{root}/{name}") as file:
                shutil.copyfileobj(file, sink)
            if sink.sha256 != segment.sha256:
                raise StoreError(f"{self}/{name}: damaged (not what was written); restore it from a copy")

    def remove_unnamed(self, manifest: Manifest) -> None:
        """Take away segments that no manifest names, left by a crash between the two."""
        files, root = self._place()
        selector = fs.FileSelector(f"{root}/{segments.DIRECTORY}", allow_not_found=True)
        named = {s.name for s in manifest.segments}
        for found in files.get_file_info(selector):
            if found.is_file and found.base_name not in named:
                self._remove(f"{segments.DIRECTORY}/{found.base_name}")

    def _place(self) -> tuple[fs.FileSystem, str]:
        try:
            files, root = _file_system(self.uri)
            if not root:
                raise ValueError("it names no place there")
        except (pa.ArrowException, ValueError) as error:
            said = str(error).replace(self.uri, str(self))
            raise StoreError(
                f"archive {self}: {said}; expected such as s3://bucket/prefix, gs://bucket/prefix or file:///directory"
            ) from error
        return files, root

    def _put(self, name: str, content: bytes | Path) -> None:
        files, root = self._place()
        target = f"{root}/{name}"
        atomic = files.type_name in _ATOMIC
        if not atomic:
            files.create_dir(target.rpartition("/")[0], recursive=True)
        with files.open_output_stream(target if atomic else target + TEMPORARY) as stream:
            if isinstance(content, Path):
                with content.open("rb") as file:
                    shutil.copyfileobj(file, stream, 1 << 20)
            else:
                stream.write(content)
        if not atomic:
            files.move(target + TEMPORARY, target)

    def _remove(self, name: str) -> None:
        files, root = self._place()
        with contextlib.suppress(FileNotFoundError):
            files.delete_file(f"{root}/{name}")


@cache
def _file_system(uri: str) -> tuple[fs.FileSystem, str]:
    """Raises pa.ArrowException or ValueError for what is no location; OSError."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.hostname:
        files, root = fs.FileSystem.from_uri(uri)
        return files, root.rstrip("/")
    # As from_uri does, but for its ten tries, with which a server that is silent takes 100 s to be given up.
    options: dict[str, Any] = {name: _BOOLEANS.get(value, value) for name, value in parse_qsl(parts.query)}
    if parts.username:
        options |= {"access_key": unquote(parts.username), "secret_key": unquote(parts.password or "")}
    if not options.keys() & {"region", "endpoint_override"}:
        options["region"] = fs.resolve_s3_region(parts.hostname)
    try:
        files = fs.S3FileSystem(retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2), **options)
    except TypeError as error:
        raise ValueError(f"unknown option ({error})") from error
    return files, f"{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def remembered(directory: Path) -> Archive | None:
    """The archive of a directory that has one. Raises StoreError if it cannot be told."""
    path = directory / NAME
    try:
        document = json.loads(path.read_text())
        return Archive(str(document["uri"]), str(document["token"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: damaged ({error}); delete it and name an archive again, at a new place, or go on without"
        ) from error


def attach(directory: Path, disk: Disk, uri: str | None) -> tuple[Archive | None, list[str]]:
    """The directory's archive: the one at `uri`, or else the one that it had; and what there is to say.

    A directory that is empty is filled from it. An archive that is new to the directory, or to fill it
    from, must be there; later it may be away. Raises StoreError if it must be and is not, or is somebody
    else's; OSError of the directory.
    """
    known = remembered(directory)
    if uri is None and known is None:
        return None, []
    fresh = not any((directory / name).exists() for name in (log.NAME, segments.MANIFEST))
    if known and uri in (None, known.uri) and not fresh:
        return known, []
    archive = known if known and uri in (None, known.uri) else Archive(uri or "", uuid.uuid4().hex)
    try:
        held, owner = archive.manifest() or (Manifest(), "")
        if owner not in ("", archive.token) and not fresh:
            raise StoreError(
                f"archive {archive}: it belongs to another directory, and {directory} has attempts of its own; choose "
                "another archive, or start in an empty directory to go on from this one"
            )
        _remember(directory, disk, archive)
        archive.claim(held)
        for segment in held.segments if fresh else ():
            archive.fetch(directory, disk, segment)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"archive {archive}: {error}; it must be within reach when it is first used, and for a directory that "
            "has nothing yet"
        ) from error
    if fresh and held.segments:
        segments.write_manifest(directory, disk, held)
        return archive, [f"{directory}: restored {held.attempts} sealed attempts from {archive}"]
    return archive, []


def _remember(directory: Path, disk: Disk, archive: Archive) -> None:
    disk.replace(directory / NAME, json.dumps({"uri": archive.uri, "token": archive.token}).encode())
    (directory / NAME).chmod(0o600)  # the URI may hold credentials

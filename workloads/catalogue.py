"""Workloads by name: the recorded library, the synthetic generators, and files by path."""

import dataclasses
from pathlib import Path

from workloads import files
from workloads.errors import WorkloadError, nearest
from workloads.model import Workload
from workloads.synthetic import GENERATORS

LIBRARY = Path(__file__).parent / "library"

_CORRECTIONS = {
    "many-mappings": (
        "24 children that hold 8,113 mappings each and exit without unmapping (a search-index server)",
        "the file's own description says 2,000-60,000 mappings each; the rows hold 24 exits of 8,113 objects "
        "and no larger one, so the description given here follows the rows",
    ),
}
"""Recording to (description, note), where what the file says of itself is not what its rows show."""


def recorded() -> list[str]:
    """Names of the recordings in the library, sorted."""
    return sorted(path.stem for path in LIBRARY.glob("*.parquet"))


def synthetic() -> list[str]:
    """Names of the synthetic generators, in the order of their registry."""
    return list(GENERATORS)


def names() -> list[str]:
    """All names that `load` knows: recordings, then generators."""
    return recorded() + synthetic()


def load(name_or_path: str | Path) -> Workload:
    """A workload by library name, by generator name (default parameters, seed 0), or from a file.

    Anything that ends in .parquet or holds a slash is a path. Raises WorkloadError, with the
    nearest names where none fits.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".parquet") or "/" in text:
        return files.read(Path(name_or_path))
    if text in GENERATORS:
        return GENERATORS[text].make()
    if text not in recorded():
        raise WorkloadError(f"no workload {text!r}. {nearest(text, names())} Or give a file by its path")
    workload = files.read(LIBRARY / f"{text}.parquet")
    if text not in _CORRECTIONS:
        return workload
    description, note = _CORRECTIONS[text]
    return dataclasses.replace(
        workload, description=description, provenance=(*workload.provenance, ("note", note))
    )

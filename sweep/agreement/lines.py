"""Files of JSON lines that are appended to as things are measured, and survive being cut off in the middle of one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sweep.agreement.model import AgreementError

T = TypeVar("T")


def read(path: Path, parse: Callable[[Any], T], what: str) -> list[T]:
    """Every line of the file, none where there is no file; a torn last line is cut off.

    parse: of one line's document; raises ValueError, KeyError or TypeError where it is something else. what: one line,
    in words. Raises AgreementError for a file that is something else, which is left alone.
    """
    found: list[T] = []
    whole = 0
    text = path.read_bytes() if path.exists() else b""
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            break
        try:
            found.append(parse(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            raise AgreementError(f"{path}:{number}: not {what}") from None
        whole += len(line)
    if whole < len(text):
        os.truncate(path, whole)
    return found


def append(path: Path, document: Any) -> None:
    """On disk when this returns. Raises OSError."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(document) + "\n")
        file.flush()
        os.fsync(file.fileno())

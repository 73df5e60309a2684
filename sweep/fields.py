"""What the sections of a study have in common: frozen, without unknown keys, times with units."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from sweep import units


class Section(BaseModel):
    """A part of a study."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _seconds(value: Any) -> Any:
    try:
        return units.quantity(value, "s") if isinstance(value, str) else value
    except units.UnitError as error:
        raise ValueError(str(error)) from None


Seconds = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=float | str)]
"""Seconds, or a text with a unit."""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`there is no WHAT 'NAME'; did you mean 'NEAREST'?`, or what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = (
        "did you mean " + " or ".join(repr(n) for n in near) + "?" if near else "known: " + ", ".join(names)
    )
    return f"there is no {what} {name!r}; {hint}"

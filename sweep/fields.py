"""What the sections of a study have in common: frozen, without unknown keys, times with units."""

from __future__ import annotations

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

"""The machine that the simulator is held to: this one, through the native benchmark."""

from __future__ import annotations

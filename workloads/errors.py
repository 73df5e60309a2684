"""The one error that this package raises for bad input."""

import difflib
from collections.abc import Iterable


class WorkloadError(ValueError):
    """Bad input. The text says what was wrong, where, what was expected and how to mend it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean a, b?` for the known names close to `word`, else the list of all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    return f"Did you mean {', '.join(close)}?" if close else f"Known: {', '.join(names)}."

"""What can go wrong before a trial of the kernel lab runs."""

from __future__ import annotations


class LabError(RuntimeError):
    """The kernel lab cannot be used here; the message says what is missing, and how to mend it."""

"""What a study leaves behind for people."""

from sweep.report.evidence import Evidence

__all__ = ["Evidence"]

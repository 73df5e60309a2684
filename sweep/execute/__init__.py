"""The executor port: runs trials somewhere."""

from sweep.execute.port import Evaluate, Executor

__all__ = ["Evaluate", "Executor"]

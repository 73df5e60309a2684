"""The executor port: runs trials somewhere."""

from sweep.execute.port import Evaluate, Executor, ExecutorError

__all__ = ["Evaluate", "Executor", "ExecutorError"]

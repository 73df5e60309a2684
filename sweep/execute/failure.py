"""Ray's errors by cause."""

from __future__ import annotations

from ray import exceptions

from sweep.trial import Cause, Failure


def failure(error: Exception) -> Failure:
    """Why a batch did not come back."""
    return Failure(_cause(error), " ".join(str(error).split())[:500])


def _cause(error: Exception) -> Cause:
    if isinstance(error, exceptions.OutOfMemoryError):
        return Cause.OUT_OF_MEMORY
    if isinstance(error, (exceptions.NodeDiedError, exceptions.ActorUnavailableError)):
        return Cause.NODE_LOST
    if isinstance(error, (exceptions.RuntimeEnvSetupError, exceptions.RayTaskError)):
        return Cause.ENVIRONMENT
    if isinstance(error, exceptions.ActorDiedError) and "its node has died" in str(error):
        return Cause.NODE_LOST
    return Cause.WORKER_CRASHED

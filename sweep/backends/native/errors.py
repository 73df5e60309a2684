"""How a native measurement fails, by whose fault it was."""

from __future__ import annotations

from sweep.trial import Cause


class NativeError(RuntimeError):
    """A configuration could not be measured. `cause` is CONFIGURATION only where the program itself said so;
    otherwise it was the machine."""

    def __init__(self, cause: Cause, text: str) -> None:
        super().__init__(text)
        self.cause = cause

    def __reduce__(self) -> tuple[type[NativeError], tuple[object, ...]]:
        return (NativeError, (self.cause, str(self)))


class NativeUnavailableError(NativeError):
    """The benchmark is not on this machine at all."""

    def __init__(self, text: str) -> None:
        super().__init__(Cause.ENVIRONMENT, text)

    def __reduce__(self) -> tuple[type[NativeError], tuple[object, ...]]:
        return (NativeUnavailableError, (str(self),))

"""The program, and how a command ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import typer
from rich.console import Console

app = typer.Typer(
    name="sweep",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How should frees that wait for an RCU grace period be batched? Sweeps policies and parameters.",
)
errors = Console(stderr=True)


def fail(message: str) -> NoReturn:
    errors.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def run(work: Callable[[], int]) -> None:
    """Whatever a user can mend becomes one message and exit code 2."""
    from sweep.errors import USER_ERRORS

    try:
        code = work()
    except USER_ERRORS as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise  # whoever read the output has seen enough
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}; nothing that was measured is lost")
    if code:
        raise typer.Exit(code)

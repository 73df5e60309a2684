"""One launch of `quick` with Ray that says on standard error what has been reached, and when: `watched BEGAN STORE`.

Modules are imported in the order in which the command needs them, but each before what it is patched for. Goes
on to the end of the first batch and stops then, as by Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

BEGAN = float(sys.argv[1])
last = BEGAN


def reached(what: str) -> None:
    """Say how long this took after what was before it."""
    global last
    now = time.time()
    print(f"  {now - BEGAN:5.2f} s  (+{now - last:.2f})  {what}", file=sys.stderr, flush=True)
    last = now


def first(where: Any, name: str, what: str, then: Callable[[], None] = lambda: None) -> None:
    """Say so when this function returns for the first time."""
    function = getattr(where, name)

    def watched(*arguments: Any, **named: Any) -> Any:
        value = function(*arguments, **named)
        setattr(where, name, function)
        reached(what)
        then()
        return value

    setattr(where, name, watched)


def main() -> None:
    """Patch and launch."""
    reached("Python runs")
    from sweep import cli, session

    reached("modules of the command line and of a session")
    from sweep.execute import cluster

    reached("Ray's modules")
    from ray._private import worker

    from sweep.execute.dispatch import Dispatcher
    from sweep.store.files import FileStore

    first(session, "_executor", "the study, its scenarios and its store; Ray begins to start")
    first(worker, "connect", "Ray's processes run, and two idle workers")
    first(cluster, "start", "ray.init has ended")
    first(Dispatcher, "submit", "the first batch is asked for")
    first(Dispatcher, "enter", "a worker has joined")
    first(FileStore, "append", "the first record", lambda: os.kill(os.getpid(), signal.SIGINT))
    sys.argv = ["sweep", "launch", "quick", "--no-track", "--store", sys.argv[2]]
    cli.main()


if __name__ == "__main__":
    try:
        main()
    except SystemExit as end:
        sys.exit(0 if end.code in (0, 130) else end.code)

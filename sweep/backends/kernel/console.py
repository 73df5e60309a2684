"""What a guest's kernel says, read for signs that something is wrong."""

from __future__ import annotations

import re
from typing import Final

_TROUBLE: Final = re.compile(
    r"WARNING:|BUG:|BUG |Oops|general protection|Kernel panic|rcu: INFO|stall|Objects remaining|leak|Call Trace|"
    r"invoked oom-killer|Out of memory"
)
_LAST_LINES: Final = 25
_TROUBLE_LINES: Final = 5


def troubles(console: str) -> list[str]:
    """Lines in which a kernel says that something is wrong."""
    return [line for line in console.splitlines() if _TROUBLE.search(line)]


def extract(console: str) -> str:
    """What people need of a console whose guest is gone: the first complaints, and the last lines."""
    lines = console.splitlines()
    last = lines[-_LAST_LINES:]
    first = [line for line in troubles(console)[-_TROUBLE_LINES:] if line not in last]
    return "\n".join([*first, *last])


def ran_out_of_memory(console: str) -> bool:
    """Whether the guest's kernel found no memory for its processes."""
    return "invoked oom-killer" in console or "Out of memory" in console

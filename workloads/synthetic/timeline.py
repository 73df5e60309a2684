"""Where generators write their rows: processes that map, unmap and exit, and CPUs that fault."""

from dataclasses import dataclass, field
from operator import itemgetter

import pyarrow as pa

from workloads.errors import WorkloadError
from workloads.model import FAULT_WINDOW_NS
from workloads.reader import SCHEMA
from workloads.synthetic.dice import Dice

US = 1_000
MS = 1_000_000
S = 1_000_000_000

MAX_ROWS = 10_000_000

Row = tuple[int, int, int, int, str, int, int, str]


@dataclass(slots=True)
class Process:
    """One address space with `live` objects. Its times must not fall."""

    timeline: "Timeline"
    pid: int
    comm: str
    live: int

    def maps(self, n: int) -> None:
        """n objects are born some time before the next call."""
        self.live += n

    def unmaps(self, t_ns: int, cpu: int, n: int, kind: str = "munmap") -> None:
        """A call frees up to n objects; one stays, as no call but exit leaves an empty address space."""
        n = min(n, self.live - 1)
        if n > 0:
            self.live -= n
            self.timeline.row(t_ns, cpu, self, kind, n)

    def exits(self, t_ns: int, cpu: int) -> None:
        """All that is left is freed."""
        n, self.live = self.live, 0
        self.timeline.row(t_ns, cpu, self, "exit", n)


@dataclass(slots=True)
class Timeline:
    """Rows in any order; `events` sorts them."""

    nr_cpus: int
    _rows: list[Row] = field(default_factory=list)
    _next_pid: int = 1000

    def process(self, comm: str, live: int) -> Process:
        """A new process that holds `live` objects at its first call."""
        self._next_pid += 1
        return Process(self, self._next_pid, comm, live)

    def row(self, t_ns: int, cpu: int, process: Process, kind: str, n: int) -> None:
        self._add((t_ns, cpu, process.pid, process.pid, kind, n, process.live, process.comm))

    def faults(self, dice: Dice, until_ns: int, per_window: int, from_ns: int = 0) -> None:
        """On each CPU, every FAULT_WINDOW_NS from `from_ns`, half to one and a half times
        `per_window` page faults, uniform; windows with none have no row."""
        for start in range(from_ns, until_ns - FAULT_WINDOW_NS + 1, FAULT_WINDOW_NS):
            for cpu in range(self.nr_cpus):
                n = dice.between(per_window // 2, per_window + per_window // 2)
                if n > 0:
                    self._add((start + FAULT_WINDOW_NS, cpu, 0, 0, "faults", n, 0, ""))

    def _add(self, row: Row) -> None:
        if len(self._rows) >= MAX_ROWS:
            raise WorkloadError(f"these parameters make over {MAX_ROWS} rows; lower CPUs, rates or duration")
        self._rows.append(row)

    def events(self) -> pa.Table:
        """The table of `workloads.reader.SCHEMA`, sorted by time; equal times stay as written.
        Raises WorkloadError if there are no rows."""
        if not self._rows:
            raise WorkloadError("these parameters make no rows; raise rates or duration")
        columns = zip(*sorted(self._rows, key=itemgetter(0)), strict=True)
        plain = pa.table(dict(zip(SCHEMA.names, map(list, columns), strict=True)))
        return plain.cast(SCHEMA)

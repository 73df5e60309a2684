"""The readers that a recorded trace is given, as a trace shows page faults but no read-side sections.

Facts: since Linux 6.4 a user page fault first takes the per-VMA lock, which looks the VMA up
under rcu_read_lock() (lock_vma_under_rcu(), mm/memory.c). The faulting task holds a reference on
its address space, so the readers are of kind `mm_ref`, and every fault is one reader.

Guesses (nobody has published these lengths):

* Section: a maple-tree walk of some 3 to 4 nodes and one atomic operation, 100 ns cache-hot,
  some µs when every node misses the cache, tens of µs when an interrupt lands inside.
* Preempted: with a mean section of about 0.4 µs and a tick each 4 ms, about 100 in a million
  sections see a tick; one in five of those finds another task to switch to: 20 ppm.
* Preempted length: until the task runs again, a time slice (3 ms, EEVDF base slice) of each of the
  tasks before it: most often one, seldom more than a few.
"""

from workloads.model import ReaderModel

RECORDED_READERS = ReaderModel(
    kind="mm_ref",
    readers_per_1000_faults=1000,
    background_readers_per_cpu_per_s=0,
    section_quantiles=(
        (0, 100),
        (500_000, 250),
        (900_000, 700),
        (990_000, 2_000),
        (999_000, 10_000),
        (1_000_000, 50_000),
    ),
    preempted_ppm=20,
    preempted_quantiles=((0, 300_000), (500_000, 3_000_000), (900_000, 6_000_000), (1_000_000, 24_000_000)),
)

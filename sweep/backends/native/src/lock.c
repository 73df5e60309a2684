/* SPDX-License-Identifier: Apache-2.0 */
/* lock.c - the slow sides of lock.h. */
#define _GNU_SOURCE
#include "lock.h"
#include "clock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPIN_NS 5000 /* a line comes from another CPU in 0.1 us; a holder that works takes a few of them */

static long futex(atomic_uint *word, int op, unsigned value, const struct timespec *until)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, until, NULL, FUTEX_BITSET_MATCH_ANY);
}

void lock_wait(struct lock *lock)
{
	const uint64_t until = clock_now() + clock_of_ns(SPIN_NS);

	do {
		cpu_relax();
		if (!atomic_load_explicit(&lock->state, memory_order_relaxed) && lock_try(lock))
			return;
	} while (clock_now() < until);
	while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire))
		futex(&lock->state, FUTEX_WAIT_BITSET, 2, NULL);
}

void lock_wake(struct lock *lock)
{
	futex(&lock->state, FUTEX_WAKE, 1, NULL);
}

void waiter_sleep(struct waiter *w, unsigned ticket, uint64_t until)
{
	struct timespec at, *timeout = NULL;

	if (until != NEVER) {
		uint64_t now = clock_now();
		/* From now on, so that the two clocks do not drift apart. */
		uint64_t ns = monotonic_ns(CLOCK_MONOTONIC) +
			      (until > now ? (uint64_t)clock_to_ns(until - now) : 0);

		at = (struct timespec){ (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
		timeout = &at;
	}
	atomic_store(&w->asleep, true);
	futex(&w->kicks, FUTEX_WAIT_BITSET, ticket, timeout);
	atomic_store(&w->asleep, false);
}

bool waiter_kick(struct waiter *w)
{
	atomic_fetch_add(&w->kicks, 1);
	if (!atomic_load(&w->asleep))
		return false;
	futex(&w->kicks, FUTEX_WAKE, 1, NULL);
	return true;
}

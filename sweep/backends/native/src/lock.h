/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - locks and sleeping, on futexes.
 *
 * A spinlock in user space may be held by a thread that has been preempted, on the very CPU that spins for it.
 * So whoever finds a lock held spins for about as long as a hand-over between CPUs takes, and then sleeps.
 */
#ifndef NATIVE_LOCK_H
#define NATIVE_LOCK_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lock {
	atomic_uint state; /* 0 free, 1 held, 2 held and somebody sleeps for it */
};

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

static inline bool lock_try(struct lock *lock)
{
	unsigned free = 0;

	return atomic_compare_exchange_strong_explicit(&lock->state, &free, 1, memory_order_acquire,
						       memory_order_relaxed);
}

/* True if it was found held. */
static inline bool lock_take(struct lock *lock)
{
	if (__builtin_expect(lock_try(lock), true))
		return false;
	lock_wait(lock);
	return true;
}

static inline void lock_drop(struct lock *lock)
{
	if (__builtin_expect(atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2, false))
		lock_wake(lock);
}

/* Whoever waits for something to do: take the ticket, look whether there is anything, sleep. A kick since the
 * ticket was taken ends the sleep at once, so none is lost. */
struct waiter {
	atomic_uint kicks;
	atomic_bool asleep;
};

static inline unsigned waiter_ticket(struct waiter *w)
{
	return atomic_load(&w->kicks);
}

/* Until a kick, or that time by clock_now(); NEVER: until a kick. */
void waiter_sleep(struct waiter *w, unsigned ticket, uint64_t until);

/* True if it was asleep. */
bool waiter_kick(struct waiter *w);

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

#endif

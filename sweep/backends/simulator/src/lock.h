/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - a spinlock, remembered as the interval in which it was last held.
 *
 * Whoever comes while it is held waits for its end (a lock wait); whoever takes it after
 * another CPU pays for moving the cache line. A taker whose time lies before the interval
 * would have been first and does not count as waiting, but it sees what the holder left, so
 * it cannot be earlier than that. cost_ps is that of taking and releasing it alone.
 */
#ifndef SIM_LOCK_H
#define SIM_LOCK_H
#include "sim.h"

static always_inline void sim_lock_take(sim *s, struct sim_lock *lock, s64 cost_ps)
{
	const s32 here = s->cpu->id + 1;
	s64 now = s->now;

	if (unlikely(lock->held))
		sim_fail(s, "policy '%s' takes a lock that is held already: it would deadlock",
			 s->policy->name);
	if (unlikely(now < lock->until_ps || lock->last_cpu != here)) {
		if (now >= lock->from_ps && now < lock->until_ps) {
			now = lock->until_ps + s->m.lock_handoff_ps;
			s->r.lock_waits++;
		} else {
			now = max_s64(now, lock->until_ps);
			if (lock->last_cpu && lock->last_cpu != here)
				now += s->m.lock_handoff_ps;
		}
	}
	lock->from_ps = now;
	lock->last_cpu = here;
	lock->held = 1;
	s->now = now + cost_ps;
	s->locks_held++;
}

static always_inline void sim_lock_drop(sim *s, struct sim_lock *lock)
{
	if (unlikely(!lock->held))
		sim_fail(s, "policy '%s' releases a lock that it does not hold", s->policy->name);
	lock->until_ps = s->now;
	lock->held = 0;
	s->locks_held--;
}

#endif

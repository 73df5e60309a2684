/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - a spinlock, remembered as the interval in which it was last held.
 *
 * Whoever comes while it is held waits for its end (a lock wait); whoever takes it after
 * another CPU pays for moving the cache line. A taker whose time lies before the interval
 * would have been first and does not count as waiting, but it sees what the holder left, so
 * it cannot be earlier than that. cost_ps is that of taking and releasing it alone.
 */
#include "sim.h"

void sim_lock_take(sim *s, struct sim_lock *lock, s64 cost_ps)
{
	s32 here = s->cpu->id;

	if (lock->held)
		sim_fail(s, "policy '%s' takes a lock that is held already: it would deadlock",
			 s->policy->name);
	if (s->now >= lock->from_ps && s->now < lock->until_ps) {
		s->now = lock->until_ps + s->m.lock_handoff_ps;
		s->r.lock_waits++;
	} else {
		s->now = max_s64(s->now, lock->until_ps);
		if (lock->last_cpu && lock->last_cpu != here + 1)
			s->now += s->m.lock_handoff_ps;
	}
	lock->from_ps = s->now;
	s->now += cost_ps;
	lock->last_cpu = here + 1;
	lock->held = 1;
	s->locks_held++;
}

void sim_lock_drop(sim *s, struct sim_lock *lock)
{
	if (!lock->held)
		sim_fail(s, "policy '%s' releases a lock that it does not hold", s->policy->name);
	lock->until_ps = s->now;
	lock->held = 0;
	s->locks_held--;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * constant.c - grace periods of a constant length, for proofs: a callback is ready exactly
 * gp_constant_ns after it was posted, and is invoked by a thread of the posting CPU that
 * disturbs no task (it runs on a shadow of that CPU), one callback after another.
 */
#include "sim.h"

void call_rcu_constant(sim *s, struct plat_rcu_head *head, s64 objects)
{
	s64 ready = s->now + s->m.call_rcu_ps + s->m.gp_constant_ns * PS_PER_NS;

	s->now += s->m.call_rcu_ps;
	if (objects) {
		account(s, ACCOUNT_POSTPONED, s->now, -objects);
		account(s, ACCOUNT_WAITING, s->now, objects);
	}
	event_add(s, ready, EVENT_CONSTANT_GP, (u32)s->cpu->id, head, (u64)objects);
}

void constant_gp_ends(sim *s, struct event e)
{
	struct cpu *c = &s->cpus[e.index];

	s->r.grace_periods++;
	if (e.arg) {
		account(s, ACCOUNT_WAITING, e.t, -(s64)e.arg);
		account(s, ACCOUNT_READY, e.t, (s64)e.arg);
	}
	if (!e.ptr) { /* of plat_gp_start() or plat_gp_wait(): no callback */
		task_wake_sleepers(s, e.t);
		return;
	}
	segment_add(&c->invoking, e.ptr, (s64)e.arg);
	kthread_wake(s, &c->constant, e.t);
}

bool constant_step(sim *s, struct cpu *c)
{
	s64 start = s->now;

	if (!c->invoking.nr)
		return false;
	callback_invoke(s, segment_pop(&c->invoking));
	s->max_stall_ps = max_s64(s->max_stall_ps, s->now - start);
	return c->invoking.nr != 0;
}

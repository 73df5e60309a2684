/* SPDX-License-Identifier: Apache-2.0 */
/*
 * constant.c - grace periods of a constant length, for proofs: a callback is ready exactly
 * gp_constant_ns after it was posted, and is invoked by a thread of the posting CPU that
 * disturbs no task (it runs on a shadow of that CPU), one callback after another.
 */
#include "account.h"
#include "cblist.h"

/* A CPU's callbacks become ready in the order in which they were posted: one event for the first. */
static void post(sim *s, struct cpu *c, struct posted p)
{
	*(struct posted *)queue_add(s, &c->posted, sizeof(p)) = p;
	if (c->posted.end - c->posted.first == 1)
		event_add(s, p.ready, EVENT_CONSTANT_READY, (u32)c->id, NULL, 0);
}

noinline void call_rcu_constant(sim *s, struct plat_rcu_head *head, s64 objects)
{
	s64 ready = s->now + s->m.call_rcu_ps + s->m.gp_constant_ns * PS_PER_NS;

	s->now += s->m.call_rcu_ps;
	if (objects)
		account_move(s, ACCOUNT_POSTPONED, ACCOUNT_WAITING, s->now, objects);
	post(s, &s->cpus[s->cpu->id], (struct posted){ ready, head, objects });
}

static const struct posted *first_posted(const struct cpu *c)
{
	return c->posted.first < c->posted.end ? (struct posted *)c->posted.at + c->posted.first : NULL;
}

/* The first callbacks of a CPU are ready. */
void constant_ready(sim *s, struct cpu *c, s64 t)
{
	const struct posted *p;

	for (p = first_posted(c); p && p->ready <= t; p = first_posted(c)) {
		s->r.grace_periods++;
		if (p->objects)
			account_move(s, ACCOUNT_WAITING, ACCOUNT_READY, t, p->objects);
		segment_add(&c->invoking, p->head, p->objects);
		queue_drop_first(&c->posted);
	}
	if (p)
		event_add(s, p->ready, EVENT_CONSTANT_READY, (u32)c->id, NULL, 0);
	kthread_wake(s, &c->constant, t);
}

/* A cookie's grace period has ended: of plat_gp_start() or plat_gp_wait(). */
void constant_gp_ends(sim *s, s64 t, s64 objects)
{
	s->r.grace_periods++;
	if (objects)
		account_move(s, ACCOUNT_WAITING, ACCOUNT_READY, t, objects);
	task_wake_sleepers(s, t);
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

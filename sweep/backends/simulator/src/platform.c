/* SPDX-License-Identifier: Apache-2.0 */
/* platform.c - policies/policy.h as the simulator provides it: every call charges its cost. */
#include "account.h"
#include "lock.h"

#include <stdlib.h>

_Static_assert(sizeof(struct sim_lock) <= sizeof(((struct plat_lock *)0)->opaque), "plat_lock is too small");
_Static_assert(sizeof(struct sim_work) <= sizeof(((struct plat_work *)0)->opaque), "plat_work is too small");

u32 plat_cpu(struct policy_run *s)
{
	return (u32)s->cpu->id;
}

u32 plat_nr_cpus(struct policy_run *s)
{
	return (u32)s->m.nr_cpus;
}

u64 plat_now_ns(struct policy_run *s)
{
	s->now += s->m.clock_ps;
	return (u64)(s->now / PS_PER_NS);
}

u64 plat_jiffy_ns(struct policy_run *s)
{
	return (u64)s->m.jiffy_ns;
}

void *plat_state(struct policy_run *s)
{
	return s->state;
}

void *plat_cpu_state(struct policy_run *s, u32 cpu)
{
	return s->cpu_state[cpu];
}

s64 plat_param(struct policy_run *s, u32 index)
{
	return s->req.params[index];
}

void plat_lock_init(struct policy_run *s, struct plat_lock *lock)
{
	(void)s;
	*(struct sim_lock *)lock->opaque = (struct sim_lock){ 0 };
}

void plat_lock(struct policy_run *s, struct plat_lock *lock)
{
	step_cold(s, STEP_LOCK);
	sim_lock_take(s, (struct sim_lock *)lock->opaque, s->m.lock_ps);
}

void plat_unlock(struct policy_run *s, struct plat_lock *lock)
{
	sim_lock_drop(s, (struct sim_lock *)lock->opaque);
}

void plat_charge(struct policy_run *s, enum plat_cost cost, u32 count)
{
	const int64_t ps[] = { s->m.link_ps, s->m.walk_ps, s->m.store_ps, s->m.compare_ps };

	s->now += ps[cost] * count;
}

/* ---- RCU ---- */

void rcu_post(sim *s, struct plat_rcu_head *head, s64 objects, bool lazy)
{
	step_cold(s, STEP_CALL_RCU);
	if (s->m.gp_constant)
		call_rcu_constant(s, head, objects);
	else if (s->m.nocb)
		call_rcu_nocb(s, head, objects, lazy);
	else
		call_rcu_plain(s, head, objects);
}

void plat_call_rcu(struct policy_run *s, struct plat_rcu_head *head,
		   void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr_objects)
{
	head->func = func;
	rcu_post(s, head, nr_objects, s->m.lazy);
}

void plat_call_rcu_hurry(struct policy_run *s, struct plat_rcu_head *head,
			 void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr_objects)
{
	head->func = func;
	rcu_post(s, head, nr_objects, false);
}

/* A cookie is the number of a grace period; with constant ones, the time of its end. */
static u64 cookie(sim *s)
{
	if (s->m.gp_constant)
		return (u64)(s->now + s->m.gp_constant_ns * PS_PER_NS);
	return gp_snap(s, s->now);
}

u64 plat_gp_snapshot(struct policy_run *s)
{
	s->now += s->m.gp_snapshot_ps;
	return cookie(s);
}

u64 plat_gp_start(struct policy_run *s, u32 nr_objects)
{
	u64 gp;

	s->now += s->m.gp_start_ps;
	gp = cookie(s);
	if (nr_objects)
		account_move(s, ACCOUNT_POSTPONED, ACCOUNT_WAITING, s->now, nr_objects);
	if (s->m.gp_constant) {
		event_add(s, (s64)gp, EVENT_CONSTANT_GP, (u32)s->cpu->id, NULL, nr_objects);
	} else {
		s->gp.waiting_on[gp & 7] += nr_objects;
		gp_request(s, gp, s->now);
	}
	return gp;
}

bool plat_gp_done(struct policy_run *s, u64 gp)
{
	s->now += s->m.gp_poll_ps;
	return s->m.gp_constant ? s->now >= (s64)gp : gp <= s->gp.completed;
}

void plat_gp_wait(struct policy_run *s, u64 gp)
{
	if (s->locks_held)
		sim_fail(s, "policy '%s' waits for a grace period with a lock held", s->policy->name);
	if (!s->cpu->call)
		sim_fail(s, "policy '%s' waits for a grace period outside dispose() and call_end()",
			 s->policy->name);
	if (s->m.gp_constant) {
		if (s->now >= (s64)gp)
			return;
		event_add(s, (s64)gp, EVENT_CONSTANT_GP, (u32)s->cpu->id, NULL, 0);
	} else {
		if (gp <= s->gp.completed)
			return;
		gp_request(s, gp, s->now);
	}
	s->sleep_cookie = gp;
}

/* ---- the allocator ---- */

static noinline void freed_early(sim *s, struct object *o)
{
	if (s->policy->flags & POLICY_TYPESAFE)
		return; /* readers revalidate; whole slabs wait for a grace period */
	s->r.objects_freed_early++;
	s->r.violations += reader_may_hold(s, o, s->now);
}

/* The oracle: each object once, and not while a reader could hold it. */
static inline void check_free(sim *s, const struct object *o)
{
	if (unlikely(!o->is_dead))
		sim_fail(s, "policy '%s' frees an object that is not dead (freed twice?)", s->policy->name);
	if (likely(o->unlink_ps <= s->gp.last_completed_start_ps))
		return;
	if (s->m.gp_constant && s->now - o->unlink_ps >= s->m.gp_constant_ns * PS_PER_NS)
		return;
	freed_early(s, (struct object *)o);
}

static enum account leaves(enum dead_state from)
{
	return from == DEAD_READY ? ACCOUNT_READY : ACCOUNT_POSTPONED;
}

void plat_free(struct policy_run *s, struct dead_object *object, enum dead_state from)
{
	struct object *o = (struct object *)object;

	check_free(s, o);
	step_cold(s, STEP_FREE);
	slab_free_object(s, o);
	metrics_free(s, leaves(from), s->now, s->now - o->unlink_ps);
}

void plat_free_bulk(struct policy_run *s, struct dead_object **objects, u32 nr, enum dead_state from)
{
	for (u32 i = 0; i < nr; i++)
		check_free(s, (struct object *)objects[i]);
	step_cold(s, STEP_FREE);
	while (nr) {
		u32 left = slab_free_detached(s, objects, nr);

		for (; nr > left; nr--)
			metrics_free(s, leaves(from), s->now,
				     s->now - ((struct object *)objects[nr - 1])->unlink_ps);
	}
}

void *plat_alloc(struct policy_run *s, size_t bytes)
{
	struct policy_block *block = NULL;

	s->now += s->m.alloc_ps;
	if (bytes <= (size_t)s->m.page_bytes)
		block = calloc(1, sizeof(*block) + bytes);
	if (!block)
		return NULL;
	block->next = s->blocks;
	block->link = &s->blocks;
	if (s->blocks)
		s->blocks->link = &block->next;
	s->blocks = block;
	account(s, ACCOUNT_OVERHEAD, s->now, (s64)bytes);
	return block + 1;
}

void plat_release(struct policy_run *s, void *memory, size_t bytes)
{
	struct policy_block *block = (struct policy_block *)memory - 1;

	s->now += s->m.release_ps;
	account(s, ACCOUNT_OVERHEAD, s->now, -(s64)bytes);
	*block->link = block->next;
	if (block->next)
		block->next->link = block->link;
	free(block);
}

/* ---- delayed work and the shrinker ---- */

static struct sim_work *work_of(struct plat_work *work)
{
	return (struct sim_work *)work->opaque;
}

void plat_work_init(struct policy_run *s, struct plat_work *work,
		    void (*func)(struct policy_run *, struct plat_work *))
{
	(void)s;
	work->func = func;
	*work_of(work) = (struct sim_work){ 0 };
}

/* A timer of the kernel fires at a tick (kernel/time/timer.c); with constant grace periods,
 * exactly when it is due. */
bool plat_work_queue(struct policy_run *s, struct plat_work *work, u64 delay_ns)
{
	struct sim_work *w = work_of(work);
	s64 delay_ps = (s64)delay_ns * PS_PER_NS, due;

	if (w->armed || w->queued)
		return false;
	s->now += s->m.work_queue_ps;
	if (!delay_ns || s->m.gp_constant)
		due = s->now + delay_ps;
	else
		due = timer_expiry(s, s->now, (delay_ps + s->jiffy_ps - 1) / s->jiffy_ps);
	w->armed = s->event_order + 1;
	event_add(s, due, EVENT_WORK, (u32)s->cpu->id, work, w->armed);
	return true;
}

/* The memory may be gone after this: take the work out of its kworker's line. */
static void unqueue(struct cpu *c, struct plat_work *work)
{
	struct plat_work **link = &c->work_head, *last = NULL;

	while (*link && *link != work) {
		last = *link;
		link = &work_of(*link)->next;
	}
	if (!*link)
		return;
	*link = work_of(work)->next;
	if (c->work_tail == work)
		c->work_tail = last;
}

void plat_work_cancel(struct policy_run *s, struct plat_work *work)
{
	struct sim_work *w = work_of(work);

	if (w->queued)
		for (s32 i = 0; i < s->m.nr_cpus; i++)
			unqueue(&s->cpus[i], work);
	w->armed = 0;
	w->queued = 0;
}

void plat_shrinker_register(struct policy_run *s, const struct plat_shrinker *shrinker)
{
	s->shrinker = shrinker;
}

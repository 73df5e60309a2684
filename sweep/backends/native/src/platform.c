/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform.c - policies/policy.h as the native benchmark provides it.
 *
 * A CPU's thread may be interrupted wherever bottom halves are on: here, at the ends of what read the clock
 * anyway, while no lock is held.
 */
#include "log.h"

#include <stdlib.h>

struct spinlock { /* inside plat_lock.opaque */
	struct lock lock;
	struct context *holder;
};

_Static_assert(sizeof(struct spinlock) <= sizeof(((struct plat_lock *)0)->opaque), "plat_lock is too small");

static struct spinlock *spinlock_of(struct plat_lock *lock)
{
	return (struct spinlock *)lock->opaque;
}

static inline void maybe_interrupt(struct policy_run *run, u64 now)
{
	struct context *ctx = here;

	if (ctx->role == ROLE_CPU && unlikely(now >= ctx->cpu->next_tick) && !ctx->locks_held &&
	    !ctx->in_softirq)
		cpu_interrupt(run, ctx->cpu, now);
}

void check_no_locks(struct policy_run *run, const char *where)
{
	if (here->locks_held)
		fail_configuration("policy '%s' returned from %s with a lock held", run->policy->name, where);
}

u32 plat_cpu(struct policy_run *run)
{
	return cpu_here(run)->id;
}

u32 plat_nr_cpus(struct policy_run *run)
{
	return run->nr_cpus;
}

u64 plat_now_ns(struct policy_run *run)
{
	return (u64)clock_to_ns(since_start(run, clock_now()));
}

u64 plat_jiffy_ns(struct policy_run *run)
{
	return (u64)run->m.jiffy_ns;
}

void *plat_state(struct policy_run *run)
{
	return run->state;
}

void *plat_cpu_state(struct policy_run *run, u32 cpu)
{
	return run->cpu_state[cpu];
}

s64 plat_param(struct policy_run *run, u32 index)
{
	return run->params[index];
}

void plat_lock_init(struct policy_run *run, struct plat_lock *lock)
{
	(void)run;
	*spinlock_of(lock) = (struct spinlock){ 0 };
}

void plat_lock(struct policy_run *run, struct plat_lock *plat)
{
	struct spinlock *lock = spinlock_of(plat);

	if (unlikely(!lock_try(&lock->lock))) {
		if (__atomic_load_n(&lock->holder, __ATOMIC_RELAXED) == here)
			fail_configuration(
				"policy '%s' takes a lock that it holds already: it would deadlock",
				run->policy->name);
		count(&here->count.lock_waits, 1);
		lock_wait(&lock->lock);
	}
	__atomic_store_n(&lock->holder, here, __ATOMIC_RELAXED);
	here->locks_held++;
}

void plat_unlock(struct policy_run *run, struct plat_lock *plat)
{
	struct spinlock *lock = spinlock_of(plat);

	if (unlikely(__atomic_load_n(&lock->holder, __ATOMIC_RELAXED) != here))
		fail_configuration("policy '%s' releases a lock that it does not hold", run->policy->name);
	__atomic_store_n(&lock->holder, NULL, __ATOMIC_RELAXED);
	here->locks_held--;
	lock_drop(&lock->lock);
}

void plat_charge(struct policy_run *run, enum plat_cost cost, u32 count)
{
	(void)run, (void)cost, (void)count;
}

/* ---- RCU ---- */

void rcu_post(struct policy_run *run, struct plat_rcu_head *head, s64 objects, bool lazy)
{
	count(&here->count.posted, 1);
	if (!run->kernel_like)
		call_rcu_urcu(run, head, objects);
	else if (run->offloaded)
		call_rcu_nocb(run, cpu_here(run), head, objects, lazy);
	else
		call_rcu_plain(run, cpu_here(run), head, objects);
	maybe_interrupt(run, here->last_stamp);
}

void plat_call_rcu(struct policy_run *run, struct plat_rcu_head *head,
		   void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr_objects)
{
	head->func = func;
	rcu_post(run, head, nr_objects, run->m.lazy);
}

void plat_call_rcu_hurry(struct policy_run *run, struct plat_rcu_head *head,
			 void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr_objects)
{
	head->func = func;
	rcu_post(run, head, nr_objects, false);
}

u64 plat_gp_snapshot(struct policy_run *run)
{
	return gp_snap(run);
}

u64 plat_gp_start(struct policy_run *run, u32 nr_objects)
{
	log_posted(here, nr_objects);
	return gp_request(run, nr_objects);
}

bool plat_gp_done(struct policy_run *run, u64 gp)
{
	return gp <= gp_completed(run);
}

void plat_gp_wait(struct policy_run *run, u64 gp)
{
	if (here->locks_held)
		fail_configuration("policy '%s' waits for a grace period with a lock held",
				   run->policy->name);
	if (!here->call || here->in_softirq)
		fail_configuration("policy '%s' waits for a grace period outside dispose() and call_end()",
				   run->policy->name);
	if (gp <= gp_completed(run))
		return;
	gp_ask_for(run, gp);
	here->sleep_cookie = gp;
}

/* ---- the allocator ---- */

/* From here on it is free to its readers. Its number, while it is still ours. */
static u32 let_go(struct policy_run *run, struct dead_object *dead)
{
	struct object *o = (struct object *)dead;
	const u64 canary = atomic_load_explicit(&o->canary, memory_order_relaxed);

	if (unlikely(canary != CANARY_LIVE))
		fail_configuration("policy '%s' frees an object that %s", run->policy->name,
				   canary == CANARY_FREED ? "is free already (freed twice?)" :
							    "was written to behind its first 32 bytes");
	atomic_store_explicit(&o->canary, CANARY_FREED, memory_order_relaxed);
	return atomic_load_explicit(&o->number, memory_order_relaxed);
}

static void note_freed(struct policy_run *run, u32 number, u64 now, enum dead_state from)
{
	run->freed[number] = now << 1 | (from == DEAD_READY);
}

void plat_free_bulk(struct policy_run *run, struct dead_object **objects, u32 nr, enum dead_state from)
{
	struct context *ctx = here;

	while (nr) {
		const u64 now = stamp(ctx); /* once per slab of them */
		struct detached d;
		u32 left;

		left = object_gather(run, objects, nr, &d);
		for (u32 i = left; i < nr; i++)
			note_freed(run, let_go(run, objects[i]), now, from);
		object_free(run, &d);
		count(&ctx->count.freed, d.nr);
		nr = left;
		maybe_interrupt(run, now);
	}
}

void plat_free(struct policy_run *run, struct dead_object *object, enum dead_state from)
{
	struct context *ctx = here;
	struct object *o = (struct object *)object;
	const u64 now = stamp_free(ctx);

	note_freed(run, let_go(run, object), now, from);
	object_free(run, &(struct detached){ o, o, run->on_slab ? slab_number(run, o) : 0, 1 });
	count(&ctx->count.freed, 1);
	maybe_interrupt(run, now);
}

void *plat_alloc(struct policy_run *run, size_t bytes)
{
	void *memory = bytes <= (size_t)run->m.page_bytes ? malloc(bytes) : NULL;

	if (!memory)
		return NULL;
	log_event(here, stamp(here), FREED, OVERHEAD, (s64)bytes, 0);
	atomic_store(&here->count.alloc_bytes, atomic_load(&here->count.alloc_bytes) + (s64)bytes);
	return memory;
}

void plat_release(struct policy_run *run, void *memory, size_t bytes)
{
	(void)run;
	log_event(here, stamp(here), OVERHEAD, FREED, (s64)bytes, 0);
	atomic_store(&here->count.alloc_bytes, atomic_load(&here->count.alloc_bytes) - (s64)bytes);
	free(memory);
}

/* ---- the shrinker ---- */

void plat_shrinker_register(struct policy_run *run, const struct plat_shrinker *shrinker)
{
	if (atomic_exchange(&run->shrinker, shrinker))
		fail_configuration("policy '%s' registers a second shrinker", run->policy->name);
}

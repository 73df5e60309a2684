/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The platform, as unkind as its contract allows, with its checks. See harness.c. */
#include "harness.h"

_Thread_local u64 random_state;
_Thread_local int locks_held;

u32 plat_cpu(struct policy_run *run)
{
	(void)run;
	return (u32)random_below(NR_CPUS);
}

u32 plat_nr_cpus(struct policy_run *run)
{
	(void)run;
	return NR_CPUS;
}

u64 plat_now_ns(struct policy_run *run)
{
	(void)run;
	return real_ns() * SPEED;
}

u64 plat_jiffy_ns(struct policy_run *run)
{
	(void)run;
	return 4000000;
}

void *plat_state(struct policy_run *run)
{
	return run->state;
}

void *plat_cpu_state(struct policy_run *run, u32 cpu)
{
	check(cpu < NR_CPUS, "no CPU %u", cpu);
	return run->cpus[cpu];
}

s64 plat_param(struct policy_run *run, u32 index)
{
	check(index < run->policy->nr_params, "no parameter %u", index);
	return run->params[index];
}

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct plat_lock), "a lock fits");
_Static_assert(sizeof(struct work) <= sizeof(((struct plat_work *)0)->opaque), "a work fits");

void plat_lock_init(struct policy_run *run, struct plat_lock *lock)
{
	(void)run;
	pthread_mutex_init((pthread_mutex_t *)lock, NULL);
}

void plat_lock(struct policy_run *run, struct plat_lock *lock)
{
	(void)run;
	check(!locks_held, "a second lock");
	pthread_mutex_lock((pthread_mutex_t *)lock);
	locks_held++;
}

void plat_unlock(struct policy_run *run, struct plat_lock *lock)
{
	(void)run;
	locks_held--;
	pthread_mutex_unlock((pthread_mutex_t *)lock);
}

static u64 enqueue(struct policy_run *run, struct plat_rcu_head *head,
		   void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr)
{
	struct callback *callback = malloc(sizeof(*callback));
	u64 gp;

	check(!run->stopped, "posted after stop()");
	take_from(&run->postponed, nr, "postponed");
	run->in_gp += nr;
	pthread_mutex_lock(&run->gp_lock);
	gp = run->begun + 1;
	*callback = (struct callback){ run->waiting, head, func, gp, nr };
	run->waiting = callback;
	run->outstanding++;
	pthread_mutex_unlock(&run->gp_lock);
	return gp;
}

void plat_call_rcu(struct policy_run *run, struct plat_rcu_head *head,
		   void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr)
{
	memset(head, 0x5a, sizeof(*head)); /* RCU's from here */
	enqueue(run, head, func, nr);
}

void plat_call_rcu_hurry(struct policy_run *run, struct plat_rcu_head *head,
			 void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr)
{
	plat_call_rcu(run, head, func, nr);
}

u64 plat_gp_snapshot(struct policy_run *run)
{
	u64 cookie;

	pthread_mutex_lock(&run->gp_lock);
	cookie = run->begun + 1;
	pthread_mutex_unlock(&run->gp_lock);
	return cookie;
}

u64 plat_gp_start(struct policy_run *run, u32 nr)
{
	return enqueue(run, NULL, NULL, nr);
}

bool plat_gp_done(struct policy_run *run, u64 cookie)
{
	bool done;

	pthread_mutex_lock(&run->gp_lock);
	done = run->ended >= cookie;
	pthread_mutex_unlock(&run->gp_lock);
	return done;
}

void plat_gp_wait(struct policy_run *run, u64 cookie)
{
	check(!locks_held, "waits with a lock held");
	pthread_mutex_lock(&run->gp_lock);
	while (run->ended < cookie)
		pthread_cond_wait(&run->gp_ended, &run->gp_lock);
	pthread_mutex_unlock(&run->gp_lock);
}

void plat_free(struct policy_run *run, struct dead_object *dead, enum dead_state from)
{
	struct object *object = (struct object *)dead;
	bool owes_gp = !(run->policy->flags & POLICY_TYPESAFE) &&
		       !(object->exit && !strcmp(run->policy->name, "direct_exit"));

	check(!locks_held, "frees with a lock held");
	check(object->canary == LIVE, "freed twice");
	for (int i = 0; i < PAYLOAD; i++)
		check(object->payload[i] == object->needs_gp + (u64)i, "wrote behind its 32 bytes");
	if (owes_gp)
		check(plat_gp_done(run, object->needs_gp), "freed before its grace period has ended");
	take_from(from == DEAD_READY ? &run->ready_objects : &run->postponed, 1,
		  from == DEAD_READY ? "ready" : "postponed");
	object->canary = FREED;
	memset(&object->dead, 0xa5, sizeof(object->dead));
	free(object);
	run->freed++;
}

void plat_free_bulk(struct policy_run *run, struct dead_object **objects, u32 nr, enum dead_state from)
{
	check(nr, "bulk free of nothing");
	for (u32 i = 0; i < nr; i++)
		plat_free(run, objects[i], from);
}

void *plat_alloc(struct policy_run *run, size_t bytes)
{
	check(bytes && bytes <= 4096, "allocates %zu bytes", bytes);
	if (!random_below(4))
		return NULL;
	run->allocated += (long)bytes;
	return memset(malloc(bytes), 0xcc, bytes);
}

void plat_release(struct policy_run *run, void *memory, size_t bytes)
{
	take_from(&run->allocated, (long)bytes, "bytes");
	memset(memory, 0xdd, bytes);
	free(memory);
}

void plat_work_init(struct policy_run *run, struct plat_work *work,
		    void (*func)(struct policy_run *, struct plat_work *))
{
	(void)run;
	memset(work, 0, sizeof(*work));
	work->func = func;
}

bool plat_work_queue(struct policy_run *run, struct plat_work *work, u64 delay_ns)
{
	struct work *w = work_of(work);
	bool queued;

	check(!run->stopped, "work queued after stop()");
	check(delay_ns < (u64)3600 * 1000000000, "work put off for more than an hour");
	pthread_mutex_lock(&run->work_lock);
	queued = !w->pending && !w->cancelling;
	if (queued) {
		w->pending = true;
		w->due_ns = plat_now_ns(run) + delay_ns;
		w->next = run->works;
		run->works = work;
		run->works_alive++;
	}
	pthread_mutex_unlock(&run->work_lock);
	return queued;
}

void unlink_work(struct policy_run *run, struct plat_work *work)
{
	struct plat_work **link = &run->works;

	while (*link != work)
		link = &work_of(*link)->next;
	*link = work_of(work)->next;
	work_of(work)->pending = false;
}

void plat_work_cancel(struct policy_run *run, struct plat_work *work)
{
	struct work *w = work_of(work);

	check(!locks_held, "cancels work with a lock held");
	pthread_mutex_lock(&run->work_lock);
	w->cancelling = true;
	if (w->pending) {
		unlink_work(run, work);
		run->works_alive--;
	}
	while (w->running)
		pthread_cond_wait(&run->work_done, &run->work_lock);
	w->cancelling = false;
	pthread_mutex_unlock(&run->work_lock);
}

void plat_shrinker_register(struct policy_run *run, const struct plat_shrinker *shrinker)
{
	check(!run->shrinker, "a second shrinker");
	run->shrinker = shrinker;
}

void plat_charge(struct policy_run *run, enum plat_cost cost, u32 count)
{
	(void)run, (void)cost, (void)count;
}

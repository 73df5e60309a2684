// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* platform.c - policies/policy.h as the kernel provides it; call_rcu() is in callbacks.c. */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/rcupdate_wait.h>
#include "lab.h"

#define MIN_MEMORY sizeof(struct lab_object) /* so that callbacks.c may look behind any head */

/* The platform's part of struct plat_work. */
struct lab_work {
	struct delayed_work dwork;
	struct policy_run *run;
};

static_assert(sizeof(spinlock_t) <= sizeof(struct plat_lock));
static_assert(sizeof(struct lab_work) <= sizeof_field(struct plat_work, opaque));

u32 plat_cpu(struct policy_run *run)
{
	return raw_smp_processor_id();
}

u32 plat_nr_cpus(struct policy_run *run)
{
	return nr_cpu_ids;
}

u64 plat_now_ns(struct policy_run *run)
{
	return ktime_get_ns();
}

u64 plat_jiffy_ns(struct policy_run *run)
{
	return TICK_NSEC;
}

void *plat_state(struct policy_run *run)
{
	return run->state;
}

void *plat_cpu_state(struct policy_run *run, u32 cpu)
{
	return run->cpu_states + cpu * run->cpu_stride;
}

s64 plat_param(struct policy_run *run, u32 index)
{
	return run->params[index];
}

void plat_charge(struct policy_run *run, enum plat_cost cost, u32 count)
{
}

/* ---- locks ---- */

static spinlock_t *spinlock_of(struct plat_lock *lock)
{
	return (spinlock_t *)lock->opaque;
}

void plat_lock_init(struct policy_run *run, struct plat_lock *lock)
{
	spin_lock_init(spinlock_of(lock));
}

void plat_lock(struct policy_run *run, struct plat_lock *lock) __acquires(lock)
{
	if (!spin_trylock_bh(spinlock_of(lock))) {
		atomic64_inc(&run->lock_waits);
		spin_lock_bh(spinlock_of(lock));
	}
}

void plat_unlock(struct policy_run *run, struct plat_lock *lock) __releases(lock)
{
	spin_unlock_bh(spinlock_of(lock));
}

/* ---- grace periods ---- */

u64 plat_gp_snapshot(struct policy_run *run)
{
	return get_state_synchronize_rcu();
}

u64 plat_gp_start(struct policy_run *run, u32 nr_objects)
{
	unsigned long cookie = start_poll_synchronize_rcu();

	if (nr_objects)
		record_start(run, cookie, nr_objects);
	return cookie;
}

bool plat_gp_done(struct policy_run *run, u64 cookie)
{
	return poll_state_synchronize_rcu(cookie);
}

void plat_gp_wait(struct policy_run *run, u64 cookie)
{
	if (poll_state_synchronize_rcu(cookie))
		return;
	atomic64_inc(&run->work_wakeups);
	cond_synchronize_rcu(cookie);
	record_served(run);
}

/* ---- the allocator ---- */

void plat_free(struct policy_run *run, struct dead_object *object, enum dead_state from)
{
	if (record_free(run, (struct lab_object *)object, lab_now(run), from))
		kmem_cache_free(run->cache, object);
}

void plat_free_bulk(struct policy_run *run, struct dead_object **objects, u32 nr, enum dead_state from)
{
	u64 t = lab_now(run);
	u32 i;

	for (i = 0; i < nr; i++)
		if (!record_free(run, (struct lab_object *)objects[i], t, from))
			return;
	kmem_cache_free_bulk(run->cache, nr, (void **)objects);
}

void *plat_alloc(struct policy_run *run, size_t bytes)
{
	void *memory = NULL;

	if (bytes <= PAGE_SIZE)
		memory = kmalloc(max_t(size_t, bytes, MIN_MEMORY), GFP_NOWAIT | __GFP_NOWARN);
	if (!memory)
		return NULL;
	atomic64_add(bytes, &run->memory_bytes);
	record_change(run, ENTRY_MEMORY, lab_now(run), (s32)bytes);
	return memory;
}

void plat_release(struct policy_run *run, void *memory, size_t bytes)
{
	record_change(run, ENTRY_MEMORY, lab_now(run), -(s32)bytes);
	atomic64_sub(bytes, &run->memory_bytes);
	kfree(memory);
}

/* ---- delayed work ---- */

static struct lab_work *work_of(struct plat_work *work)
{
	return (struct lab_work *)work->opaque;
}

static void work_func(struct work_struct *w)
{
	struct lab_work *lab = container_of(to_delayed_work(w), struct lab_work, dwork);
	struct plat_work *work = container_of((void *)lab, struct plat_work, opaque);
	struct policy_run *run = lab->run;
	u64 start = ktime_get_ns();

	work->func(run, work); /* what holds the work may be gone now */
	atomic64_add(ktime_get_ns() - start, &run->work_ns);
}

void plat_work_init(struct policy_run *run, struct plat_work *work,
		    void (*func)(struct policy_run *, struct plat_work *))
{
	work->func = func;
	work_of(work)->run = run;
	INIT_DELAYED_WORK(&work_of(work)->dwork, work_func);
}

bool plat_work_queue(struct policy_run *run, struct plat_work *work, u64 delay_ns)
{
	return queue_delayed_work(run->wq, &work_of(work)->dwork, DIV_ROUND_UP_ULL(delay_ns, TICK_NSEC));
}

void plat_work_cancel(struct policy_run *run, struct plat_work *work)
{
	cancel_delayed_work_sync(&work_of(work)->dwork);
}

/* ---- the shrinker ---- */

static unsigned long count_objects(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct policy_run *run = lab_shrinker_run(shrinker);

	return run->shrinker->count(run);
}

static unsigned long scan_objects(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct policy_run *run = lab_shrinker_run(shrinker);
	u64 start = ktime_get_ns();
	u64 done = run->shrinker->scan(run, sc->nr_to_scan);

	atomic64_add(ktime_get_ns() - start, &run->work_ns);
	atomic64_inc(&run->shrinker_calls);
	if (done == PLAT_SHRINK_STOP)
		return SHRINK_STOP;
	atomic64_add(done, &run->shrinker_scanned);
	return done;
}

void plat_shrinker_register(struct policy_run *run, const struct plat_shrinker *shrinker)
{
	run->shrinker = shrinker;
	run->lab_shrinker.run = run;
	if (lab_shrinker_register(&run->lab_shrinker, count_objects, scan_objects, (int)shrinker->seeks,
				  shrinker->batch)) {
		run->shrinker = NULL;
		lab_fail_environment(run, "no memory for a shrinker");
	}
}

/* ---- the run ---- */

int platform_start(struct policy_run *run)
{
	callbacks_start(run);
	run->wq = alloc_workqueue("rcu_sweep", WQ_MEM_RECLAIM, 0);
	run->state = kvzalloc(run->policy->state_size + 1, GFP_KERNEL);
	run->cpu_stride = ALIGN(run->policy->cpu_size + 1, SMP_CACHE_BYTES);
	run->cpu_states = kvcalloc(nr_cpu_ids, run->cpu_stride, GFP_KERNEL);
	if (!run->wq || !run->state || !run->cpu_states)
		return -ENOMEM;
	run->policy_started = true;
	if (run->policy->start)
		run->policy->start(run);
	return 0;
}

/* Every mm has been stopped. When this returns, nothing of the policy runs or will run. */
void platform_stop(struct policy_run *run)
{
	int round;

	if (run->shrinker)
		lab_shrinker_unregister(&run->lab_shrinker);
	if (run->policy_started && run->policy->stop)
		run->policy->stop(run);
	for (round = 0; round < 3; round++) { /* a callback may post again, or queue work that does */
		rcu_barrier();
		if (run->wq)
			flush_workqueue(run->wq);
	}
	if (run->wq)
		destroy_workqueue(run->wq);
	callbacks_stop(run);
	kvfree(run->cpu_states);
	kvfree(run->state);
}

/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * A platform on which nothing happens, without libc. Policies are linked with it where only
 * their parameter tables are read (policies/__init__.py), and where it is to be shown that a
 * policy needs nothing but this interface (tests/policies/test_freestanding.py). No policy is
 * ever run on it.
 */
#include "../policy.h"

u32 plat_cpu(struct policy_run *run)
{
	(void)run;
	return 0;
}

u32 plat_nr_cpus(struct policy_run *run)
{
	(void)run;
	return 1;
}

u64 plat_now_ns(struct policy_run *run)
{
	(void)run;
	return 0;
}

u64 plat_jiffy_ns(struct policy_run *run)
{
	(void)run;
	return 1;
}

void *plat_state(struct policy_run *run)
{
	(void)run;
	return NULL;
}

void *plat_cpu_state(struct policy_run *run, u32 cpu)
{
	(void)run;
	(void)cpu;
	return NULL;
}

s64 plat_param(struct policy_run *run, u32 index)
{
	(void)run;
	(void)index;
	return 0;
}

void plat_lock_init(struct policy_run *run, struct plat_lock *lock)
{
	(void)run;
	(void)lock;
}

void plat_lock(struct policy_run *run, struct plat_lock *lock)
{
	(void)run;
	(void)lock;
}

void plat_unlock(struct policy_run *run, struct plat_lock *lock)
{
	(void)run;
	(void)lock;
}

void plat_call_rcu(struct policy_run *run, struct plat_rcu_head *head,
		   void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr_objects)
{
	(void)run;
	(void)head;
	(void)func;
	(void)nr_objects;
}

void plat_call_rcu_hurry(struct policy_run *run, struct plat_rcu_head *head,
			 void (*func)(struct policy_run *, struct plat_rcu_head *), u32 nr_objects)
{
	(void)run;
	(void)head;
	(void)func;
	(void)nr_objects;
}

u64 plat_gp_snapshot(struct policy_run *run)
{
	(void)run;
	return 0;
}

u64 plat_gp_start(struct policy_run *run, u32 nr_objects)
{
	(void)run;
	(void)nr_objects;
	return 0;
}

bool plat_gp_done(struct policy_run *run, u64 cookie)
{
	(void)run;
	(void)cookie;
	return true;
}

void plat_gp_wait(struct policy_run *run, u64 cookie)
{
	(void)run;
	(void)cookie;
}

void plat_free(struct policy_run *run, struct dead_object *object, enum dead_state from)
{
	(void)run;
	(void)object;
	(void)from;
}

void plat_free_bulk(struct policy_run *run, struct dead_object **objects, u32 nr, enum dead_state from)
{
	(void)run;
	(void)objects;
	(void)nr;
	(void)from;
}

void *plat_alloc(struct policy_run *run, size_t bytes)
{
	(void)run;
	(void)bytes;
	return NULL;
}

void plat_release(struct policy_run *run, void *memory, size_t bytes)
{
	(void)run;
	(void)memory;
	(void)bytes;
}

void plat_work_init(struct policy_run *run, struct plat_work *work,
		    void (*func)(struct policy_run *, struct plat_work *))
{
	(void)run;
	(void)work;
	(void)func;
}

bool plat_work_queue(struct policy_run *run, struct plat_work *work, u64 delay_ns)
{
	(void)run;
	(void)work;
	(void)delay_ns;
	return true;
}

void plat_work_cancel(struct policy_run *run, struct plat_work *work)
{
	(void)run;
	(void)work;
}

void plat_shrinker_register(struct policy_run *run, const struct plat_shrinker *shrinker)
{
	(void)run;
	(void)shrinker;
}

void plat_charge(struct policy_run *run, enum plat_cost cost, u32 count)
{
	(void)run;
	(void)cost;
	(void)count;
}

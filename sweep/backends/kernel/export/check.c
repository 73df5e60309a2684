// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * check.c - the confirmation: disposes of the same objects through per_object and through the
 * recommended policy, in turns while the module loads, and says on the kernel log what each took.
 *
 * It stands where the lab has its driver and its recorder; the parameters are in parameters.c;
 * platform.c, callbacks.c, fail.c, compat.h, and the policies are the lab's own files.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include "lab.h"
#include "parameters.h"
#include "workload.h"

#define MAX_OBJECTS 1000000u

/* The work of a round: so many address spaces, one after the other; each is freed from by calls, then exits. */
static unsigned int exits = WORKLOAD_EXITS;
module_param(exits, uint, 0444);
MODULE_PARM_DESC(exits, "Address spaces that exit in a round");

static unsigned int exit_objects = WORKLOAD_EXIT_OBJECTS;
module_param(exit_objects, uint, 0444);
MODULE_PARM_DESC(exit_objects, "Objects that an exit disposes of");

static unsigned int calls = WORKLOAD_CALLS;
module_param(calls, uint, 0444);
MODULE_PARM_DESC(calls, "Calls before each exit that free with the address space alive, as munmap() does");

static unsigned int call_objects = WORKLOAD_CALL_OBJECTS;
module_param(call_objects, uint, 0444);
MODULE_PARM_DESC(call_objects, "Objects of such a call");

static unsigned int object_bytes = WORKLOAD_OBJECT_BYTES;
module_param(object_bytes, uint, 0444);
MODULE_PARM_DESC(object_bytes, "Size of an object in bytes, 56 .. 4096");

static unsigned int rounds = 5;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "Rounds of each policy, 1 .. 100");

static unsigned int window_ms = 1000;
module_param(window_ms, uint, 0444);
MODULE_PARM_DESC(window_ms, "Length of a round in ms, over which retained memory is averaged, 10 .. 60000");

static unsigned int nr_objects; /* of a round */
static atomic_t nr_freed;

/* ---- what the platform layer tells its recorder ---- */

void record_change(struct policy_run *run, enum entry_kind kind, u64 t, s32 n)
{
}

void record_served(struct policy_run *run)
{
}

void record_start(struct policy_run *run, unsigned long cookie, u32 n)
{
}

bool record_free(struct policy_run *run, struct lab_object *o, u64 t, enum dead_state from)
{
	if (o->canary != lab_canary(o, o->id)) {
		lab_fail(run, "policy '%s' frees an object that is not dead (freed twice?)",
			 run->policy->name);
		return false;
	}
	WRITE_ONCE(o->canary, 0);
	run->freed[o->id] = t;
	atomic_inc(&nr_freed);
	return true;
}

/* ---- the check ---- */

static int set_params(struct policy_run *run, bool recommended)
{
	u32 i;

	for (i = 0; i < run->policy->nr_params; i++) {
		const struct policy_param *p = &run->policy->params[i];
		s64 value = recommended ? recommended_value(p->name, p->def) : p->def;

		if (value < 0 || (p->type == PARAM_INT && (value < p->min || value > p->max)) ||
		    (p->type == PARAM_BOOL && value > 1)) {
			pr_err("%s=%lld is out of range: %lld .. %lld\n", p->name, value, p->min,
			       p->type == PARAM_BOOL ? 1 : p->max);
			return -EINVAL;
		}
		run->params[i] = value;
	}
	return 0;
}

static int fill(struct policy_run *run, struct lab_object **all)
{
	u32 i;

	for (i = 0; i < nr_objects; i++) {
		all[i] = kmem_cache_alloc(run->cache, GFP_KERNEL);
		if (!all[i])
			return -ENOMEM;
		all[i]->id = i;
		all[i]->riders = 0;
		all[i]->canary = lab_canary(all[i], i);
		if (!(i & 255))
			cond_resched();
	}
	return 0;
}

static void give_back(struct policy_run *run, struct lab_object **all)
{
	u32 i;

	for (i = 0; i < nr_objects && all[i]; i++)
		kmem_cache_free(run->cache, all[i]);
}

static void one_call(struct policy_run *run, void *mm, enum policy_call_kind kind, struct lab_object **all,
		     u32 n)
{
	struct policy_call call = { .kind = kind, .mm = mm };
	u32 i;

	if (run->policy->call_begin)
		run->policy->call_begin(run, &call);
	for (i = 0; i < n; i++) {
		run->unlink[all[i]->id] = lab_now(run);
		run->policy->dispose(run, &call, &all[i]->dead);
		if (kind == CALL_EXIT)
			cond_resched(); /* as exit_mmap() does per VMA (mm/mmap.c, 6.12) */
	}
	if (run->policy->call_end)
		run->policy->call_end(run, &call);
}

/* Calls, then the exit: how long that took, in ns. */
static u64 tear_down(struct policy_run *run, void *mm, struct lab_object **all)
{
	u64 start, end;
	u32 i;

	memset(mm, 0, run->policy->mm_size);
	if (run->policy->mm_start)
		run->policy->mm_start(run, mm);
	for (i = 0; i < calls; i++, all += call_objects)
		one_call(run, mm, CALL_MUNMAP, all, call_objects);
	start = ktime_get_ns();
	one_call(run, mm, CALL_EXIT, all, exit_objects);
	end = ktime_get_ns();
	if (run->policy->mm_stop)
		run->policy->mm_stop(run, mm);
	return end - start;
}

static void sleep_until(struct policy_run *run, u64 t)
{
	u64 now = lab_now(run);

	if (now < t)
		fsleep(div_u64(t - now, NSEC_PER_USEC) + 1);
}

/* Exits at even distances over the window: the mean time of one, in ns. */
static u64 play(struct policy_run *run, void *mm, struct lab_object **all)
{
	u64 window = (u64)window_ms * NSEC_PER_MSEC, sum = 0;
	u32 i;

	run->start = ktime_get_ns();
	for (i = 0; i < exits; i++, all += nr_objects / exits) {
		sleep_until(run, div_u64(window * i, exits));
		sum += tear_down(run, mm, all);
	}
	sleep_until(run, window);
	run->end = lab_now(run);
	return div_u64(sum, exits);
}

/* Dead objects in bytes, averaged over the window. */
static u64 retained(const struct policy_run *run)
{
	u64 ns = 0;
	u32 i;

	for (i = 0; i < nr_objects; i++)
		ns += min(run->freed[i], run->end) - min(run->unlink[i], run->end);
	return div64_u64(div_u64(ns, NSEC_PER_USEC) * object_bytes, div_u64(run->end, NSEC_PER_USEC));
}

static int told(struct policy_run *run, u32 round, bool recommended, u64 exit_ns)
{
	u64 callbacks = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		callbacks += per_cpu_ptr(run->cpus, cpu)->callbacks;
	if (atomic_read(&run->failed)) {
		pr_err("policy=%s FAILED: %s\n", run->policy->name, run->message);
		return -EIO;
	}
	if (atomic_read(&nr_freed) != nr_objects) {
		pr_err("policy=%s FAILED: %d of %u objects were freed\n", run->policy->name,
		       atomic_read(&nr_freed), nr_objects);
		return -EIO;
	}
	pr_notice("round=%u role=%s policy=%s objects=%u object_bytes=%u freed=%d exit_ns=%llu "
		  "retained_bytes=%llu callbacks=%llu ok\n",
		  round, recommended ? "recommended" : "baseline", run->policy->name, nr_objects,
		  object_bytes, atomic_read(&nr_freed), exit_ns, retained(run), callbacks);
	return 0;
}

static int dispose_of(struct policy_run *run, struct lab_object **all, void *mm, u32 round, bool recommended)
{
	u64 exit_ns = 0;
	int error;

	run->cache = lab_cache_create("rcu_batch", object_bytes,
				      run->policy->flags & POLICY_TYPESAFE ? SLAB_TYPESAFE_BY_RCU : 0,
				      offsetof(struct lab_object, dead.next));
	if (!run->cache)
		return -ENOMEM;
	error = fill(run, all);
	if (!error) {
		error = platform_start(run);
		if (!error)
			exit_ns = play(run, mm, all);
		platform_stop(run);
	}
	if (error)
		give_back(run, all);
	else
		error = told(run, round, recommended, exit_ns);
	kmem_cache_destroy(run->cache); /* says so on the log if anything is left in it */
	return error;
}

static int check(const struct policy *policy, u32 round, bool recommended)
{
	struct policy_run *run = kvzalloc(sizeof(*run), GFP_KERNEL);
	struct lab_object **all = kvcalloc(nr_objects, sizeof(*all), GFP_KERNEL);
	void *mm = kvzalloc(policy->mm_size + 1, GFP_KERNEL);
	int error = -ENOMEM;

	if (!run)
		goto out;
	run->policy = policy;
	run->measuring = true;
	spin_lock_init(&run->riders_lock);
	raw_spin_lock_init(&run->starts_lock);
	hash_init(run->riders);
	atomic_set(&nr_freed, 0);
	run->cpus = alloc_percpu(struct lab_cpu);
	run->unlink = kvcalloc(nr_objects, sizeof(*run->unlink), GFP_KERNEL);
	run->freed = kvcalloc(nr_objects, sizeof(*run->freed), GFP_KERNEL);
	if (!all || !mm || !run->cpus || !run->unlink || !run->freed)
		goto out;
	error = set_params(run, recommended);
	if (!error)
		error = dispose_of(run, all, mm, round, recommended);
out:
	if (run) {
		kvfree(run->freed);
		kvfree(run->unlink);
		free_percpu(run->cpus);
	}
	kvfree(mm);
	kvfree(all);
	kvfree(run);
	return error;
}

static bool is_between(const char *name, unsigned int value, unsigned int low, unsigned int high)
{
	if (value >= low && value <= high)
		return true;
	pr_err("%s=%u: expected %u .. %u\n", name, value, low, high);
	return false;
}

static int __init rcu_batch_init(void)
{
	u64 objects = (u64)exits * ((u64)calls * call_objects + exit_objects);
	int error = 0;
	u32 round;

	if (!is_between("exits", exits, 1, MAX_OBJECTS) ||
	    !is_between("exit_objects", exit_objects, 1, MAX_OBJECTS) ||
	    !is_between("calls", calls, 0, MAX_OBJECTS) ||
	    !is_between("call_objects", call_objects, 1, MAX_OBJECTS) ||
	    !is_between("object_bytes", object_bytes, sizeof(struct lab_object), 4096) ||
	    !is_between("rounds", rounds, 1, 100) || !is_between("window_ms", window_ms, 10, 60000))
		return -EINVAL;
	if (objects > MAX_OBJECTS) {
		pr_err("exits x (calls x call_objects + exit_objects) is %llu: expected at most %u\n",
		       objects, MAX_OBJECTS);
		return -EINVAL;
	}
	nr_objects = (unsigned int)objects;
	for (round = 1; round <= rounds && !error; round++)
		error = check(&policy_per_object, round, false) ?: check(recommended_policy, round, true);
	return error;
}

static void __exit rcu_batch_exit(void)
{
	rcu_barrier();
}

module_init(rcu_batch_init);
module_exit(rcu_batch_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Confirmation of a recommended policy for frees after an RCU grace period");

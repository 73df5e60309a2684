// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * check.c - the confirmation: disposes of the same objects through per_object and through the
 * recommended policy, once each while the module loads, and says on the kernel log what each took.
 *
 * It stands where the lab has its driver and its recorder; platform.c, callbacks.c, fail.c, compat.h, and
 * the policies are the lab's own files.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include "lab.h"
#include "recommended.h"

static unsigned int objects = 20000;
module_param(objects, uint, 0444);
MODULE_PARM_DESC(objects, "Objects of the teardown that is timed, 1 .. 1000000");

static unsigned int object_bytes = 192;
module_param(object_bytes, uint, 0444);
MODULE_PARM_DESC(object_bytes, "Size of an object in bytes, 56 .. 4096");

/* One parameter per parameter of the policy, named as in its table; the default is the recommended value. */
#define RECOMMENDED_PARAM(name, value, help)                  \
	static unsigned long long param_##name = (value);     \
	module_param_named(name, param_##name, ullong, 0444); \
	MODULE_PARM_DESC(name, help);
RECOMMENDED_PARAMS
#undef RECOMMENDED_PARAM

#define CALL_OBJECTS 4 /* of a call that leaves the address space alive */

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
	atomic_inc(&nr_freed);
	return true;
}

/* ---- the check ---- */

static s64 recommended_value(const char *name, s64 def)
{
#define RECOMMENDED_PARAM(param, value, help) \
	if (!strcmp(name, #param))            \
		return (s64)param_##param;
	RECOMMENDED_PARAMS
#undef RECOMMENDED_PARAM
	return def;
}

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

	for (i = 0; i < objects; i++) {
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

static void one_call(struct policy_run *run, void *mm, enum policy_call_kind kind, struct lab_object **all,
		     u32 n)
{
	struct policy_call call = { .kind = kind, .mm = mm };
	u32 i;

	if (run->policy->call_begin)
		run->policy->call_begin(run, &call);
	for (i = 0; i < n; i++) {
		run->policy->dispose(run, &call, &all[i]->dead);
		if (!(i & 1023))
			cond_resched();
	}
	if (run->policy->call_end)
		run->policy->call_end(run, &call);
}

/* A tenth goes by small calls, the rest in one exit, which is timed. */
static u64 tear_down(struct policy_run *run, void *mm, struct lab_object **all)
{
	u32 done = 0;
	u64 start, end;

	if (run->policy->mm_start)
		run->policy->mm_start(run, mm);
	for (; done + CALL_OBJECTS <= objects / 10; done += CALL_OBJECTS)
		one_call(run, mm, CALL_MUNMAP, all + done, CALL_OBJECTS);
	start = ktime_get_ns();
	one_call(run, mm, CALL_EXIT, all + done, objects - done);
	end = ktime_get_ns();
	if (run->policy->mm_stop)
		run->policy->mm_stop(run, mm);
	return div_u64(end - start, max(objects - done, 1u));
}

static int check(const struct policy *policy, bool recommended)
{
	struct policy_run *run = kvzalloc(sizeof(*run), GFP_KERNEL);
	struct lab_object **all = kvcalloc(objects, sizeof(*all), GFP_KERNEL);
	void *mm = kvzalloc(policy->mm_size + 1, GFP_KERNEL);
	u64 ns_per_object = 0, callbacks = 0;
	int cpu, error = -ENOMEM;
	u32 i;

	if (!run || !all || !mm)
		goto out;
	run->policy = policy;
	run->start = ktime_get_ns();
	run->measuring = true;
	spin_lock_init(&run->riders_lock);
	raw_spin_lock_init(&run->starts_lock);
	hash_init(run->riders);
	atomic_set(&nr_freed, 0);
	error = set_params(run, recommended);
	if (error)
		goto out;
	error = -ENOMEM;
	run->cpus = alloc_percpu(struct lab_cpu);
	run->cache = lab_cache_create("rcu_batch", object_bytes,
				      policy->flags & POLICY_TYPESAFE ? SLAB_TYPESAFE_BY_RCU : 0,
				      offsetof(struct lab_object, dead.next));
	if (!run->cpus || !run->cache)
		goto out;
	error = fill(run, all);
	if (error) {
		for (i = 0; i < objects && all[i]; i++)
			kmem_cache_free(run->cache, all[i]);
		goto out;
	}
	error = platform_start(run);
	if (!error)
		ns_per_object = tear_down(run, mm, all);
	platform_stop(run);
	if (error) {
		for (i = 0; i < objects; i++)
			kmem_cache_free(run->cache, all[i]);
		goto out;
	}
	for_each_possible_cpu (cpu)
		callbacks += per_cpu_ptr(run->cpus, cpu)->callbacks;
	if (atomic_read(&run->failed)) {
		pr_err("policy=%s FAILED: %s\n", policy->name, run->message);
		error = -EIO;
	} else if (atomic_read(&nr_freed) != objects) {
		pr_err("policy=%s FAILED: %d of %u objects were freed\n", policy->name,
		       atomic_read(&nr_freed), objects);
		error = -EIO;
	} else {
		pr_notice("policy=%s role=%s objects=%u freed=%d exit_ns_per_object=%llu callbacks=%llu ok\n",
			  policy->name, recommended ? "recommended" : "baseline", objects,
			  atomic_read(&nr_freed), ns_per_object, callbacks);
	}
out:
	if (run) {
		kmem_cache_destroy(run->cache); /* says so on the log if anything is left in it */
		free_percpu(run->cpus);
	}
	kvfree(mm);
	kvfree(all);
	kvfree(run);
	return error;
}

static int __init rcu_batch_init(void)
{
	if (!objects || objects > 1000000 || object_bytes < sizeof(struct lab_object) ||
	    object_bytes > 4096) {
		pr_err("objects=%u object_bytes=%u: expected 1 .. 1000000 and %zu .. 4096\n", objects,
		       object_bytes, sizeof(struct lab_object));
		return -EINVAL;
	}
	return check(&policy_per_object, false) ?: check(&RECOMMENDED_POLICY, true);
}

static void __exit rcu_batch_exit(void)
{
	rcu_barrier();
}

module_init(rcu_batch_init);
module_exit(rcu_batch_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Confirmation of a recommended policy for frees after an RCU grace period");

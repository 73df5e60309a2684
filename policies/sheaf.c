/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * sheaf - a per-CPU array of pointers, one call_rcu() per full array.
 *
 * holds    up to `capacity` objects per CPU, in an array with a lock.
 * posts    a full sheaf; with `flush_ms` also a partial one, that long after its first
 *          object; a single object if there is no memory for a sheaf.
 * frees    the sheaf in bulk, in its callback.
 * bounds   `capacity` bounds the space per CPU. Without `flush_ms` nothing bounds the time:
 *          a partial sheaf stays until the next free on its CPU. The newest object of a
 *          sheaf sets the wait for all of them.
 *
 * Not as in the kernel: the empty sheaf goes back to the allocator, not to a barn.
 */
#include "policy.h"

enum { CAPACITY, FLUSH };

static const struct policy_param params[] = {
	[CAPACITY] = { "capacity", PARAM_INT, 8, 496, true, 32, "objects", "objects of a sheaf", NULL, NULL },
	[FLUSH] = { "flush_ms", PARAM_INT, 0, 1000, false, 0, "ms",
		    "post a partial sheaf this long after its first object; 0: never", NULL, NULL },
};

struct sheaf {
	struct plat_rcu_head rcu; /* first, so that free_sheaf() finds it */
	u32 nr;
	struct dead_object *objects[];
};

struct cpu {
	struct plat_work work; /* first, so that work_func() finds its CPU */
	struct plat_lock lock;
	struct sheaf *sheaf;
	u64 since_ns; /* first object of the sheaf */
};

static size_t sheaf_bytes(struct policy_run *run)
{
	return sizeof(struct sheaf) + (size_t)plat_param(run, CAPACITY) * sizeof(struct dead_object *);
}

static void free_sheaf(struct policy_run *run, struct plat_rcu_head *head)
{
	struct sheaf *sheaf = (struct sheaf *)head;

	plat_charge(run, PLAT_COST_STORE, sheaf->nr);
	plat_free_bulk(run, sheaf->objects, sheaf->nr, DEAD_READY);
	plat_release(run, sheaf, sheaf_bytes(run));
}

static void post(struct policy_run *run, struct sheaf *sheaf)
{
	if (sheaf)
		plat_call_rcu(run, &sheaf->rcu, free_sheaf, sheaf->nr);
}

static struct sheaf *take(struct cpu *cpu)
{
	struct sheaf *sheaf = cpu->sheaf;

	cpu->sheaf = NULL;
	return sheaf;
}

static u64 flush_ns(struct policy_run *run)
{
	return (u64)plat_param(run, FLUSH) * 1000000;
}

static void work_func(struct policy_run *run, struct plat_work *work)
{
	struct cpu *cpu = (struct cpu *)work;
	struct sheaf *due = NULL;
	u64 now = plat_now_ns(run);

	plat_lock(run, &cpu->lock);
	if (now >= cpu->since_ns + flush_ns(run))
		due = take(cpu);
	else if (cpu->sheaf) /* not the sheaf that this work was queued for */
		plat_work_queue(run, work, cpu->since_ns + flush_ns(run) - now);
	plat_unlock(run, &cpu->lock);
	post(run, due);
}

static void start(struct policy_run *run)
{
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_lock_init(run, &cpu->lock);
		plat_work_init(run, &cpu->work, work_func);
	}
}

static void stop(struct policy_run *run)
{
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_work_cancel(run, &cpu->work);
		post(run, take(cpu));
	}
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct cpu *cpu = plat_cpu_state(run, plat_cpu(run));
	struct sheaf *sheaf;
	struct sheaf *full = NULL;
	bool first = false;

	(void)call;
	plat_lock(run, &cpu->lock);
	sheaf = cpu->sheaf;
	if (!sheaf) {
		sheaf = plat_alloc(run, sheaf_bytes(run));
		if (!sheaf) {
			plat_unlock(run, &cpu->lock);
			plat_call_rcu(run, &object->rcu, dead_free_one, 1);
			return;
		}
		sheaf->nr = 0;
		cpu->sheaf = sheaf;
		first = true;
	}
	sheaf->objects[sheaf->nr++] = object;
	plat_charge(run, PLAT_COST_STORE, 1);
	if (sheaf->nr == plat_param(run, CAPACITY))
		full = take(cpu);
	if (first && flush_ns(run))
		cpu->since_ns = plat_now_ns(run);
	plat_unlock(run, &cpu->lock);

	post(run, full);
	if (first && flush_ns(run))
		plat_work_queue(run, &cpu->work, flush_ns(run));
}

const struct policy policy_sheaf = {
	.name = "sheaf",
	.origin = "SLUB sheaves, Babka, Linux 6.18: the rcu_free sheaf of kfree_rcu()",
	.summary = "a per-CPU array of pointers, one call_rcu() per full array",
	.params = params,
	.nr_params = POLICY_NR(params),
	.cpu_size = sizeof(struct cpu),
	.start = start,
	.stop = stop,
	.dispose = dispose,
};

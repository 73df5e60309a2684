/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * amortized - batch the grace period, not the free: after it, a few objects per operation.
 *
 * holds    the objects of a call in progress, on a list local to it; after their grace
 *          period, any number of objects on the freeable list of the CPU that posted them.
 * posts    a group of `post_batch` objects, and what is left at the end of the call.
 * frees    `k` freeable objects of this CPU with every object disposed of; all of them after
 *          one to two times `idle_drain_ms` without any.
 * bounds   a CPU that disposes on with k > 1 runs out of freeable objects. Without an idle
 *          drain nothing bounds the time on a CPU that has fallen silent.
 */
#include "policy.h"

enum { K, POST_BATCH, IDLE_DRAIN };

static const struct policy_param params[] = {
	[K] = { "k", PARAM_INT, 1, DEAD_BULK_MAX, true, 2, "objects", "free this many per object disposed of",
		NULL, NULL },
	[POST_BATCH] = { "post_batch", PARAM_INT, 0, 4096, false, 0, "objects",
			 "post a group of this many; 0: the whole call", NULL, NULL },
	[IDLE_DRAIN] = { "idle_drain_ms", PARAM_INT, 0, 1000, false, 100, "ms",
			 "free all that is freeable after this long without a call; 0: never", NULL, NULL },
};

struct cpu {
	struct plat_work work; /* first, so that work_func() finds its CPU */
	struct plat_lock lock;
	struct dead_list freeable;
	bool used;     /* since the work looked last */
	bool stopping; /* no further call comes: callbacks free */
};

static u64 idle_drain_ns(struct policy_run *run)
{
	return (u64)plat_param(run, IDLE_DRAIN) * 1000000;
}

/*
 * The callback must find the tail of a chain, its length, and the CPU that posted it: the
 * head's word points to the tail, the tail's holds the other two. One alone is its own tail.
 */
static void grace_period_over(struct policy_run *run, struct plat_rcu_head *head)
{
	struct dead_object *first = dead_of(head);
	struct dead_object *tail = first->next ? (struct dead_object *)(uintptr_t)first->word : first;
	struct dead_list list = { first, tail, (u32)tail->word };
	struct cpu *cpu = plat_cpu_state(run, (u32)(tail->word >> 32));
	bool stopping;

	plat_charge(run, PLAT_COST_WALK, 2);
	plat_lock(run, &cpu->lock);
	stopping = cpu->stopping;
	if (!stopping) {
		if (!cpu->freeable.head && idle_drain_ns(run))
			plat_work_queue(run, &cpu->work, idle_drain_ns(run));
		dead_list_join(&cpu->freeable, list);
	}
	plat_unlock(run, &cpu->lock);
	if (stopping)
		dead_free_in_bulk(run, first, DEAD_BULK_MAX, DEAD_READY, PLAT_COST_WALK);
}

static void post(struct policy_run *run, struct dead_list list)
{
	if (!list.head)
		return;
	list.head->word = (u64)(uintptr_t)list.tail;
	list.tail->word = (u64)plat_cpu(run) << 32 | list.count;
	plat_call_rcu(run, &list.head->rcu, grace_period_over, list.count);
}

/* Free up to k freeable objects of this CPU. */
static void free_some(struct policy_run *run, struct cpu *cpu, u32 k)
{
	struct dead_object *array[DEAD_BULK_MAX];
	u32 nr = 0;

	plat_lock(run, &cpu->lock);
	while (nr < k && cpu->freeable.head)
		array[nr++] = dead_list_pop(run, &cpu->freeable);
	cpu->used = true;
	plat_unlock(run, &cpu->lock);
	if (!nr)
		return;
	plat_charge(run, PLAT_COST_STORE, nr);
	plat_free_bulk(run, array, nr, DEAD_READY);
}

static void work_func(struct policy_run *run, struct plat_work *work)
{
	struct cpu *cpu = (struct cpu *)work;
	struct dead_list idle = { NULL, NULL, 0 };
	bool again;

	plat_lock(run, &cpu->lock);
	if (!cpu->used)
		idle = dead_list_take(&cpu->freeable);
	cpu->used = false;
	again = cpu->freeable.head;
	plat_unlock(run, &cpu->lock);
	dead_free_in_bulk(run, idle.head, DEAD_BULK_MAX, DEAD_READY, PLAT_COST_WALK);
	if (again)
		plat_work_queue(run, work, idle_drain_ns(run));
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
	struct dead_list rest;
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_lock(run, &cpu->lock);
		cpu->stopping = true;
		rest = dead_list_take(&cpu->freeable);
		plat_unlock(run, &cpu->lock);
		plat_work_cancel(run, &cpu->work);
		dead_free_in_bulk(run, rest.head, DEAD_BULK_MAX, DEAD_READY, PLAT_COST_WALK);
	}
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	s64 post_batch = plat_param(run, POST_BATCH);

	dead_list_add(run, &call->list, object);
	if (post_batch && call->list.count >= post_batch)
		post(run, dead_list_take(&call->list));
	free_some(run, plat_cpu_state(run, plat_cpu(run)), (u32)plat_param(run, K));
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	post(run, dead_list_take(&call->list));
}

const struct policy policy_amortized = {
	.name = "amortized",
	.origin = "Kim, Brown, Singh: Are Your Epochs Too Epic? PPoPP'24 (amortized free)",
	.summary = "one grace period per call, then a few frees per operation",
	.params = params,
	.nr_params = POLICY_NR(params),
	.cpu_size = sizeof(struct cpu),
	.start = start,
	.stop = stop,
	.dispose = dispose,
	.call_end = call_end,
};

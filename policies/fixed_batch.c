/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * fixed_batch - a list per address space, one call_rcu() per group.
 *
 * holds    up to `max` objects per address space, on a list with a lock.
 * posts    when the list holds more than `max` (so 32 makes groups of 33), after
 *          `idle_timeout_ms` without a new object, and what is left at the end of exit.
 * frees    object by object, a group per callback.
 * bounds   `max` bounds the space per address space. Without an idle timeout nothing bounds
 *          the time: a partial group stays until the next free or exit.
 */
#include "policy.h"

enum { MAX, IDLE_TIMEOUT };

static const struct policy_param params[] = {
	[MAX] = { "max", PARAM_INT, 1, 4096, true, 32, "objects",
		  "post the list when it holds more than this", NULL, NULL },
	[IDLE_TIMEOUT] = { "idle_timeout_ms", PARAM_INT, 0, 1000, false, 0, "ms",
			   "post a partial group after this long without a new object; 0: never", NULL,
			   NULL },
};

struct space {		       /* one address space */
	struct plat_work work; /* first, so that work_func() finds its space */
	struct plat_lock lock;
	struct dead_list list;
	u64 last_add_ns;
};

static void drain(struct policy_run *run, struct space *space)
{
	struct dead_list list;

	plat_lock(run, &space->lock);
	list = dead_list_take(&space->list);
	plat_unlock(run, &space->lock);
	dead_list_post(run, list);
}

static u64 idle_timeout_ns(struct policy_run *run)
{
	return (u64)plat_param(run, IDLE_TIMEOUT) * 1000000;
}

static void work_func(struct policy_run *run, struct plat_work *work)
{
	struct space *space = (struct space *)work;
	struct dead_list list = { NULL, NULL, 0 };
	u64 now = plat_now_ns(run);
	u64 due;

	plat_lock(run, &space->lock);
	due = space->last_add_ns + idle_timeout_ns(run);
	if (now >= due)
		list = dead_list_take(&space->list);
	else if (space->list.head)
		plat_work_queue(run, work, due - now);
	plat_unlock(run, &space->lock);
	dead_list_post(run, list);
}

static void mm_start(struct policy_run *run, void *mm)
{
	struct space *space = mm;

	plat_lock_init(run, &space->lock);
	plat_work_init(run, &space->work, work_func);
}

/* Drained first: work that finds an empty list does not queue itself again. */
static void mm_stop(struct policy_run *run, void *mm)
{
	struct space *space = mm;

	drain(run, space);
	plat_work_cancel(run, &space->work);
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct space *space = call->mm;
	struct dead_list full = { NULL, NULL, 0 };
	u64 timeout = idle_timeout_ns(run);
	bool first;

	plat_lock(run, &space->lock);
	first = !space->list.head;
	dead_list_add(run, &space->list, object);
	if (timeout)
		space->last_add_ns = plat_now_ns(run);
	if (space->list.count > plat_param(run, MAX))
		full = dead_list_take(&space->list);
	plat_unlock(run, &space->lock);

	if (full.head)
		dead_list_post(run, full);
	else if (first && timeout)
		plat_work_queue(run, &space->work, timeout);
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	if (call->kind == CALL_EXIT)
		drain(run, call->mm);
}

const struct policy policy_fixed_batch = {
	.name = "fixed_batch",
	.origin = "LKML, Baghdasaryan, RFC 28/28, 1 Sep 2022: VM_AREA_FREE_LIST_MAX 32",
	.summary = "a list per address space, one call_rcu() per group",
	.params = params,
	.nr_params = POLICY_NR(params),
	.mm_size = sizeof(struct space),
	.mm_start = mm_start,
	.mm_stop = mm_stop,
	.dispose = dispose,
	.call_end = call_end,
};

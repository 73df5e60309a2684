/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * time_throttle - a list per address space, posted at most once per interval.
 *
 * holds    any number of objects per address space, on a list with a lock.
 * posts    when an object arrives later than `interval_ms` after the last post, with
 *          `timer` also without an arrival, and what is left at the end of exit.
 * frees    object by object, a list per callback.
 * bounds   with `timer`, the interval bounds the time. Without it nothing does: a spike
 *          followed by silence stays until exit. Nothing bounds the space or the callback.
 */
#include "policy.h"

enum { INTERVAL, TIMER };

static const struct policy_param params[] = {
	[INTERVAL] = { "interval_ms", PARAM_INT, 1, 60000, true, 1000, "ms",
		       "post a list at most once in this time", NULL, NULL },
	[TIMER] = { "timer", PARAM_BOOL, 0, 1, false, 0, "",
		    "post at the end of the interval even if no further object comes", NULL, NULL },
};

struct space {		       /* one address space */
	struct plat_work work; /* first, so that work_func() finds its space */
	struct plat_lock lock;
	struct dead_list list;
	u64 due_ns; /* end of the interval that began with the last post */
};

static u64 interval_ns(struct policy_run *run)
{
	return (u64)plat_param(run, INTERVAL) * 1000000;
}

/* Take the list if the interval is over. With the lock held. */
static struct dead_list take_if_due(struct policy_run *run, struct space *space, u64 now)
{
	struct dead_list none = { NULL, NULL, 0 };

	if (now <= space->due_ns || !space->list.head)
		return none;
	space->due_ns = now + interval_ns(run);
	return dead_list_take(&space->list);
}

static void drain(struct policy_run *run, struct space *space)
{
	struct dead_list list;

	plat_lock(run, &space->lock);
	list = dead_list_take(&space->list);
	plat_unlock(run, &space->lock);
	dead_list_post(run, list);
}

static void work_func(struct policy_run *run, struct plat_work *work)
{
	struct space *space = (struct space *)work;
	u64 now = plat_now_ns(run);
	struct dead_list list;

	plat_lock(run, &space->lock);
	list = take_if_due(run, space, now);
	if (space->list.head) /* an arrival posted in the meantime, and others came after it */
		plat_work_queue(run, work, space->due_ns - now + 1);
	plat_unlock(run, &space->lock);
	dead_list_post(run, list);
}

static void mm_start(struct policy_run *run, void *mm)
{
	struct space *space = mm;

	plat_lock_init(run, &space->lock);
	plat_work_init(run, &space->work, work_func);
	space->due_ns = plat_now_ns(run) + interval_ns(run);
}

static void mm_stop(struct policy_run *run, void *mm)
{
	struct space *space = mm;

	plat_work_cancel(run, &space->work);
	drain(run, space);
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct space *space = call->mm;
	u64 now = plat_now_ns(run);
	struct dead_list list;
	u64 delay_ns = 0;

	plat_lock(run, &space->lock);
	dead_list_add(run, &space->list, object);
	list = take_if_due(run, space, now);
	if (space->list.count == 1)
		delay_ns = space->due_ns - now + 1;
	plat_unlock(run, &space->lock);

	dead_list_post(run, list);
	if (delay_ns && plat_param(run, TIMER))
		plat_work_queue(run, &space->work, delay_ns);
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	if (call->kind == CALL_EXIT)
		drain(run, call->mm);
}

const struct policy policy_time_throttle = {
	.name = "time_throttle",
	.origin = "LKML, Baghdasaryan, 19 Jan 2023: drain when jiffies > last_drain + HZ",
	.summary = "a list per address space, posted at most once per interval",
	.params = params,
	.nr_params = POLICY_NR(params),
	.mm_size = sizeof(struct space),
	.mm_start = mm_start,
	.mm_stop = mm_stop,
	.dispose = dispose,
	.call_end = call_end,
};

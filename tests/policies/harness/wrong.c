/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Policies with one fault each. A harness that lets one of them pass is no good. */
#include "policy.h"

struct space {
	struct plat_work work;
	struct plat_lock lock;
	struct dead_list list;
};

static void mm_start(struct policy_run *run, void *mm)
{
	plat_lock_init(run, &((struct space *)mm)->lock);
}

#define WRONG(name_, fault_, ...)                                               \
	const struct policy policy_##name_ = { .name = #name_,                  \
					       .origin = "a test",              \
					       .summary = fault_,               \
					       .mm_size = sizeof(struct space), \
					       .mm_start = mm_start,            \
					       __VA_ARGS__ }

static void free_at_once(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	(void)call;
	plat_free(run, object, DEAD_POSTPONED);
}
WRONG(no_grace_period, "frees without a grace period", .dispose = free_at_once);

static void free_too_early(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	if (call->word && plat_gp_done(run, call->word)) /* the cookie of an object before */
		plat_free(run, object, DEAD_POSTPONED);
	else
		plat_call_rcu(run, &object->rcu, dead_free_one, 1);
	call->word = plat_gp_snapshot(run);
}

static void wait_then_free(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	free_too_early(run, call, object);
	plat_gp_wait(run, plat_gp_start(run, 0));
}
WRONG(stale_cookie, "frees by the cookie of another object", .dispose = wait_then_free);

static void keep(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	dead_list_add(run, &call->list, object);
	if (call->list.count == 4)
		dead_list_post(run, dead_list_take(&call->list));
}
WRONG(forgets, "forgets a partial group", .dispose = keep);

static void post_twice(struct policy_run *run, struct policy_call *call)
{
	struct dead_list list = dead_list_take(&call->list);

	dead_list_post(run, list);
	dead_list_post(run, list);
}

static void add(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	dead_list_add(run, &call->list, object);
}
WRONG(posts_twice, "posts a list twice", .dispose = add, .call_end = post_twice);

static void post_one_of_many(struct policy_run *run, struct policy_call *call)
{
	if (call->list.head)
		plat_call_rcu(run, &call->list.head->rcu, dead_free_chain, 1);
}
WRONG(miscounts, "tells call_rcu() of one object where a list rides", .dispose = add,
      .call_end = post_one_of_many);

static void post_and_look(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct dead_object *before = (struct dead_object *)(size_t)call->word;

	if (before)
		before->word = 0;
	plat_call_rcu(run, &object->rcu, dead_free_one, 1);
	call->word = (u64)(size_t)object;
	plat_gp_wait(run, plat_gp_start(run, 0));
}
WRONG(looks_back, "touches an object that it has posted", .dispose = post_and_look);

static void add_unlocked(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct space *space = call->mm;

	dead_list_add(run, &space->list, object);
}

static void post_space(struct policy_run *run, void *mm)
{
	dead_list_post(run, dead_list_take(&((struct space *)mm)->list));
}
WRONG(no_lock, "shares a list without its lock", .dispose = add_unlocked, .mm_stop = post_space);

static void lock_and_post(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct space *space = call->mm;

	plat_lock(run, &space->lock);
	plat_call_rcu(run, &object->rcu, dead_free_one, 1);
}
WRONG(keeps_lock, "returns with its lock held", .dispose = lock_and_post);

static void late_work(struct policy_run *run, struct plat_work *work)
{
	struct space *space = (struct space *)work;

	plat_lock(run, &space->lock);
	plat_unlock(run, &space->lock);
}

static void start_with_work(struct policy_run *run, void *mm)
{
	struct space *space = mm;

	mm_start(run, mm);
	plat_work_init(run, &space->work, late_work);
}

static void post_and_queue(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct space *space = call->mm;

	plat_call_rcu(run, &object->rcu, dead_free_one, 1);
	plat_work_queue(run, &space->work, plat_jiffy_ns(run));
}

const struct policy policy_late_timer = {
	.name = "late_timer",
	.origin = "a test",
	.summary = "leaves work behind when its address space goes",
	.mm_size = sizeof(struct space),
	.mm_start = start_with_work,
	.dispose = post_and_queue,
};

static void scribble(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	(void)call;
	((u64 *)(object + 1))[0]++;
	plat_call_rcu(run, &object->rcu, dead_free_one, 1);
}
WRONG(scribbles, "writes where readers still look", .dispose = scribble);

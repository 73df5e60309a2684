/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * backpressure - whoever disposes of too much waits for a grace period and frees it himself.
 *
 * holds    fewer than `group` objects of a call in progress, on a list local to it.
 * posts    a group, while its CPU has posted fewer than `cap` objects that are not yet freed;
 *          what is left at the end of the call in any case.
 * frees    object by object in the group's callback; above the cap in the caller, which
 *          sleeps until its group's grace period is over.
 * bounds   the cap, exceeded by at most a group per call in progress. The price is a caller
 *          that sleeps, in munmap with mmap_lock held.
 */
#include "policy.h"

enum { CAP, GROUP, HURRY };

static const struct policy_param params[] = {
	[CAP] = { "cap", PARAM_INT, 16, 65536, true, 4096, "objects",
		  "callers wait while their CPU has this many posted and not freed", NULL, NULL },
	[GROUP] = { "group", PARAM_INT, 1, 1024, true, 32, "objects",
		    "post, or above the cap wait for, a group of this many; 1: per object", NULL, NULL },
	[HURRY] = { "hurry", PARAM_BOOL, 0, 1, false, 1, "",
		    "post with call_rcu_hurry(); lazy callbacks keep the cap full for seconds", NULL, NULL },
};

struct cpu {
	struct plat_lock lock;
	u32 unfreed; /* posted from this CPU and not freed */
};

/* The head's word holds the CPU that posted the group, and its length. */
static void free_group(struct policy_run *run, struct plat_rcu_head *head)
{
	u64 word = dead_of(head)->word;
	struct cpu *cpu = plat_cpu_state(run, (u32)(word >> 32));

	dead_free_chain(run, head);
	plat_lock(run, &cpu->lock);
	cpu->unfreed -= (u32)word;
	plat_unlock(run, &cpu->lock);
}

/* Post the group, if that is allowed below `cap`. */
static bool post_below(struct policy_run *run, struct dead_list group, u64 cap)
{
	u32 nr = plat_cpu(run);
	struct cpu *cpu = plat_cpu_state(run, nr);
	bool below;

	plat_lock(run, &cpu->lock);
	below = cpu->unfreed + group.count <= cap;
	if (below)
		cpu->unfreed += group.count;
	plat_unlock(run, &cpu->lock);
	if (!below)
		return false;
	group.head->word = (u64)nr << 32 | group.count;
	if (plat_param(run, HURRY))
		plat_call_rcu_hurry(run, &group.head->rcu, free_group, group.count);
	else
		plat_call_rcu(run, &group.head->rcu, free_group, group.count);
	return true;
}

static void start(struct policy_run *run)
{
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_lock_init(run, &cpu->lock);
	}
}

/* call->word is 1 when the list's grace period has been waited for. */
static void free_waited(struct policy_run *run, struct policy_call *call)
{
	if (!call->word)
		return;
	call->word = 0;
	dead_free_in_bulk(run, dead_list_take(&call->list).head, DEAD_BULK_MAX, DEAD_READY, PLAT_COST_WALK);
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	free_waited(run, call);
	dead_list_add(run, &call->list, object);
	if (call->list.count < plat_param(run, GROUP))
		return;
	if (post_below(run, call->list, (u64)plat_param(run, CAP))) {
		dead_list_take(&call->list);
		return;
	}
	call->word = 1;
	plat_gp_wait(run, plat_gp_start(run, call->list.count));
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	free_waited(run, call);
	if (call->list.head)
		post_below(run, dead_list_take(&call->list), ~(u64)0);
}

const struct policy policy_backpressure = {
	.name = "backpressure",
	.origin = "liburcu defer_rcu(): a full ring makes the caller run synchronize_rcu() itself",
	.summary = "post below a cap; above it the caller waits for a grace period and frees",
	.params = params,
	.nr_params = POLICY_NR(params),
	.cpu_size = sizeof(struct cpu),
	.start = start,
	.dispose = dispose,
	.call_end = call_end,
};

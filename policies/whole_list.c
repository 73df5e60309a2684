/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * whole_list - everything that one munmap or exit call removes rides on one call_rcu().
 *
 * holds    the objects of a call in progress, on a list local to that call.
 * posts    at the end of the call, the whole list at once.
 * frees    object by object, all of them in one callback.
 * bounds   retention is the rest of the call and one grace period. Nothing bounds the
 *          callback: one exit with 65,530 objects is one stretch that RCU cannot interrupt.
 */
#include "policy.h"

enum { HURRY };

static const struct policy_param params[] = {
	[HURRY] = { "hurry", PARAM_BOOL, 0, 1, false, 0, "",
		    "post with call_rcu_hurry(), which no lazy batching delays", NULL, NULL },
};

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	dead_list_add(run, &call->list, object);
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	struct dead_list list = dead_list_take(&call->list);

	if (!list.head)
		return;
	if (plat_param(run, HURRY))
		plat_call_rcu_hurry(run, &list.head->rcu, dead_free_chain, list.count);
	else
		plat_call_rcu(run, &list.head->rcu, dead_free_chain, list.count);
}

const struct policy policy_whole_list = {
	.name = "whole_list",
	.origin =
		"LKML, Hocko, 20 and 23 Jan 2023: queue inside one remove_mt() or exit_mmap(), then one call_rcu()",
	.summary = "one call_rcu() for all that a munmap or exit call removes",
	.params = params,
	.nr_params = POLICY_NR(params),
	.dispose = dispose,
	.call_end = call_end,
};

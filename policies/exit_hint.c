/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * exit_hint - the free call is told whether it belongs to an exit, and batches only there.
 *
 * holds    up to `max` objects of an exit call in progress, on a list local to that call.
 * posts    exit: a group of `max`, and what is left at the end. munmap: every object.
 * frees    object by object, a group per callback.
 * bounds   retention is the rest of the group and one grace period; `max` bounds the callback.
 */
#include "policy.h"

enum { MAX };

static const struct policy_param params[] = {
	[MAX] = { "max", PARAM_INT, 1, 65536, true, 128, "objects", "post a group of this many during exit",
		  NULL, NULL },
};

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	if (call->kind != CALL_EXIT) {
		plat_call_rcu(run, &object->rcu, dead_free_one, 1);
		return;
	}
	dead_list_add(run, &call->list, object);
	if (call->list.count >= plat_param(run, MAX))
		dead_list_post(run, dead_list_take(&call->list));
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	dead_list_post(run, dead_list_take(&call->list));
}

const struct policy policy_exit_hint = {
	.name = "exit_hint",
	.origin = "LKML, per-VMA locks discussion, Jan 2023: a hint in the free call",
	.summary = "groups during exit, one call_rcu() per object otherwise",
	.params = params,
	.nr_params = POLICY_NR(params),
	.dispose = dispose,
	.call_end = call_end,
};

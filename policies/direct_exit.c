/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * direct_exit - no grace period on exit, one call_rcu() per object in munmap.
 *
 * Safe only where whoever looks at an object holds a reference on its address space
 * (reader model `mm_ref`): then no reader is left when exit begins.
 *
 * holds    fewer than `bulk_size` objects of an exit call in progress.
 * posts    every object that munmap removes, as soon as it is unlinked.
 * frees    exit: at once, in groups of `bulk_size`. munmap: in the object's own callback.
 * bounds   nothing outlives the exit call; munmap as per_object.
 */
#include "policy.h"

enum { BULK_SIZE };

static const struct policy_param params[] = {
	[BULK_SIZE] = { "bulk_size", PARAM_INT, 1, DEAD_BULK_MAX, true, 1, "objects",
			"free this many at a time during exit; 1: singly, as Linux 6.4-6.14 does", NULL,
			NULL },
};

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	u32 bulk_size = (u32)plat_param(run, BULK_SIZE);

	if (call->kind != CALL_EXIT) {
		plat_call_rcu(run, &object->rcu, dead_free_one, 1);
		return;
	}
	if (bulk_size == 1) {
		plat_free(run, object, DEAD_POSTPONED);
		return;
	}
	dead_list_add(run, &call->list, object);
	if (call->list.count == bulk_size)
		dead_free_in_bulk(run, dead_list_take(&call->list).head, bulk_size, DEAD_POSTPONED,
				  PLAT_COST_LINK);
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	dead_free_in_bulk(run, dead_list_take(&call->list).head, DEAD_BULK_MAX, DEAD_POSTPONED,
			  PLAT_COST_LINK);
}

const struct policy policy_direct_exit = {
	.name = "direct_exit",
	.origin =
		"Linux 6.4-6.14: remove_vma(vma, unreachable=true) in exit_mmap(), vm_area_free() in munmap",
	.summary = "exit frees at once without a grace period, munmap posts per object",
	.params = params,
	.nr_params = POLICY_NR(params),
	.dispose = dispose,
	.call_end = call_end,
};

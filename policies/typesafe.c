/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * typesafe - the cache is SLAB_TYPESAFE_BY_RCU: every object is freed at once.
 *
 * Readers pay: an object may become another one under their eyes, so they must take a
 * reference and look again. Only a whole slab waits for a grace period.
 *
 * holds    nothing.
 * posts    nothing; the allocator posts a slab that becomes empty.
 * frees    at once.
 * bounds   no object is retained; slabs are pinned as the allocator pins them.
 */
#include "policy.h"

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	(void)call;
	plat_free(run, object, DEAD_POSTPONED);
}

const struct policy policy_typesafe = {
	.name = "typesafe",
	.origin =
		"Linux 6.15: VMA reference counts, vm_area_struct cache made SLAB_TYPESAFE_BY_RCU (Baghdasaryan)",
	.summary = "type-stable slab: free at once, readers revalidate",
	.flags = POLICY_TYPESAFE,
	.dispose = dispose,
};

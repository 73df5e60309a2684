/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * per_object - one call_rcu() per dead object. The baseline.
 *
 * holds    nothing.
 * posts    every object, as soon as it is unlinked.
 * frees    in the object's own callback.
 * bounds   retention is one grace period and the callback queue before the object; with
 *          `hurry` off a kernel with RCU_LAZY may add 10 s to that.
 */
#include "policy.h"

enum { HURRY };

static const struct policy_param params[] = {
	[HURRY] = { "hurry", PARAM_BOOL, 0, 1, false, 0, "",
		    "post with call_rcu_hurry(), which no lazy batching delays", NULL, NULL },
};

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	(void)call;
	if (plat_param(run, HURRY))
		plat_call_rcu_hurry(run, &object->rcu, dead_free_one, 1);
	else
		plat_call_rcu(run, &object->rcu, dead_free_one, 1);
}

const struct policy policy_per_object = {
	.name = "per_object",
	.origin =
		"Linux per-VMA locks as first posted: LKML, Baghdasaryan, Sep 2022 - Jan 2023; munmap in 6.4-6.14",
	.summary = "one call_rcu() per object",
	.params = params,
	.nr_params = POLICY_NR(params),
	.dispose = dispose,
};

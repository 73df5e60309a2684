/* SPDX-License-Identifier: Apache-2.0 */
/* nocb.h - what enqueuing (nocb.c) and the kernel threads (nocb_kthreads.c) share. */
#ifndef NATIVE_NOCB_H
#define NATIVE_NOCB_H
#include "log.h"

static inline s64 load(const atomic_s64 *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static inline void store(atomic_s64 *value, s64 to)
{
	atomic_store_explicit(value, to, memory_order_relaxed);
}

static inline struct nocb_group *group_of(struct policy_run *run, struct cpu *c)
{
	return &run->groups[c->id / (u32)run->m.nocb_gp_stride];
}

void nocb_wake_gp(struct nocb_group *g);
void nocb_defer_wake(struct policy_run *run, struct nocb_group *g,
		     enum nocb_defer how);	  /* with its lock held */
void nocb_flush_bypass(struct cpu *c, s64 jiffy); /* with nocb_lock held */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* nocb_kthreads.c - two steps of offloading, timed where they are; one of them nobody can call from outside. */
#include "../nocb_kthreads.c"
#include "calibrate.h"

/* Once; the callbacks move from the bypass list to ->cblist, where rcuog finds them. */
void probe_flush(struct policy_run *run, struct cpu *c)
{
	const s64 jiffy = jiffies_at(run, here, clock_now());
	u64 begin, end;
	bool any;

	take_counted(&c->nocb_lock);
	any = atomic_load_explicit(&c->bypass_nr, memory_order_relaxed);
	begin = clock_fenced();
	nocb_flush_bypass(c, jiffy);
	end = clock_fenced();
	lock_drop(&c->nocb_lock);
	if (any)
		series_add(S_FLUSH, 0, clock_to_ns(end - begin) - fenced_ns);
}

/* A second look: the first one may ask for a grace period and wake rcuop. */
void probe_scan(struct policy_run *run, struct cpu *c)
{
	struct gp_pass pass = { 0 };
	u64 begin;

	gp_scan_cpu(run, c, &pass);
	begin = clock_fenced();
	gp_scan_cpu(run, c, &pass);
	series_add(S_SCAN, 0, clock_to_ns(clock_fenced() - begin) - fenced_ns);
}

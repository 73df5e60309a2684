/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reclaim.c - memory pressure: watermarks, the priorities of kswapd and of direct reclaim, and the shrinker
 * arithmetic (do_shrink_slab(), mm/shrinker.c@6.12).
 *
 * The workload gives the course of free pages without our objects; what they hold comes off it. While kswapd is awake
 * it makes a pass every kswapd_pass_ns, one priority lower each time (balance_pgdat(), mm/vmscan.c); below the min
 * watermark down to priority 0, as allocating tasks would (do_try_to_free_pages()).
 */
#include "log.h"

#define DEF_PRIORITY 12	 /* mm/vmscan.c */
#define SHRINK_BATCH 128 /* mm/shrinker.c */
#define DEFAULT_SEEKS 2	 /* include/linux/shrinker.h */

static s64 overhead_bytes(const struct policy_run *run)
{
	s64 bytes = 0;

	for (u32 i = 0; i < run->nr_contexts; i++)
		bytes += atomic_load_explicit(&run->contexts[i].count.alloc_bytes, memory_order_relaxed);
	return bytes;
}

static s64 free_pages(struct policy_run *run, u64 now)
{
	const int64_t *at = run->w.pressure_t_ns, *level = run->w.pressure_permille;
	s64 t_ns = (s64)clock_to_ns(since_start(run, now)), permille = level[0], held;

	for (s32 i = 0; i < run->w.nr_pressure; i++) {
		if (t_ns < at[i]) {
			if (i)
				permille = level[i - 1] + (level[i] - level[i - 1]) * (t_ns - at[i - 1]) /
								  (at[i] - at[i - 1]);
			break;
		}
		permille = level[i];
	}
	held = (atomic_load(&run->pinned_slabs) * run->m.slab_bytes + overhead_bytes(run)) /
	       run->m.page_bytes;
	return permille * run->m.watermark_high_pages / 1000 - held;
}

static u64 count_policy(struct policy_run *run)
{
	return atomic_load(&run->shrinker)->count(run);
}

static u64 scan_policy(struct policy_run *run, u64 nr)
{
	return atomic_load(&run->shrinker)->scan(run, nr);
}

static u64 count_lazy(struct policy_run *run)
{
	s64 lazy = 0;

	for (u32 i = 0; i < run->nr_cpus; i++)
		lazy += atomic_load_explicit(&run->cpus[i].lazy_len, memory_order_relaxed);
	return (u64)lazy;
}

static u64 scan_lazy(struct policy_run *run, u64 nr)
{
	return (u64)nocb_flush_lazy(run, (s64)nr);
}

/* do_shrink_slab() */
static void shrink(struct policy_run *run, u64 (*count_objects)(struct policy_run *),
		   u64 (*scan)(struct policy_run *, u64), u32 seeks, u32 batch, s64 *deferred, int priority,
		   bool ours)
{
	s64 freeable = (s64)count_objects(run), nr = *deferred, delta, total, scanned = 0;

	if (!freeable)
		return;
	*deferred = 0;
	delta = seeks ? (freeable >> priority) * 4 / seeks : freeable / 2;
	total = min_s64((nr >> priority) + delta, 2 * freeable);
	while (total >= (s64)batch || total >= freeable) {
		const s64 this_scan = min_s64(batch, total);
		u64 done;

		if (ours && run->shrinker_first_priority < 0)
			run->shrinker_first_priority = priority;
		count(&here->count.shrinker_calls, ours);
		done = scan(run, (u64)this_scan);
		if (done == PLAT_SHRINK_STOP)
			break;
		count(&here->count.shrinker_scanned, ours ? done : 0);
		total -= this_scan;
		scanned += this_scan;
	}
	*deferred = min_s64(max_s64(nr + delta - scanned, 0), 2 * freeable);
	check_no_locks(run, "its shrinker");
}

/* shrink_slab() at one priority: the policy's shrinker and RCU's own, `rcu-lazy`. */
static void shrink_slab(struct policy_run *run, int priority)
{
	const struct plat_shrinker *ours = atomic_load(&run->shrinker);

	if (ours)
		shrink(run, count_policy, scan_policy, ours->seeks, ours->batch ? ours->batch : SHRINK_BATCH,
		       &run->deferred_policy, priority, true);
	if (run->offloaded && run->m.lazy)
		shrink(run, count_lazy, scan_lazy, DEFAULT_SEEKS, SHRINK_BATCH, &run->deferred_lazy, priority,
		       false);
}

/* Direct reclaim goes on from kswapd's priority down to 0, kswapd from 12 to 1; -1: asleep. */
static int next_priority(const struct policy_run *run, int priority, s64 free)
{
	const int lowest = free < run->m.watermark_min_pages ? 0 : 1;

	if (free >= (priority < 0 ? run->m.watermark_low_pages : run->m.watermark_high_pages))
		return -1;
	return priority <= lowest ? DEF_PRIORITY : priority - 1;
}

void kswapd_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	struct waiter nobody = { 0 };
	const u64 pass = clock_of_ns((double)run->m.kswapd_pass_ns);
	u64 next = run->t0;
	int priority = -1;

	while (!flag(&run->reclaim_over)) {
		waiter_sleep(&nobody, 0, next);
		next += pass;
		priority = next_priority(run, priority, free_pages(run, clock_now()));
		if (priority >= 0) {
			struct cpu *c = kthread_arrives(run);

			count(&ctx->count.wakeups, 1);
			shrink_slab(run, priority);
			kthread_leaves(c);
		}
	}
}

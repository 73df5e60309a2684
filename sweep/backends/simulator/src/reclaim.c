/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reclaim.c - memory pressure: watermarks, the priorities of kswapd and of direct reclaim, and
 * the shrinker arithmetic (do_shrink_slab(), mm/shrinker.c@6.12).
 *
 * The workload gives the course of free pages without our objects; what they hold comes off
 * it. While kswapd is awake it makes a pass every kswapd_pass_ns, one priority lower each
 * time (balance_pgdat(), mm/vmscan.c); below the min watermark allocating tasks reclaim too,
 * down to priority 0 (do_try_to_free_pages()).
 */
#include "sim.h"

#define DEF_PRIORITY 12	 /* mm/vmscan.c */
#define SHRINK_BATCH 128 /* mm/shrinker.c */
#define DEFAULT_SEEKS 2	 /* include/linux/shrinker.h */

static s64 free_pages(sim *s, s64 t)
{
	const int64_t *at = s->w.pressure_t_ns, *level = s->w.pressure_permille;
	s64 t_ns = t / PS_PER_NS, permille = level[0], held;

	for (int32_t i = 0; i < s->w.nr_pressure; i++) {
		if (t_ns < at[i]) {
			if (i)
				permille = level[i - 1] + (level[i] - level[i - 1]) * (t_ns - at[i - 1]) /
								  (at[i] - at[i - 1]);
			break;
		}
		permille = level[i];
	}
	held = (s->count[ACCOUNT_PINNED] + s->count[ACCOUNT_OVERHEAD]) / s->m.page_bytes;
	return permille * s->m.watermark_high_pages / 1000 - held;
}

static u64 count_policy(sim *s)
{
	return s->shrinker->count(s);
}

static u64 scan_policy(sim *s, u64 nr)
{
	return s->shrinker->scan(s, nr);
}

static u64 count_lazy(sim *s)
{
	s64 lazy = 0;

	for (s32 i = 0; i < s->m.nr_cpus; i++)
		lazy += s->cpus[i].lazy_len;
	return (u64)lazy;
}

static u64 scan_lazy(sim *s, u64 nr)
{
	return (u64)nocb_flush_lazy(s, (s64)nr);
}

static void shrink(sim *s, u64 (*count)(sim *), u64 (*scan)(sim *, u64), u32 seeks, u32 batch, s64 *deferred,
		   int priority, bool ours)
{
	s64 freeable = (s64)count(s), nr = *deferred, delta, total, scanned = 0;

	if (!freeable)
		return;
	*deferred = 0;
	delta = seeks ? (freeable >> priority) * 4 / seeks : freeable / 2;
	total = min_s64((nr >> priority) + delta, 2 * freeable);
	while (total >= (s64)batch || total >= freeable) {
		s64 this_scan = min_s64(batch, total);
		u64 done;

		if (ours && s->r.shrinker_first_priority < 0)
			s->r.shrinker_first_priority = priority;
		s->r.shrinker_calls += ours;
		done = scan(s, (u64)this_scan);
		if (done == PLAT_SHRINK_STOP)
			break;
		s->r.shrinker_scanned += ours ? (s64)done : 0;
		total -= this_scan;
		scanned += this_scan;
	}
	*deferred = min_s64(max_s64(nr + delta - scanned, 0), 2 * freeable);
}

/* shrink_slab() at one priority: the policy's shrinker and RCU's own, `rcu-lazy`. */
bool kswapd_step(sim *s)
{
	if (s->shrinker)
		shrink(s, count_policy, scan_policy, s->shrinker->seeks,
		       s->shrinker->batch ? s->shrinker->batch : SHRINK_BATCH, &s->deferred_policy,
		       s->pass_priority, true);
	if (s->m.nocb && s->m.lazy)
		shrink(s, count_lazy, scan_lazy, DEFAULT_SEEKS, SHRINK_BATCH, &s->deferred_lazy,
		       s->pass_priority, false);
	return false;
}

/* Direct reclaim goes on from kswapd's priority down to 0, kswapd from 12 to 1. */
static int next_priority(sim *s, s64 free)
{
	int lowest = free < s->m.watermark_min_pages ? 0 : 1;

	if (s->kswapd_priority < 0 || s->kswapd_priority <= lowest)
		return DEF_PRIORITY;
	return s->kswapd_priority - 1;
}

void reclaim_setup(sim *s)
{
	s->kswapd = (struct kthread){ .kind = KTHREAD_KSWAPD };
	s->kswapd_priority = -1;
	s->r.shrinker_first_priority = -1;
	if (s->w.nr_pressure)
		event_add(s, 0, EVENT_PRESSURE, 0, NULL, 0);
}

void reclaim_check(sim *s, s64 t)
{
	s64 free = free_pages(s, t);
	bool awake = s->kswapd_priority >= 0;

	if (free < s->m.watermark_low_pages || (awake && free < s->m.watermark_high_pages)) {
		s->kswapd_priority = next_priority(s, free);
		s->pass_priority = s->kswapd_priority;
		kthread_wake(s, &s->kswapd, t);
	} else {
		s->kswapd_priority = -1;
	}
	if (s->phase == PHASE_MEASURE)
		event_add(s, t + s->m.kswapd_pass_ns * PS_PER_NS, EVENT_PRESSURE, 0, NULL, 0);
}

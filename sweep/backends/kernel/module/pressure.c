// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * pressure.c - memory pressure that is real: pages are taken until as few are free as the workload's
 * course says, so that kswapd wakes and calls the policy's shrinker as it calls every other. Not below
 * the middle between the low and the minimal watermark: kswapd runs there, and others still get pages; in
 * a guest without anything to reclaim, less is the OOM killer's business.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include "lab.h"

#define PERIOD_NS (2 * NSEC_PER_MSEC)

struct level {
	u64 free, high, floor; /* pages */
};

static bool is_dma(const struct zone *zone)
{
#ifdef CONFIG_ZONE_DMA
	return zone_idx(zone) == ZONE_DMA;
#else
	return false;
#endif
}

static struct level level_now(void)
{
	struct level level = { 0 };
	int node, i;

	for_each_online_node (node)
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(node)->node_zones[i];

			if (is_dma(zone) || !populated_zone(zone))
				continue;
			level.free += zone_page_state(zone, NR_FREE_PAGES);
			level.high += high_wmark_pages(zone);
			level.floor += (min_wmark_pages(zone) + low_wmark_pages(zone)) / 2;
		}
	return level;
}

/* Free pages in 1/1000 of the high watermark at t: linear between the points, constant outside. */
static s64 permille_at(const struct policy_run *run, s64 t)
{
	const s64 *at = run->rows.pressure_t_ns, *level = run->rows.pressure_permille;
	const s32 nr = run->req->nr_pressure;
	s32 i;

	for (i = 0; i < nr && at[i] < t; i++)
		;
	if (i == 0 || i == nr)
		return level[i ? nr - 1 : 0];
	return level[i - 1] + div64_s64((level[i] - level[i - 1]) * ((t - at[i - 1]) >> 10),
					((at[i] - at[i - 1]) >> 10) + 1);
}

static void give_back(struct list_head *held, u64 nr)
{
	while (nr-- && !list_empty(held)) {
		struct page *page = list_first_entry(held, struct page, lru);

		list_del(&page->lru);
		__free_page(page);
	}
}

/* What cannot be had is left. */
static void take(struct policy_run *run, struct list_head *held, u64 nr, gfp_t flags)
{
	while (nr-- && !READ_ONCE(run->stopping)) {
		struct page *page = alloc_page(flags | __GFP_NORETRY | __GFP_NOWARN);

		if (!page)
			return;
		list_add(&page->lru, held);
		cond_resched();
	}
}

/* A node is balanced for kswapd as long as one of its zones is: the one that others leave alone, too. */
static void take_dma(struct policy_run *run, struct list_head *held)
{
	int node, i;

	for_each_online_node (node)
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(node)->node_zones[i];
			u64 free = zone_page_state(zone, NR_FREE_PAGES);
			u64 low = zone->_watermark[WMARK_LOW];

			if (is_dma(zone) && free > low)
				take(run, held, free - low, GFP_KERNEL | __GFP_DMA);
		}
}

static int pressure(void *data)
{
	struct policy_run *run = data;
	LIST_HEAD(held);
	u64 t;

	wait_for_completion(&run->go);
	take_dma(run, &held);
	for (t = 0; lab_wait_until(run, t); t = lab_now(run) + PERIOD_NS) {
		struct level level = level_now();
		u64 want = max(div64_u64(level.high * (u64)permille_at(run, (s64)t), 1000), level.floor);

		run->min_free_permille =
			min_t(u64, run->min_free_permille, div64_u64(level.free * 1000, level.high));
		if (level.free > want)
			take(run, &held, level.free - want, GFP_KERNEL);
		else
			give_back(&held, want - level.free);
	}
	give_back(&held, U64_MAX);
	return lab_thread_ends();
}

int pressure_start(struct policy_run *run)
{
	return run->req->nr_pressure ? lab_thread(run, pressure, run, -1, "lab-pressure") : 0;
}

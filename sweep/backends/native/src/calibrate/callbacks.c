/* SPDX-License-Identifier: Apache-2.0 */
/* callbacks.c - what is timed after a grace period: callbacks, and how the objects of an exit are freed. */
#define _GNU_SOURCE
#include "probe.h"

static void release_pages(struct policy_run *run, struct batch *b)
{
	const u64 begin = clock_now();

	for (u32 i = 0; i < b->nr_pages; i++)
		plat_release(run, b->pages[i], 4096);
	if (b->counts && b->nr_pages)
		series_add(S_RELEASE, b->probe->objects, net_ns(begin, clock_now()) / b->nr_pages);
	b->nr_pages = 0;
}

static void free_array_in_bulk(struct policy_run *run, struct batch *b)
{
	for (u32 i = 0; i < b->nr; i += 16)
		plat_free_bulk(run, &b->objects[i], b->nr - i < 16 ? b->nr - i : 16, DEAD_READY);
}

/* The whole of what an exit left, by one callback. */
void free_all(struct policy_run *run, struct plat_rcu_head *head)
{
	struct batch *b = (struct batch *)(uintptr_t)dead_of(head)->word;
	const struct probe *p = b->probe;
	enum series series = NR_SERIES;
	u64 begin, end;

	if (b->counts)
		series_add(S_GP_LENGTH, p->objects, clock_to_ns(clock_now() - b->posted));
	release_pages(run, b);
	begin = clock_now();
	switch (p->in_callback) {
	case CHAIN:
		dead_free_chain(run, &b->objects[0]->rcu);
		series = S_WALK_FREE;
		break;
	case CHAIN_BULK:
		dead_free_in_bulk(run, b->objects[0], 16, DEAD_READY, PLAT_COST_WALK);
		series = S_BULK_COLD;
		break;
	case ARRAY_BULK:
		free_array_in_bulk(run, b);
		series = S_ARRAY_BULK_COLD;
		break;
	default:
		for (u32 i = 0; i < b->nr; i++)
			plat_free(run, b->objects[i], DEAD_READY);
	}
	end = clock_now();
	if (b->counts && series != NR_SERIES)
		series_add(series, p->objects, net_ns(begin, end) / b->nr);
}

static void last_of_each(struct policy_run *run, struct batch *b)
{
	const struct probe *p = b->probe;
	const double ns = clock_to_ns(b->last_callback - b->first_callback);
	const bool away = sched_getcpu() != b->posted_on;
	enum series series = away ? S_CALLBACK_FREE_AWAY : S_CALLBACK_FREE;

	if (p->in_callback == EACH_NOTHING) {
		series = S_CALLBACK_NOTHING;
		for (u32 i = 0; i < b->nr; i++)
			plat_free(run, b->objects[i], DEAD_READY);
	}
	if (b->counts && !b->split && b->nr > 1)
		series_add(series, p->offloaded ? p->objects + 1000000 : p->objects, ns / (b->nr - 1));
}

#define READ_EVERY 16 /* callbacks: as often as the benchmark does for frees */

/* One of many: from the end of the first to the end of the last one, unless something came in between. */
void each(struct policy_run *run, struct plat_rcu_head *head)
{
	struct batch *b = (struct batch *)(uintptr_t)dead_of(head)->word;
	u64 now;

	if (b->probe->in_callback == EACH_FREES)
		plat_free(run, dead_of(head), DEAD_READY);
	else
		b->objects[b->callbacks] = dead_of(head);
	if (b->callbacks++ % READ_EVERY && b->callbacks != b->nr)
		return;
	now = clock_now();
	if (b->callbacks == 1) {
		b->split = false;
		b->first_callback = now;
	} else {
		b->split |= now - b->last_callback > clock_of_ns(GAP_NS);
	}
	b->last_callback = now;
	if (b->callbacks == b->nr)
		last_of_each(run, b);
}

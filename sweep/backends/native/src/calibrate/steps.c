/* SPDX-License-Identifier: Apache-2.0 */
/* steps.c - what is timed at the end of a call, with its objects warm: slabs, bulk frees, a sort, small steps. */
#define _GNU_SOURCE
#include "probe.h"

static u64 given_back(void)
{
	return atomic_load_explicit(&here->count.slabs_freed, memory_order_relaxed);
}

/* One slab's objects, `nr` of them. */
static void free_slab(struct policy_run *run, struct dead_object **objects, u32 nr)
{
	const bool flushes = run->cpus[0].slab.nr_partial >= (u32)run->m.cpu_partial_slabs;
	const bool active = atomic_load(&run->cpus[0].slab.active) == slab_number(run, objects[0]);
	const bool whole = nr == (u32)run->m.objects_per_slab;
	const u64 softirqs = softirqs_in_calls(), before = given_back();
	u64 t[3], discards;
	double first, others;

	t[0] = clock_fenced();
	plat_free(run, objects[0], DEAD_POSTPONED);
	t[1] = clock_fenced();
	discards = given_back() - before;
	for (u32 i = 1; i < nr; i++)
		plat_free(run, objects[i], DEAD_POSTPONED);
	t[2] = clock_fenced();
	if (!batch->counts || nr < 4 || softirqs_in_calls() != softirqs)
		return;
	first = clock_to_ns(t[1] - t[0]) - fenced_ns;
	others = (clock_to_ns(t[2] - t[1]) - fenced_ns) / (nr - 1);
	if (active)
		series_add(S_SLAB_FAST, batch->probe->objects, others);
	if (active || !whole)
		return;
	if (flushes)
		series_add(S_SLAB_FLUSH, (u32)discards, first);
	else
		series_add(batch->probe->born == ELSEWHERE ? S_SLAB_REMOTE_FIRST : S_SLAB_FIRST,
			   batch->probe->objects, first);
	series_add(batch->probe->born == ELSEWHERE ? S_SLAB_REMOTE_OTHERS : S_SLAB_OTHERS,
		   batch->probe->objects, others);
}

void free_slab_by_slab(struct policy_run *run)
{
	u32 nr;

	for (u32 i = 0; i < batch->nr; i += nr) {
		const u32 slab = slab_number(run, batch->objects[i]);

		for (nr = 1; i + nr < batch->nr && slab_number(run, batch->objects[i + nr]) == slab;)
			nr++;
		free_slab(run, &batch->objects[i], nr);
	}
}

/* Objects of slabs in turn: the k-th of each, then the next ones. */
static void put_in_turns(struct policy_run *run)
{
	const u32 per_slab = (u32)run->m.objects_per_slab, slabs = (batch->nr + per_slab - 1) / per_slab;
	u32 nr = 0;

	for (u32 k = 0; k < per_slab; k++)
		for (u32 s = 0; s < slabs; s++)
			if (s * per_slab + k < batch->nr)
				batch->others[nr++] = batch->objects[s * per_slab + k];
	for (u32 i = 0; i < nr; i++)
		batch->others[i]->next = i + 1 < nr ? batch->others[i + 1] : NULL;
}

void free_in_bulk(struct policy_run *run)
{
	const bool turns = batch->probe->in_call == KEEP_TURNS;

	if (turns)
		put_in_turns(run);
	time_begins();
	dead_free_in_bulk(run, turns ? batch->others[0] : batch->objects[0], 16, DEAD_POSTPONED,
			  PLAT_COST_LINK);
	time_ends(turns ? S_BULK_HOT_TURNS : S_BULK_HOT, batch->nr);
}

/* The inner loop of split_bulk's insertion sort, on 16 addresses in falling order: each comparison swaps. */
void sort_addresses(void)
{
	u32 comparisons = 0;

	for (u32 i = 0; i < batch->nr; i++)
		batch->others[i] = batch->objects[batch->nr - 1 - i];
	time_begins();
	for (u32 from = 0; from + 16 <= batch->nr; from += 16) {
		struct dead_object **p = &batch->others[from];

		for (u32 i = 1; i < 16; i++) {
			struct dead_object *moved = p[i];
			u32 k = i;

			for (; k && (uintptr_t)p[k - 1] > (uintptr_t)moved; k--, comparisons++)
				p[k] = p[k - 1];
			p[k] = moved;
		}
		__asm__ __volatile__("" ::: "memory");
	}
	time_ends(S_SORT, comparisons);
}

void on_work(struct policy_run *run, struct plat_work *unused)
{
	u64 begin = clock_now();

	(void)run, (void)unused;
	wait_for_readers();
	series_add(S_READERS, 0, net_ns(begin, clock_now()));
}

/* What is done once per call, or less. */
void small_steps(struct policy_run *run, struct plat_work *work)
{
	struct cpu *c = &run->cpus[0];
	u64 begin, limit, callbacks;
	bool queued;
	double ns;

	callbacks = atomic_load(&here->count.callbacks);
	begin = clock_fenced();
	softirq_burst(run, c);
	ns = clock_to_ns(clock_fenced() - begin) - fenced_ns;
	if (batch->counts && atomic_load(&here->count.callbacks) == callbacks)
		series_add(S_SOFTIRQ, 0, ns);
	begin = clock_fenced();
	queued = plat_work_queue(run, work, 1);
	ns = clock_to_ns(clock_fenced() - begin) - fenced_ns;
	if (queued && batch->counts)
		series_add(S_WORK, 0, ns);
	if (gp_active(run))
		return;
	begin = clock_now();
	limit = begin + clock_of_ns(2e6);
	plat_gp_start(run, 0);
	while (!gp_active(run) && clock_now() < limit)
		cpu_relax();
	if (batch->counts && gp_active(run))
		series_add(S_GP_BEGIN, 0, net_ns(begin, clock_now()));
}

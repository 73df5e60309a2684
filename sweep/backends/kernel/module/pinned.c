// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * pinned.c - slabs without a live object that the page allocator has not got back: the cache's own count
 * at each sample, less the slabs that held a live object then, which the objects' times tell.
 */
#include <linux/math64.h>
#include "lab.h"

#define ID_BITS 24 /* LAB_MAX_OBJECTS */

/* The first sample at or after t. */
static u32 first_sample(const struct policy_run *run, u64 t)
{
	u32 low = 0, high = run->nr_samples;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (run->samples[middle].t < t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* From `from` to `to` a slab has held live objects: as steps, to be added up. */
static void slab_lived(struct policy_run *run, u64 from, u64 to)
{
	u32 first = first_sample(run, from), last = first_sample(run, to);

	if (first >= last)
		return;
	run->samples[first].live++;
	if (last < run->nr_samples)
		run->samples[last].live--;
}

/* Objects in the order of their slabs, and within these of their birth. */
static u32 by_slab(struct policy_run *run, u64 *words, u64 *spare)
{
	u32 nr = 0, id;

	for (id = 0; id < run->nr_objects; id++)
		if (run->where[id])
			words[nr++] = (u64)(uintptr_t)run->where[id] / run->slab_bytes << ID_BITS | id;
	metrics_sort(words, spare, nr);
	return nr;
}

static void count_live_slabs(struct policy_run *run, const u64 *words, u32 nr)
{
	u64 from = 0, to = 0;
	s32 live = 0;
	u32 i;

	for (i = 0; i < nr; i++) {
		u32 id = words[i] & (LAB_MAX_OBJECTS - 1);
		u64 birth = run->birth[id], death = run->unlink[id] ?: U64_MAX;
		bool same = i && words[i] >> ID_BITS == words[i - 1] >> ID_BITS;

		if (same && birth <= to) {
			to = max(to, death);
			continue;
		}
		slab_lived(run, from, to);
		from = birth;
		to = death;
	}
	slab_lived(run, from, to);
	for (i = 0; i < run->nr_samples; i++)
		run->samples[i].live = live += run->samples[i].live;
}

void pinned_report(struct policy_run *run, struct seq_buf *out, u64 *words, u64 *spare)
{
	u64 mean = 0, peak = 0;
	u32 i;

	if (!run->nr_samples) {
		seq_buf_printf(out, "\"pinned_slab_bytes.mean\": null, \"pinned_slab_bytes.peak\": null, ");
		return;
	}
	count_live_slabs(run, words, by_slab(run, words, spare));
	for (i = 0; i < run->nr_samples; i++) {
		const struct lab_sample *s = &run->samples[i];
		u64 until = i + 1 < run->nr_samples ? min(s[1].t, run->end) : run->end;
		u64 bytes = s->live < (s32)s->slabs ? (u64)((s32)s->slabs - s->live) * run->slab_bytes : 0;

		if (s->t >= run->end)
			break;
		mean += mul_u64_u64_div_u64(bytes, until - s->t, run->end);
		peak = max(peak, bytes);
	}
	seq_buf_printf(out, "\"pinned_slab_bytes.mean\": %llu, \"pinned_slab_bytes.peak\": %llu, ", mean,
		       peak);
}

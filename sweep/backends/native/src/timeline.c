/* SPDX-License-Identifier: Apache-2.0 */
/* timeline.c - what needs the order of time: peaks, and which slabs hold nothing alive. */
#include "result.h"

#include <stdlib.h>
#include <string.h>

struct change {
	u64 t;
	s64 bytes;
};

/* Of changes at one time, what leaves goes before what enters: no object is counted twice. */
static int by_time(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static double peak_of(struct change *changes, u64 nr)
{
	s64 now = 0, peak = 0;

	qsort(changes, nr, sizeof(*changes), by_time);
	for (u64 i = 0; i < nr; i++) {
		now += changes[i].bytes;
		peak = max_s64(peak, now);
	}
	return (double)peak;
}

static u64 nr_events(const struct policy_run *run, enum account account)
{
	u64 nr = 0;

	for (u32 i = 0; i < run->nr_contexts; i++)
		for (u64 k = 0; k < run->contexts[i].log.nr; k++) {
			const struct event *e = &run->contexts[i].log.at[k];

			nr += e->from == account || e->to == account;
		}
	return nr;
}

/* Dead objects from unlinking to free, and the policy's memory. */
double retained_peak_bytes(const struct policy_run *run)
{
	struct change *changes =
		zalloc((2 * (size_t)run->nr_objects + nr_events(run, OVERHEAD)) * sizeof(*changes));
	u64 nr = 0;
	double peak;

	for (u32 i = 0; i < run->nr_objects; i++) {
		if (run->unlinked_at[i] && run->unlinked_at[i] <= run->end)
			changes[nr++] = (struct change){ run->unlinked_at[i], run->m.object_bytes };
		if (run->freed[i] && run->freed[i] >> 1 <= run->end)
			changes[nr++] = (struct change){ run->freed[i] >> 1, -run->m.object_bytes };
	}
	for (u32 i = 0; i < run->nr_contexts; i++)
		for (u64 k = 0; k < run->contexts[i].log.nr; k++) {
			const struct event *e = &run->contexts[i].log.at[k];

			if (e->t <= run->end && (e->from == OVERHEAD || e->to == OVERHEAD))
				changes[nr++] = (struct change){ e->t, e->to == OVERHEAD ? e->n : -e->n };
		}
	peak = peak_of(changes, nr);
	free(changes);
	return peak;
}

/* ---- slabs ---- */

enum { SLAB_LEAVES, SLAB_BIRTH, SLAB_UNLINK };

struct slab_event {
	u64 t;
	u32 slab, what;
};

static int by_slab(const void *a, const void *b)
{
	const struct slab_event *x = a, *y = b;

	if (x->slab != y->slab)
		return x->slab < y->slab ? -1 : 1;
	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return (x->what > y->what) - (x->what < y->what);
}

static u64 collect(const struct policy_run *run, struct slab_event *events)
{
	u64 nr = 0;

	for (u32 i = 0; i < run->nr_objects; i++) {
		if (run->born_at[i])
			events[nr++] = (struct slab_event){ run->born_at[i], run->slab_of[i], SLAB_BIRTH };
		if (run->unlinked_at[i])
			events[nr++] =
				(struct slab_event){ run->unlinked_at[i], run->slab_of[i], SLAB_UNLINK };
	}
	for (u32 i = 0; i < run->nr_contexts; i++)
		for (u64 k = 0; k < run->contexts[i].log.nr; k++) {
			const struct event *e = &run->contexts[i].log.at[k];

			if (e->to == SLAB_GONE)
				events[nr++] = (struct slab_event){ e->t, e->what, SLAB_LEAVES };
		}
	qsort(events, nr, sizeof(*events), by_slab);
	return nr;
}

/* A slab is pinned from its last living object's end until the next one's birth in it, or until it goes. */
static u64 pinned_changes(const struct policy_run *run, const struct slab_event *events, u64 nr,
			  struct change *changes)
{
	u64 made = 0;
	s64 alive = 0;
	bool pinned = false;

	for (u64 i = 0; i < nr; i++) {
		const bool first = !i || events[i].slab != events[i - 1].slab;
		bool now;

		if (first)
			alive = pinned = 0;
		alive += events[i].what == SLAB_BIRTH ? 1 : events[i].what == SLAB_UNLINK ? -1 : 0;
		now = !alive && events[i].what != SLAB_LEAVES;
		if (now != pinned && events[i].t <= run->end)
			changes[made++] =
				(struct change){ events[i].t, now ? run->m.slab_bytes : -run->m.slab_bytes };
		pinned = now;
	}
	return made;
}

struct level pinned_slab_bytes(const struct policy_run *run)
{
	const u64 room = 2 * (u64)run->nr_objects + nr_events(run, SLAB_GONE);
	struct slab_event *events = zalloc(room * sizeof(*events));
	struct change *changes = zalloc(room * sizeof(*changes));
	u64 nr = collect(run, events);
	struct level level = { 0 };
	s128 integral = 0;

	nr = pinned_changes(run, events, nr, changes);
	for (u64 i = 0; i < nr; i++)
		integral += (s128)changes[i].bytes * (s64)(run->end - changes[i].t);
	level.mean = (double)integral / (double)(run->end - run->t0);
	level.peak = peak_of(changes, nr);
	free(changes);
	free(events);
	return level;
}

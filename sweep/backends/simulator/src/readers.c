/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.c - who may still be looking at a dead object.
 *
 * Readers come from the workload's page faults and a background rate. Most sections are short
 * and never leave their CPU: those are computed only when asked for, from a hash of (seed,
 * CPU, window, place in the window), one reader per slot of the window at most. The few that
 * are preempted inside hold up grace periods, so they are laid out ahead of time.
 */
#include "sim.h"

#include <stdlib.h>

#define PPM 1000000
#define BACKGROUND_WINDOW_PS 10000000000LL /* 10 ms, as long as a window of faults */
#define MAX_PREEMPTED (1 << 22)

/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014) */
static u64 hash(u64 x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* Piecewise linear between (ppm, ns), in integers: the same on every machine. */
static s64 quantile_ps(const int64_t *ppm, const int64_t *ns, int32_t nr, s64 at)
{
	s64 x0 = 0, y0 = 0;

	for (int32_t i = 0; i < nr; i++) {
		if (at <= ppm[i]) {
			if (ppm[i] == x0)
				return ns[i] * PS_PER_NS;
			return (y0 + (ns[i] - y0) * (at - x0) / (ppm[i] - x0)) * PS_PER_NS;
		}
		x0 = ppm[i];
		y0 = ns[i];
	}
	return y0 * PS_PER_NS;
}

/* A window of time on one CPU, cut into one slot for each of its readers. */
struct window {
	s64 start, length, readers;
	u64 key;
};

static s64 slot_start(const struct window *w, s64 slot)
{
	return w->start + (s64)((s128)w->length * slot / w->readers);
}

/* The reader of a slot: [start, end), never longer than the slot. */
static struct preempted_reader slot_reader(sim *s, const struct window *w, s64 slot)
{
	s64 from = slot_start(w, slot), to = slot_start(w, slot + 1);
	u64 r = hash(w->key ^ hash((u64)slot));
	struct preempted_reader reader;

	reader.start = from + (s64)((s128)(to - from) * (s64)(r % PPM) / PPM);
	reader.end = reader.start + quantile_ps(s->w.section_ppm, s->w.section_ns, s->w.nr_section_quantiles,
						(s64)(hash(r) % (PPM + 1)));
	reader.end = min_s64(reader.end, to);
	return reader;
}

static struct window fault_window(sim *s, u32 row)
{
	s64 length = s->w.fault_window_ns * PS_PER_NS;

	return (struct window){ s->w.t_ns[row] * PS_PER_NS - length, length,
				(s64)s->w.n[row] * s->w.readers_per_1000_faults / 1000,
				hash(s->req.seed) ^ hash((u64)row + 1) };
}

static struct window background_window(sim *s, s32 cpu, s64 t)
{
	s64 number = t / BACKGROUND_WINDOW_PS;

	return (struct window){ number * BACKGROUND_WINDOW_PS, BACKGROUND_WINDOW_PS,
				s->w.background_readers_per_cpu_per_s / 100,
				hash(s->req.seed + 1) ^ hash(((u64)(cpu + 1) << 40) + (u64)number) };
}

/* A short reader that began before `unlink` and is still there at t. */
static bool window_covers(sim *s, const struct window *w, s64 unlink, s64 t)
{
	struct preempted_reader reader;
	s64 slot;

	if (w->readers <= 0 || unlink < w->start || unlink >= w->start + w->length)
		return false;
	slot = (s64)((s128)(unlink - w->start) * w->readers / w->length);
	while (slot > 0 && slot_start(w, slot) > unlink)
		slot--;
	while (slot + 1 < w->readers && slot_start(w, slot + 1) <= unlink)
		slot++;
	reader = slot_reader(s, w, slot);
	return reader.start < unlink && reader.end > t;
}

static bool short_reader_on(sim *s, struct cpu *c, s64 unlink, s64 t)
{
	struct window w = background_window(s, c->id, unlink);
	u32 at = c->fault_at;

	if (window_covers(s, &w, unlink, t))
		return true;
	while (at > 0 && s->w.t_ns[c->fault_rows[at - 1]] * PS_PER_NS > unlink)
		at--;
	for (; at < c->nr_fault_rows; at++) {
		w = fault_window(s, c->fault_rows[at]);
		if (w.start > unlink)
			return false;
		if (window_covers(s, &w, unlink, t))
			return true;
	}
	return false;
}

/* Could a reader that found the object before it was unlinked still be in its section at t?
 * An exit under mm_ref has none: every reader holds a reference on the address space. */
bool reader_may_hold(sim *s, struct object *o, s64 t)
{
	if (o->from_exit && !s->w.rcu_only)
		return false;
	if (s->oldest_active_reader < o->unlink_ps)
		return true;
	if (t - o->unlink_ps >= s->max_section_ps)
		return false;
	for (s32 i = 0; i < s->m.nr_cpus; i++)
		if (i != s->cpu->id && short_reader_on(s, &s->cpus[i], o->unlink_ps, t))
			return true;
	return false;
}

/* ---- preempted readers ---- */

/* The hashes of the slots' numbers are the same in every window. */
static void hash_slots(sim *s, s64 nr)
{
	s64 done = s->room_slot_hashes;

	s->slot_hashes = sim_grow(s, s->slot_hashes, &s->room_slot_hashes, nr, sizeof(u64));
	for (; done < s->room_slot_hashes; done++)
		s->slot_hashes[done] = hash((u64)done + 0x70726565);
}

static void add_preempted(sim *s, const struct window *w, s64 *room)
{
	const u64 key = w->key;

	hash_slots(s, w->readers);
	for (s64 slot = 0; slot < w->readers; slot++) {
		u64 r = hash(key ^ s->slot_hashes[slot]);
		struct preempted_reader *p;

		if ((s64)(r % PPM) >= s->w.preempted_ppm)
			continue;
		if (s->nr_preempted == MAX_PREEMPTED)
			sim_fail(s, "more than %d preempted readers: lower preempted_ppm or the reader rate",
				 MAX_PREEMPTED);
		s->preempted = sim_grow(s, s->preempted, room, s->nr_preempted + 1, sizeof(*p));
		p = &s->preempted[s->nr_preempted++];
		p->start = max_s64(slot_reader(s, w, slot).start, 0);
		p->end = p->start + quantile_ps(s->w.preempted_ppm_at, s->w.preempted_ns,
						s->w.nr_preempted_quantiles, (s64)(hash(r) % (PPM + 1)));
	}
}

static int by_start(const void *a, const void *b)
{
	const struct preempted_reader *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

void readers_setup(sim *s)
{
	s64 room = 0;

	s->oldest_active_reader = TIME_MAX;
	for (int32_t i = 0; i < s->w.nr_section_quantiles; i++)
		s->max_section_ps = max_s64(s->max_section_ps, s->w.section_ns[i] * PS_PER_NS);
	if (!s->w.preempted_ppm)
		return;
	for (s64 row = 0; row < s->w.nr_rows; row++)
		if (s->w.kind[row] == ROW_FAULTS) {
			struct window w = fault_window(s, (u32)row);

			add_preempted(s, &w, &room);
		}
	if (s->w.background_readers_per_cpu_per_s)
		for (s32 c = 0; c < s->m.nr_cpus; c++)
			for (s64 t = 0; t < s->w.duration_ns * PS_PER_NS; t += BACKGROUND_WINDOW_PS) {
				struct window w = background_window(s, c, t);

				add_preempted(s, &w, &room);
			}
	if (!s->nr_preempted)
		return;
	qsort(s->preempted, (size_t)s->nr_preempted, sizeof(*s->preempted), by_start);
	s->active_readers = sim_zalloc(s, (size_t)s->nr_preempted * sizeof(s64));
	event_add(s, s->preempted[0].start, EVENT_PREEMPTED_READER, 0, NULL, 0);
}

void reader_starts(sim *s, s64 t, u64 number)
{
	s->active_readers[s->nr_active_readers++] = t;
	s->oldest_active_reader = min_s64(s->oldest_active_reader, t);
	event_add(s, s->preempted[number].end, EVENT_PREEMPTED_READER_ENDS, 0, NULL, number);
	if ((s64)number + 1 < s->nr_preempted)
		event_add(s, s->preempted[number + 1].start, EVENT_PREEMPTED_READER, 0, NULL, number + 1);
}

void reader_ends(sim *s, s64 t, u64 number)
{
	s64 start = s->preempted[number].start;
	s32 i = 0;

	while (s->active_readers[i] != start)
		i++;
	s->active_readers[i] = s->active_readers[--s->nr_active_readers];
	s->oldest_active_reader = TIME_MAX;
	for (i = 0; i < s->nr_active_readers; i++)
		s->oldest_active_reader = min_s64(s->oldest_active_reader, s->active_readers[i]);
	if (s->gp.active && start < s->gp.start_ps)
		gp_unblock(s, t);
}

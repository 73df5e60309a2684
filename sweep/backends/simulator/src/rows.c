/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c - the rows of the workload, dealt out to their CPUs. A CPU's rows run one after the
 * other, and so do an address space's, whatever their CPUs.
 */
#include "sim.h"

#include <stdlib.h>

static inline bool on_machine(sim *s, s64 i)
{
	return (u32)s->w.cpu[i] < (u32)s->m.nr_cpus;
}

static inline bool in_order(sim *s, s64 i)
{
	const s64 *t_ns = s->w.t_ns;

	return s->w.n[i] >= 0 && t_ns[i] <= s->w.duration_ns && t_ns[i] >= (i ? t_ns[i - 1] : 0);
}

static inline bool in_space(sim *s, s64 i)
{
	return s->w.kind[i] == ROW_FAULTS || (u32)s->w.mm[i] < (u32)s->w.nr_mms;
}

static void refuse(sim *s, s64 i)
{
	if (!on_machine(s, i))
		sim_fail(s, "row %lld of the workload runs on CPU %d; the machine has %d", (long long)i,
			 s->w.cpu[i], s->m.nr_cpus);
	if (!in_order(s, i))
		sim_fail(s, "row %lld of the workload: times must not fall, and counts not be negative",
			 (long long)i);
	if (!in_space(s, i))
		sim_fail(s, "row %lld of the workload names address space %d of %d", (long long)i, s->w.mm[i],
			 s->w.nr_mms);
	sim_fail(s, "row %lld of the workload is of kind %d, which does not exist", (long long)i,
		 s->w.kind[i]);
}

/* Checks the rows, and counts what they will need room for. */
void rows_check(sim *s)
{
	s64 births = 0, rows[ROW_ALLOC + 1] = { 0 };

	for (s64 i = 0; i < s->w.nr_rows; i++) {
		u32 kind = s->w.kind[i];

		if (unlikely(kind > ROW_ALLOC || !on_machine(s, i) || !in_order(s, i) || !in_space(s, i)))
			refuse(s, i);
		rows[kind]++;
		births += kind == ROW_ALLOC ? s->w.n[i] : 0;
	}
	s->nr_births = births;
	s->nr_munmaps = rows[ROW_CALL];
	s->nr_exits = rows[ROW_EXIT];
	s->rows_left = s->w.nr_rows - rows[ROW_FAULTS];
}

static void add_fault_row(sim *s, struct cpu *c, u32 row)
{
	c->fault_rows = sim_grow(s, c->fault_rows, &c->room_fault_rows, c->nr_fault_rows + 1, sizeof(u32));
	c->fault_rows[c->nr_fault_rows++] = row;
}

/* Each CPU's rows as a list, its fault rows as an array. `rows_done` of an address space counts its rows. */
void rows_deal(sim *s)
{
	u32 **ends = s->row_ends = sim_zalloc(s, (size_t)s->m.nr_cpus * sizeof(*ends));
	const struct sim_workload w = s->w; /* a copy, which no store below can change */
	struct row_link *links = s->row_links;
	struct mm *mms = s->mms;

	for (s32 i = 0; i < s->m.nr_cpus; i++)
		ends[i] = &s->cpus[i].row;
	for (s64 i = 0; i < w.nr_rows; i++) {
		s32 cpu = w.cpu[i];

		if (w.kind[i] == ROW_FAULTS) {
			add_fault_row(s, &s->cpus[cpu], (u32)i);
			continue;
		}
		*ends[cpu] = (u32)i;
		ends[cpu] = &links[i].next;
		links[i].ordinal = mms[w.mm[i]].nr_rows++;
	}
	for (s32 i = 0; i < s->m.nr_cpus; i++) {
		*ends[i] = NO_ROW;
		row_look(s, &s->cpus[i]);
	}
}

/* A CPU's next row is another one, or may start now. */
void row_look(sim *s, struct cpu *c)
{
	bool blocked = false;

	c->row_ready = TIME_MAX;
	if (c->row != NO_ROW) {
		const struct mm *mm = &s->mms[s->w.mm[c->row]];

		blocked = mm->rows_done != s->row_links[c->row].ordinal;
		if (!blocked)
			c->row_ready = max_s64(s->w.t_ns[c->row] * PS_PER_NS, mm->last_end_ps);
	}
	s->nr_blocked += blocked - c->blocked;
	c->blocked = blocked;
}

static void unblock(sim *s)
{
	for (s32 i = 0; i < s->m.nr_cpus; i++) {
		struct cpu *c = &s->cpus[i];

		if (!c->blocked)
			continue;
		row_look(s, c);
		if (!c->blocked)
			cpu_changed(s, c);
	}
}

void row_done(sim *s, struct mm *mm, s64 t)
{
	mm->rows_done++;
	mm->last_end_ps = t;
	s->rows_left--;
	if (s->nr_blocked)
		unblock(s);
}

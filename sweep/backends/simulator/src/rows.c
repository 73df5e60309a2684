/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c - the rows of the workload, dealt out to their CPUs. A CPU's rows run one after the
 * other, and so do an address space's, whatever their CPUs.
 */
#include "sim.h"

#include <stdlib.h>

static void refuse(sim *s, s64 i)
{
	const struct sim_workload *w = &s->w;

	if (w->cpu[i] < 0 || w->cpu[i] >= s->m.nr_cpus)
		sim_fail(s, "row %lld of the workload runs on CPU %d; the machine has %d", (long long)i,
			 w->cpu[i], s->m.nr_cpus);
	if (w->n[i] < 0 || w->t_ns[i] > w->duration_ns || w->t_ns[i] < (i ? w->t_ns[i - 1] : 0))
		sim_fail(s, "row %lld of the workload: times must not fall, and counts not be negative",
			 (long long)i);
	if (w->kind[i] > ROW_ALLOC)
		sim_fail(s, "row %lld of the workload is of kind %d, which does not exist", (long long)i,
			 w->kind[i]);
	sim_fail(s, "row %lld of the workload names address space %d of %d", (long long)i, w->mm[i],
		 w->nr_mms);
}

/* Before the rows are checked: no row counts less than nothing. */
struct row_counts rows_count(const struct sim_workload *w)
{
	struct row_counts nr = { 0 };

	for (s64 i = 0; i < w->nr_rows; i++) {
		nr.births += w->kind[i] == ROW_ALLOC && w->n[i] > 0 ? w->n[i] : 0;
		nr.munmaps += w->kind[i] == ROW_CALL;
		nr.exits += w->kind[i] == ROW_EXIT;
	}
	return nr;
}

static void add_fault_row(sim *s, struct cpu *c, u32 row)
{
	c->fault_rows = sim_grow(s, c->fault_rows, &c->room_fault_rows, c->nr_fault_rows + 1, sizeof(u32));
	c->fault_rows[c->nr_fault_rows++] = row;
}

/* Checks the rows. Each CPU's become a list, and its fault rows an array. */
void rows_deal(sim *s)
{
	const struct sim_workload w = s->w; /* a copy, which no store below can change */
	const s32 nr_cpus = s->m.nr_cpus;
	u32 **ends = s->row_ends = sim_zalloc(s, (size_t)nr_cpus * sizeof(*ends));
	struct row_link *links = s->row_links;
	struct mm *mms = s->mms;
	s64 before_ns = 0;

	s->rows_left = w.nr_rows;
	for (s32 i = 0; i < nr_cpus; i++)
		ends[i] = &s->cpus[i].row;
	for (s64 i = 0; i < w.nr_rows; i++) {
		s32 cpu = w.cpu[i], mm = w.mm[i];
		s64 t_ns = w.t_ns[i];

		if (unlikely((u32)cpu >= (u32)nr_cpus || w.n[i] < 0 || t_ns > w.duration_ns ||
			     t_ns < before_ns || w.kind[i] > ROW_ALLOC))
			refuse(s, i);
		before_ns = t_ns;
		if (w.kind[i] == ROW_FAULTS) {
			add_fault_row(s, &s->cpus[cpu], (u32)i);
			s->rows_left--;
			continue;
		}
		if (unlikely((u32)mm >= (u32)w.nr_mms))
			refuse(s, i);
		*ends[cpu] = (u32)i;
		ends[cpu] = &links[i].next;
		links[i].ordinal = mms[mm].nr_rows++;
	}
	for (s32 i = 0; i < nr_cpus; i++) {
		*ends[i] = NO_ROW;
		row_look(s, &s->cpus[i]);
	}
}

/* A CPU's next row is another one, or may start now. */
void row_look(sim *s, struct cpu *c)
{
	bool blocked = false;

	c->row_ready = TIME_MAX;
	if (likely(c->row != NO_ROW)) {
		const struct mm *mm = &s->mms[s->w.mm[c->row]];

		blocked = mm->rows_done != s->row_links[c->row].ordinal;
		if (likely(!blocked))
			c->row_ready = max_s64(s->w.t_ns[c->row] * PS_PER_NS, mm->last_end_ps);
	}
	if (unlikely(blocked != c->blocked)) {
		s->nr_blocked += blocked ? 1 : -1;
		c->blocked = blocked;
	}
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

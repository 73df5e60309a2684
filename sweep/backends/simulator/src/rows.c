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

/* In blocks that a byte can count, which the compiler turns into vector instructions. */
static s64 count_kind(const struct sim_workload *w, enum row_kind kind)
{
	s64 nr = 0;

	for (s64 from = 0; from < w->nr_rows; from += UINT8_MAX) {
		const s64 to = min_s64(from + UINT8_MAX, w->nr_rows);
		uint8_t here = 0;

		for (s64 i = from; i < to; i++)
			here += w->kind[i] == (uint8_t)kind;
		nr += here;
	}
	return nr;
}

/* Before the rows are checked: no row counts less than nothing. */
struct row_counts rows_count(const struct sim_workload *w)
{
	struct row_counts nr = { 0 };

	for (s64 i = 0; i < w->nr_rows; i++)
		if (w->kind[i] == ROW_ALLOC && w->n[i] > 0)
			nr.births += w->n[i];
	nr.munmaps = count_kind(w, ROW_CALL);
	nr.exits = count_kind(w, ROW_EXIT);
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

/* The end of a row may be what others waited for. */
void rows_unblock(sim *s)
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

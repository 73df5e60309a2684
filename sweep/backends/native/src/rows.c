/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c - the rows of the workload, dealt out to their CPUs. A CPU's rows run one after the other, and so do
 * an address space's, whatever their CPUs.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* Objects are numbered so that those of one address space stand side by side, in order of birth. */
static void number_objects(struct policy_run *run)
{
	const struct sim_workload *w = &run->w;
	u32 *births = zalloc((size_t)w->nr_mms * sizeof(*births));
	u64 first = 0;

	for (s64 i = 0; i < w->nr_rows; i++)
		if (w->kind[i] == ROW_ALLOC)
			births[w->mm[i]] += (u32)w->n[i];
	for (s32 mm = 0; mm < w->nr_mms; mm++) {
		run->mms[mm].first = (u32)first;
		first += births[mm];
	}
	free(births);
	if (first > INT32_MAX)
		fail_configuration("the workload has %llu objects; at most %d", (unsigned long long)first,
				   INT32_MAX);
	run->nr_objects = (u32)first;
}

/* No call may free what its address space does not hold. */
static void check_balance(struct policy_run *run)
{
	const struct sim_workload *w = &run->w;
	s64 *live = zalloc((size_t)w->nr_mms * sizeof(*live));

	for (s64 i = 0; i < w->nr_rows; i++) {
		if (w->kind[i] == ROW_FAULTS)
			continue;
		live[w->mm[i]] += w->kind[i] == ROW_ALLOC ? w->n[i] : -w->n[i];
		if (live[w->mm[i]] < 0)
			fail_configuration(
				"row %lld of the workload frees %d objects, but its address space holds "
				"%lld",
				(long long)i, w->n[i], (long long)(live[w->mm[i]] + w->n[i]));
	}
	free(live);
}

static void deal_fault_rows(struct policy_run *run)
{
	const struct sim_workload *w = &run->w;

	for (s64 i = 0; i < w->nr_rows; i++)
		run->cpus[w->cpu[i]].nr_fault_rows += w->kind[i] == ROW_FAULTS;
	for (u32 c = 0; c < run->nr_cpus; c++) {
		run->cpus[c].fault_rows = zalloc((size_t)run->cpus[c].nr_fault_rows * sizeof(u32));
		run->cpus[c].nr_fault_rows = 0;
	}
	for (s64 i = 0; i < w->nr_rows; i++)
		if (w->kind[i] == ROW_FAULTS) {
			struct cpu *c = &run->cpus[w->cpu[i]];

			c->fault_rows[c->nr_fault_rows++] = (u32)i;
		}
}

void rows_deal(struct policy_run *run)
{
	const struct sim_workload *w = &run->w;
	u32 **ends = zalloc(run->nr_cpus * sizeof(*ends));
	u32 *last = zalloc((size_t)w->nr_mms * sizeof(*last)); /* row of that address space, + 1 */

	number_objects(run);
	check_balance(run);
	deal_fault_rows(run);
	for (u32 i = 0; i < run->nr_cpus; i++)
		ends[i] = &run->cpus[i].row;
	for (s64 i = 0; i < w->nr_rows; i++) {
		struct row_link *link = &run->row_links[i];
		s32 cpu = w->cpu[i], mm = w->mm[i];

		if (w->kind[i] == ROW_FAULTS)
			continue;
		*ends[cpu] = (u32)i;
		ends[cpu] = &link->next;
		link->ordinal = run->mms[mm].nr_rows++;
		link->mm_next = -1;
		if (last[mm] && w->cpu[last[mm] - 1] != cpu)
			run->row_links[last[mm] - 1].mm_next = cpu;
		last[mm] = (u32)i + 1;
	}
	for (u32 i = 0; i < run->nr_cpus; i++)
		*ends[i] = NO_ROW;
	free(last);
	free(ends);
}

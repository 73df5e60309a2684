// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * metrics.c - what was recorded, added up when the trial has ended. Names and units are those of
 * sweep.trial.METRICS, definitions those of the simulator's metrics.c: everything up to the end of the
 * measured span counts, and time integrals are sums of (end - t) over what enters less what leaves.
 */
#include <linux/math64.h>
#include <linux/sched.h>
#include "lab.h"

/* ---- sorting and distributions ---- */

/* Least significant byte first, stable; `spare` has room for as many. */
void metrics_sort(u64 *at, u64 *spare, u32 nr)
{
	u64 *from = at, *to = spare;
	u32 shift, i;

	for (shift = 0; shift < 64; shift += 8) {
		u32 place[257] = { 0 };

		for (i = 0; i < nr; i++)
			place[(from[i] >> shift & 255) + 1]++;
		for (i = 0; i < 256; i++)
			place[i + 1] += place[i];
		for (i = 0; i < nr; i++)
			to[place[from[i] >> shift & 255]++] = from[i];
		swap(from, to); /* an even number of passes: the result is in `at` */
		cond_resched();
	}
}

struct summary {
	u64 mean, p50, p99, max;
};

/* Nearest rank: the smallest value that at least percent % of the values do not exceed. */
static u64 nearest_rank(const u64 *sorted, u32 nr, u32 percent)
{
	return sorted[div_u64((u64)nr * percent + 99, 100) - 1];
}

/* All 0 where nothing was seen. Sorts the values. */
static struct summary summary_of(u64 *values, u64 *spare, u32 nr)
{
	u64 sum = 0;
	u32 i;

	if (!nr)
		return (struct summary){ 0 };
	metrics_sort(values, spare, nr);
	for (i = 0; i < nr; i++)
		sum += values[i];
	return (struct summary){ div_u64(sum, nr), nearest_rank(values, nr, 50), nearest_rank(values, nr, 99),
				 values[nr - 1] };
}

static void print_milli(struct seq_buf *out, const char *name, u64 milli)
{
	u32 rest;
	u64 whole = div_u64_rem(milli, 1000, &rest);

	seq_buf_printf(out, "\"%s\": %llu.%03u, ", name, whole, rest);
}

static void print_count(struct seq_buf *out, const char *name, u64 count)
{
	seq_buf_printf(out, "\"%s\": %llu, ", name, count);
}

/* ---- calls ---- */

static u32 latencies(struct policy_run *run, u64 *values, bool exits, bool per_object)
{
	u32 nr_calls = (u32)atomic_read(&run->nr_calls), nr = 0, i;

	for (i = 0; i < nr_calls; i++) {
		const struct lab_call *call = &run->calls[i];

		if (call->exits != exits || (per_object && !call->n))
			continue;
		values[nr++] = per_object ? div_u64(call->latency * 1000, call->n) : call->latency;
	}
	return nr;
}

static void report_calls(struct policy_run *run, struct seq_buf *out, u64 *values, u64 *spare)
{
	struct summary exits = summary_of(values, spare, latencies(run, values, true, false));
	struct summary per = summary_of(values, spare, latencies(run, values, true, true));
	struct summary munmaps = summary_of(values, spare, latencies(run, values, false, false));

	print_count(out, "exit_latency_ns.mean", exits.mean);
	print_count(out, "exit_latency_ns.p50", exits.p50);
	print_count(out, "exit_latency_ns.p99", exits.p99);
	print_count(out, "exit_latency_ns.max", exits.max);
	print_milli(out, "exit_ns_per_object.mean", per.mean);
	print_milli(out, "exit_ns_per_object.p50", per.p50);
	print_milli(out, "exit_ns_per_object.p99", per.p99);
	print_milli(out, "exit_ns_per_object.max", per.max);
	print_count(out, "munmap_latency_ns.mean", munmaps.mean);
	print_count(out, "munmap_latency_ns.p50", munmaps.p50);
	print_count(out, "munmap_latency_ns.p99", munmaps.p99);
	print_count(out, "munmap_latency_ns.max", munmaps.max);
}

/* ---- retained ---- */

enum account { POSTPONED, WAITING, READY, MEMORY, NR_ACCOUNTS };

struct balance {
	s64 integral[NR_ACCOUNTS]; /* n ns, up to the end of the measured span */
	s64 left[NR_ACCOUNTS];	   /* after the drain */
};

static void change(struct policy_run *run, struct balance *b, enum account account, u64 t, s64 n)
{
	if (t < run->end)
		b->integral[account] += n * (s64)(run->end - t);
	b->left[account] += n;
}

static u32 log_entries(const struct policy_run *run)
{
	return min_t(u32, (u32)atomic_read(&run->log_used), run->log_room);
}

static struct balance balance_of(struct policy_run *run)
{
	struct balance b = { 0 };
	u32 nr_log = log_entries(run), i;

	for (i = 0; i < run->nr_objects; i++) {
		if (run->unlink[i])
			change(run, &b, POSTPONED, run->unlink[i], 1);
		if (run->freed[i])
			change(run, &b, run->freed[i] & 1 ? READY : POSTPONED, run->freed[i] / 2, -1);
	}
	for (i = 0; i < nr_log; i++) {
		const struct lab_entry *e = &run->log[i];

		if (e->kind == ENTRY_MEMORY)
			change(run, &b, MEMORY, e->t, e->n);
		else
			change(run, &b, e->kind == ENTRY_POSTED ? POSTPONED : WAITING, e->t, -e->n);
		if (e->kind != ENTRY_MEMORY)
			change(run, &b, e->kind == ENTRY_POSTED ? WAITING : READY, e->t, e->n);
	}
	return b;
}

/* The policy's memory over time, as sorted words: time, then the change with its sign moved away. */
#define CHANGE_BITS 14
#define CHANGE_ZERO (1 << (CHANGE_BITS - 1))

static u32 memory_changes(struct policy_run *run, u64 *words)
{
	u32 nr_log = log_entries(run), nr = 0, i;

	for (i = 0; i < nr_log; i++)
		if (run->log[i].kind == ENTRY_MEMORY && run->log[i].t < run->end)
			words[nr++] = run->log[i].t << CHANGE_BITS | (u32)(run->log[i].n + CHANGE_ZERO);
	return nr;
}

/* Of changes at one time, what leaves goes before what enters. The buffers have room for nr_objects each. */
static u64 retained_peak(struct policy_run *run, u64 *unlinks, u64 *frees, u64 *memory, u64 *spare)
{
	u32 nr_unlinks = 0, nr_frees = 0, nr_memory = memory_changes(run, memory), u = 0, f = 0, m = 0, i;
	s64 bytes = 0, peak = 0;

	for (i = 0; i < run->nr_objects; i++) {
		if (run->unlink[i] && run->unlink[i] < run->end)
			unlinks[nr_unlinks++] = run->unlink[i];
		if (run->freed[i] && run->freed[i] / 2 < run->end)
			frees[nr_frees++] = run->freed[i] / 2;
	}
	metrics_sort(unlinks, spare, nr_unlinks);
	metrics_sort(frees, spare, nr_frees);
	metrics_sort(memory, spare, nr_memory);
	while (u < nr_unlinks || m < nr_memory) {
		u64 next_u = u < nr_unlinks ? unlinks[u] : U64_MAX;
		u64 next_m = m < nr_memory ? memory[m] >> CHANGE_BITS : U64_MAX;

		for (; f < nr_frees && frees[f] <= min(next_u, next_m); f++)
			bytes -= run->req->object_bytes;
		if (next_m <= next_u)
			bytes += (s64)(memory[m++] & ((1 << CHANGE_BITS) - 1)) - CHANGE_ZERO;
		else
			bytes += run->req->object_bytes;
		if (next_u < next_m)
			u++;
		peak = max(peak, bytes);
	}
	return (u64)peak;
}

static u64 mean_bytes(const struct policy_run *run, s64 integral, u32 bytes)
{
	return integral > 0 ? mul_u64_u64_div_u64((u64)integral, bytes, run->end) : 0;
}

static void report_retained(struct policy_run *run, struct seq_buf *out, const struct balance *b, u64 peak)
{
	u32 bytes = (u32)run->req->object_bytes;
	u64 postponed = mean_bytes(run, b->integral[POSTPONED], bytes);
	u64 waiting = mean_bytes(run, b->integral[WAITING], bytes);
	u64 ready = mean_bytes(run, b->integral[READY], bytes);
	u64 memory = mean_bytes(run, b->integral[MEMORY], 1);

	print_count(out, "retained_bytes.mean", postponed + waiting + ready + memory);
	print_count(out, "retained_bytes.peak", peak);
	print_count(out, "retained_split.postponed", postponed);
	print_count(out, "retained_split.waiting", waiting);
	print_count(out, "retained_split.ready", ready);
	print_count(out, "retained_split.policy_memory", memory);
}

static void report_ages(struct policy_run *run, struct seq_buf *out, u64 *values, u64 *spare)
{
	struct summary ages;
	u32 nr = 0, i;

	for (i = 0; i < run->nr_objects; i++)
		if (run->freed[i] && run->freed[i] / 2 <= run->end)
			values[nr++] = run->freed[i] / 2 - run->unlink[i];
	ages = summary_of(values, spare, nr);
	print_count(out, "dead_age_ns.p50", ages.p50);
	print_count(out, "dead_age_ns.p99", ages.p99);
	print_count(out, "dead_age_ns.max", ages.max);
}

/* ---- the report ---- */

struct totals {
	u64 unlinked, freed, freed_after, leaked, born;
	u64 age_sum; /* up to the end of the measured span, for Little's law */
};

static struct totals count_objects(const struct policy_run *run)
{
	struct totals totals = { .born = (u64)atomic_read(&run->born) };
	u32 i;

	for (i = 0; i < run->nr_objects; i++) {
		totals.unlinked += !!run->unlink[i];
		totals.freed += run->freed[i] && run->freed[i] / 2 <= run->end;
		totals.freed_after += run->freed[i] && run->freed[i] / 2 > run->end;
		totals.leaked += run->unlink[i] && !run->freed[i];
		if (run->unlink[i] && run->unlink[i] < run->end)
			totals.age_sum +=
				min(run->freed[i] ? run->freed[i] / 2 : U64_MAX, run->end) - run->unlink[i];
	}
	return totals;
}

static void report_counts(struct policy_run *run, struct seq_buf *out, const struct totals *totals)
{
	const struct lab_counts *c = &run->counts;
	u64 cpu_ns = (u64)atomic64_read(&run->freeing_ns) + (u64)atomic64_read(&run->work_ns) +
		     c->softirq_ns + c->kthread_ns;

	print_milli(out, "cpu_ns_per_object", div64_u64(cpu_ns * 1000, max_t(u64, totals->unlinked, 1)));
	print_count(out, "max_stall_ns", c->max_stall);
	print_count(out, "grace_periods", c->grace_periods);
	print_count(out, "callbacks", c->callbacks + c->slab_callbacks);
	print_count(out, "wakeups", c->wakeups);
	print_count(out, "lock_waits", c->lock_waits);
	seq_buf_printf(out, "\"violations\": %llu}, ", c->violations);
}

static void report_notes(const struct policy_run *run, struct seq_buf *out)
{
	char name[16];
	u32 i;

	for (i = 0; i < LAB_MAX_NOTES; i++) {
		if (!run->notes[i].n)
			continue;
		snprintf(name, sizeof(name), "note_%u_ns", i);
		print_milli(out, name, div64_u64(run->notes[i].ns * 1000, run->notes[i].n));
	}
}

static void report_details(struct policy_run *run, struct seq_buf *out, const struct totals *totals)
{
	const struct lab_counts *c = &run->counts;

	seq_buf_printf(out, "\"details\": {");
	print_count(out, "duration_ns", run->end);
	print_count(out, "objects_born", totals->born);
	print_count(out, "objects_unlinked", totals->unlinked);
	print_count(out, "objects_freed", totals->freed);
	print_count(out, "objects_retained_at_end", totals->unlinked - totals->freed);
	print_count(out, "objects_freed_in_drain", totals->freed_after);
	print_count(out, "objects_leaked", totals->leaked);
	print_count(out, "dead_age_sum_ns", totals->age_sum);
	if (run->cookie)
		print_count(out, "objects_freed_early", (u64)atomic64_read(&run->freed_early));
	print_count(out, "cpu_freeing_ns", (u64)atomic64_read(&run->freeing_ns));
	print_count(out, "cpu_work_ns", (u64)atomic64_read(&run->work_ns));
	print_count(out, "cpu_softirq_ns", c->softirq_ns);
	print_count(out, "cpu_rcu_kthreads_ns", c->kthread_ns);
	print_count(out, "contended_locks", c->contended);
	print_count(out, "grace_periods_of_all", c->gps_ended);
	print_count(out, "gp_cleanup_ns",
		    div64_u64((u64)atomic64_read(&run->gp_cleanup_ns), max_t(u64, c->gps_ended, 1)));
	print_count(out, "sections", (u64)atomic64_read(&run->sections));
	print_count(out, "sections_with_object", (u64)atomic64_read(&run->sections_seen));
	print_count(out, "sections_left_out", (u64)atomic64_read(&run->sections_late));
	print_count(out, "revalidations", (u64)atomic64_read(&run->revalidations));
	print_count(out, "shrinker_calls", (u64)atomic64_read(&run->shrinker_calls));
	print_count(out, "shrinker_scanned", (u64)atomic64_read(&run->shrinker_scanned));
	report_notes(run, out);
	if (run->req->nr_pressure)
		print_count(out, "min_free_permille", run->min_free_permille);
	print_count(out, "slab_callbacks", c->slab_callbacks);
	print_count(out, "slab_bytes", run->slab_bytes);
	if (run->slab_objects_after >= 0)
		print_count(out, "slab_objects_after", (u64)run->slab_objects_after);
	print_count(out, "max_lag_ns", (u64)atomic64_read(&run->max_lag));
	seq_buf_printf(out, "\"calls\": %d}, \"unmeasured\": [%s]}\n", atomic_read(&run->nr_calls),
		       run->nr_samples ? "" : "\"pinned_slab_bytes.mean\", \"pinned_slab_bytes.peak\"");
}

/* Everything that was unlinked has been freed, and each account is empty. */
static void check(struct policy_run *run, const struct balance *b, const struct totals *totals)
{
	if (totals->leaked)
		lab_fail(run, "policy '%s' never freed %llu of %llu objects", run->policy->name,
			 totals->leaked, totals->unlinked);
	else if (b->left[POSTPONED] || b->left[WAITING] || b->left[READY])
		lab_fail(
			run,
			"policy '%s' miscounts its objects: %lld postponed, %lld waiting, %lld ready are left",
			run->policy->name, b->left[POSTPONED], b->left[WAITING], b->left[READY]);
	else if (b->left[MEMORY])
		lab_fail(run, "policy '%s' never released %lld bytes", run->policy->name, b->left[MEMORY]);
}

int metrics_report(struct policy_run *run, struct seq_buf *out)
{
	const u32 room = max3(run->nr_objects, run->nr_calls_room, log_entries(run)) + 1;
	u64 *buffers = kvcalloc(4 * (size_t)room, sizeof(u64), GFP_KERNEL);
	u64 *a = buffers, *b = buffers + room, *c = buffers + 2 * (size_t)room,
	    *d = buffers + 3 * (size_t)room;
	const struct balance balance = balance_of(run);
	const struct totals totals = count_objects(run);

	if (!buffers)
		return -ENOMEM;
	check(run, &balance, &totals);
	if (!atomic_read(&run->failed)) {
		seq_buf_printf(out, "{\"metrics\": {");
		report_calls(run, out, a, b);
		report_retained(run, out, &balance, retained_peak(run, a, b, c, d));
		pinned_report(run, out, a, b);
		report_ages(run, out, a, b);
		report_counts(run, out, &totals);
		report_details(run, out, &totals);
	}
	kvfree(buffers);
	return 0;
}

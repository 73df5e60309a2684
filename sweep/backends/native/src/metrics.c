/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - what is measured, worked out when all is over from what the threads wrote down; and the checks that
 * nothing was lost. Definitions are those of the simulator's metrics.c.
 */
#include "log.h"
#include "result.h"

#include <string.h>

static const char *const account_names[] = { "postponed", "waiting", "ready", "freed", "policy's memory" };

/* ---- counts, at the end of the measured span ---- */

void metrics_totals(struct policy_run *run, struct pass_result *result)
{
	u64 stall = 0;

	for (u32 i = 0; i < run->nr_contexts; i++) {
		atomic_u64 *counters = (atomic_u64 *)&run->contexts[i].count;

		for (size_t k = 0; k < NR_COUNTERS; k++)
			result->totals[k] += atomic_load_explicit(&counters[k], memory_order_relaxed);
		if (run->contexts[i].role == ROLE_KSOFTIRQD)
			result->callbacks_in_ksoftirqd += atomic_load(&run->contexts[i].count.callbacks);
		stall = (u64)max_s64((s64)stall, (s64)atomic_load(&run->contexts[i].count.max_stall));
	}
	result->totals[offsetof(struct counters, max_stall) / sizeof(u64)] = stall;
	result->grace_periods = gp_completed(run);
	result->fqs_scans = atomic_load(&run->gp.nr_fqs);
}

static u64 nr_unlinked(const struct policy_run *run)
{
	u64 nr = 0;

	for (u32 i = 0; i < run->nr_objects; i++)
		nr += run->unlinked_at[i] != 0;
	return nr;
}

/* ---- accounts ---- */

struct accounts {
	s128 integral[OVERHEAD + 1];		      /* up to the end of the span */
	s64 at_end[OVERHEAD + 1], left[OVERHEAD + 1]; /* then, and when all is drained */
};

static void enter(const struct policy_run *run, struct accounts *a, u8 account, u64 t, s64 n)
{
	if (account == SLAB_GONE || account == FREED)
		return;
	a->left[account] += n;
	if (t > run->end)
		return;
	a->at_end[account] += n;
	a->integral[account] += (s128)n * (s64)(run->end - t);
}

/* What a thread posted in calls: before the end of the span, which is not before that of the last call. */
static void enter_posted(const struct policy_run *run, struct accounts *a, u8 account,
			 const struct context *ctx, s64 sign)
{
	a->left[account] += sign * ctx->posted;
	a->at_end[account] += sign * ctx->posted;
	a->integral[account] += sign * ((s128)ctx->posted * (s64)run->end - ctx->posted_at_sum);
}

static struct accounts add_up(const struct policy_run *run)
{
	struct accounts a = { 0 };

	for (u32 i = 0; i < run->nr_objects; i++) {
		if (run->unlinked_at[i])
			enter(run, &a, POSTPONED, run->unlinked_at[i], 1);
		if (run->freed[i])
			enter(run, &a, run->freed[i] & 1 ? READY : POSTPONED, run->freed[i] >> 1, -1);
	}
	for (u32 i = 0; i < run->nr_contexts; i++) {
		const struct context *ctx = &run->contexts[i];

		for (u64 k = 0; k < ctx->log.nr; k++) {
			const struct event *e = &ctx->log.at[k];

			if (e->to == SLAB_GONE)
				continue;
			enter(run, &a, e->from, e->t, -(s64)e->n);
			enter(run, &a, e->to, e->t, e->n);
		}
		enter_posted(run, &a, POSTPONED, ctx, -1);
		enter_posted(run, &a, WAITING, ctx, 1);
	}
	for (int k = 0; k <= OVERHEAD; k++)
		if (a.at_end[k] < 0 || a.left[k])
			fail_configuration(
				"policy '%s' miscounts: %s has %lld at the end of the workload, and %lld when "
				"all is freed",
				run->policy->name, account_names[k], (long long)a.at_end[k],
				(long long)a.left[k]);
	return a;
}

/* ---- ages ---- */

static void ages(const struct policy_run *run, struct pass_result *result)
{
	double *age = zalloc(run->nr_objects * sizeof(*age));
	s128 sum = 0;
	u64 nr = 0;

	for (u32 i = 0; i < run->nr_objects; i++) {
		const u64 from = run->unlinked_at[i], to = run->freed[i] >> 1;

		if (!from || from > run->end)
			continue;
		if (to && to <= run->end)
			age[nr++] = clock_to_ns(to - from);
		sum += (s64)(to && to <= run->end ? to : run->end) - (s64)from;
	}
	result->freed = nr;
	result->dead_age_sum_ns = (double)sum * clock_scale.ns_per_unit;
	result->dead_age = describe(age, nr);
	free(age);
}

/* ---- calls ---- */

static void calls(const struct policy_run *run, struct pass_result *result)
{
	u64 nr = 0, exits = 0, per = 0, munmaps = 0;
	double *values;

	for (u32 i = 0; i < run->nr_cpus; i++)
		nr += run->cpus[i].nr_calls;
	values = zalloc(3 * nr * sizeof(*values));
	for (u32 i = 0; i < run->nr_cpus; i++)
		for (u64 k = 0; k < run->cpus[i].nr_calls; k++) {
			const struct call_record *call = &run->cpus[i].calls[k];

			result->calls_slow += call->latency_ns < call->raw_ns;
			result->calls_raw_ns += call->raw_ns;
			result->calls_ns += call->latency_ns;
			if (!call->exits) {
				values[munmaps++] = call->latency_ns;
				continue;
			}
			values[nr + exits++] = call->latency_ns;
			if (call->n)
				values[2 * nr + per++] = call->latency_ns / call->n;
		}
	result->munmap_latency = describe(values, munmaps);
	result->exit_latency = describe(values + nr, exits);
	result->exit_per_object = describe(values + 2 * nr, per);
	free(values);
}

void metrics_finish(struct policy_run *run, struct pass_result *result)
{
	const double span = (double)(run->end - run->t0), bytes = run->m.object_bytes;
	struct accounts a = add_up(run);

	result->duration_ns = clock_to_ns(run->end - run->t0);
	result->unlinked = nr_unlinked(run);
	result->postponed = (double)a.integral[POSTPONED] / span * bytes;
	result->waiting = (double)a.integral[WAITING] / span * bytes;
	result->ready = (double)a.integral[READY] / span * bytes;
	result->overhead = (double)a.integral[OVERHEAD] / span;
	result->retained.mean = result->postponed + result->waiting + result->ready + result->overhead;
	result->retained.peak = retained_peak_bytes(run);
	if (run->on_slab)
		result->pinned = pinned_slab_bytes(run);
	ages(run, result);
	calls(run, result);
	cpu_time(run, result);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* result.h - what one pass came to. */
#ifndef NATIVE_RESULT_H
#define NATIVE_RESULT_H
#include "bench.h"

struct distribution { /* nearest-rank percentiles; all 0 where count is 0 */
	u64 count;
	double mean, p50, p99, max;
};

struct level {
	double mean, peak;
};

struct disturbance {
	u64 involuntary_switches; /* of the CPU threads */
	u64 minor_faults, major_faults;
	double steal_ns, others_cpu_ns; /* of the CPU set, to the 10 ms that /proc/stat counts in */
	double own_cpu_ns;
	double late_start_mean_ns, late_start_max_ns;
};

struct usage { /* of the process and of its CPUs, up to now */
	u64 minor_faults, major_faults, own_cpu_ns, busy_ns, steal_ns;
	u64 rss_bytes, peak_rss_bytes;
};

struct pass_result {
	double duration_ns;
	struct distribution exit_latency, exit_per_object, munmap_latency, dead_age;
	struct level retained, pinned;
	double postponed, waiting, ready, overhead;
	double cpu_ns, freeing_ns, callback_ns; /* in all */
	double dead_age_sum_ns;
	double calls_raw_ns, calls_ns; /* sums over all calls: as it was, and at full speed */
	u64 calls_slow;
	u64 unlinked, freed, grace_periods, fqs_scans;
	u64 callbacks_in_ksoftirqd;
	u64 callbacks_in_all;	 /* those of the drain included */
	u64 totals[NR_COUNTERS]; /* struct counters over all threads, at the end of the span */
	double cpu_of_role_ns[NR_ROLES];
	double drain_ns;
	struct disturbance disturbance;
	struct usage before, after;
};

/* values.c: reorders the values. */
struct distribution describe(double *values, u64 nr);
int by_u64(const void *a, const void *b);

/* timeline.c */
double retained_peak_bytes(const struct policy_run *run);
struct level pinned_slab_bytes(const struct policy_run *run);

/* metrics.c */
void metrics_totals(struct policy_run *run, struct pass_result *result);
void metrics_finish(struct policy_run *run, struct pass_result *result);

/* cputime.c */
void contexts_cpu_time(struct policy_run *run, bool end);
void cpu_time(const struct policy_run *run, struct pass_result *result);

/* disturbance.c */
struct usage usage_now(const struct policy_run *run);
struct disturbance disturbance_of(const struct policy_run *run, const struct usage *before,
				  const struct usage *after);

static inline u64 total(const struct pass_result *result, size_t offset)
{
	return result->totals[offset / sizeof(u64)];
}
#define TOTAL(result, field) total(result, offsetof(struct counters, field))

#endif

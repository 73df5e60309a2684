/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sanitized_main.c - every policy on a busy little workload, with default, smallest and largest
 * parameters, on machines with and without offloading; no Python in the process, so that
 * address, undefined-behaviour and leak checks see the engine alone. Built by test_sanitized.py.
 */
#include "policy.h"
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct policy *const all_policies[];

#define MS 1000000LL
#define NR_CPUS 4
#define NR_MMS 40
#define NR_CALLS 400
#define NR_ROWS (NR_MMS + NR_CALLS + NR_MMS + 50)
#define MAX_PARAMS 16

enum { MUNMAP, EXIT, FAULTS, BIRTH };

static int64_t t_ns[NR_ROWS];
static int32_t cpus[NR_ROWS], mms[NR_ROWS], counts[NR_ROWS];
static uint8_t kinds[NR_ROWS];
static int64_t nr_rows;

static void row(int64_t t, int cpu, int mm, uint8_t kind, int n)
{
	t_ns[nr_rows] = t;
	cpus[nr_rows] = cpu;
	mms[nr_rows] = mm;
	kinds[nr_rows] = kind;
	counts[nr_rows++] = n;
}

/* Births, then munmap calls among page faults, then a thundering exit of all address spaces. */
static void make_rows(void)
{
	for (int mm = 0; mm < NR_MMS; mm++)
		row(mm * 1000, mm % NR_CPUS, mm, BIRTH, 10 * (1 + mm % 7) + 100);
	for (int i = 0; i < NR_CALLS; i++) {
		row(MS + i * 200000LL, i * 7 % NR_CPUS, i % NR_MMS, MUNMAP, 1 + i % NR_MMS % 7);
		if (i % 8 == 0)
			row(MS + i * 200000LL, i % NR_CPUS, -1, FAULTS, 100);
	}
	for (int mm = 0; mm < NR_MMS; mm++)
		row(90 * MS, mm * 3 % NR_CPUS, mm, EXIT, 100);
}

static struct sim_machine machine(int constant, int nocb, int lazy)
{
	return (struct sim_machine){
		.nr_cpus = NR_CPUS,
		.jiffy_ns = MS,
		.gp_constant = constant,
		.gp_constant_ns = 3 * MS,
		.preemptible_kernel = 1,
		.jiffies_till_first_fqs = 3,
		.jiffies_till_next_fqs = 3,
		.jiffies_till_sched_qs = 100,
		.gp_init_ns = 2000,
		.gp_cleanup_ns = 2000,
		.blimit = 10,
		.qhimark = 100,
		.qlowmark = 10,
		.qovld = 200,
		.rcu_divisor = 7,
		.rcu_resched_ns = 3 * MS,
		.nocb = nocb,
		.lazy = lazy,
		.nocb_nobypass_lim_per_jiffy = 16,
		.lazy_flush_jiffies = 10000,
		.nocb_gp_stride = 2,
		.wake_latency_ns = 5000,
		.sched_slice_ns = 3 * MS,
		.object_bytes = 192,
		.slab_bytes = 4096,
		.objects_per_slab = 21,
		.cpu_partial_slabs = 3,
		.min_partial = 2,
		.page_bytes = 4096,
		.watermark_min_pages = 100,
		.watermark_low_pages = 125,
		.watermark_high_pages = 150,
		.kswapd_pass_ns = MS,
		.unlink_ps = 500000,
		.call_cold_ps = 1000000,
		.object_cold_ps = 20000,
		.object_remote_ps = 70000,
		.lock_cold_ps = 30000,
		.call_rcu_cold_ps = 30000,
		.free_cold_ps = 30000,
		.call_cool_ps = 2 * MS * 1000,
		.object_cool_ps = 10 * MS * 1000,
		.link_ps = 2000,
		.walk_ps = 20000,
		.store_ps = 1500,
		.clock_ps = 15000,
		.compare_ps = 3000,
		.lock_ps = 12000,
		.lock_handoff_ps = 60000,
		.call_rcu_ps = 25000,
		.call_rcu_nocb_ps = 60000,
		.call_rcu_bypass_ps = 45000,
		.bypass_flush_ps = 100000,
		.wake_ps = 1500000,
		.context_switch_ps = 1200000,
		.softirq_ps = 300000,
		.callback_ps = 8000,
		.callback_bh_ps = 6000,
		.nocb_gp_scan_ps = 60000,
		.alloc_ps = 60000,
		.release_ps = 60000,
		.gp_snapshot_ps = 2000,
		.gp_start_ps = 60000,
		.gp_poll_ps = 2000,
		.work_queue_ps = 60000,
		.free_fast_ps = 10000,
		.free_slow_ps = 25000,
		.free_remote_ps = 70000,
		.free_bulk_object_ps = 3000,
		.free_hook_ps = 15000,
		.list_lock_ps = 30000,
		.slab_discard_ps = 300000,
	};
}

static struct sim_workload workload(void)
{
	static const int64_t ppm[] = { 0, 1000000 }, section_ns[] = { 1000, 50000 };
	static const int64_t preempted_ns[] = { MS, 20 * MS };
	static const int64_t pressure_t_ns[] = { 0, 40 * MS, 80 * MS, 200 * MS };
	static const int64_t pressure_permille[] = { 3000, 700, 400, 3000 };

	return (struct sim_workload){
		.nr_rows = nr_rows,
		.t_ns = t_ns,
		.cpu = cpus,
		.mm = mms,
		.kind = kinds,
		.n = counts,
		.nr_mms = NR_MMS,
		.duration_ns = 300 * MS,
		.fault_window_ns = 10 * MS,
		.rcu_only = 1,
		.readers_per_1000_faults = 200,
		.background_readers_per_cpu_per_s = 2000,
		.nr_section_quantiles = 2,
		.section_ppm = ppm,
		.section_ns = section_ns,
		.preempted_ppm = 20000,
		.nr_preempted_quantiles = 2,
		.preempted_ppm_at = ppm,
		.preempted_ns = preempted_ns,
		.nr_pressure = 4,
		.pressure_t_ns = pressure_t_ns,
		.pressure_permille = pressure_permille,
	};
}

enum { DEFAULT, SMALLEST, LARGEST, NR_CHOICES };

static int64_t value(const struct policy_param *p, int choice)
{
	int64_t last = 0;

	if (choice == DEFAULT)
		return p->def;
	if (p->type == PARAM_INT)
		return choice == SMALLEST ? p->min : p->max;
	if (p->type == PARAM_BOOL)
		return choice == LARGEST;
	for (const char *c = p->choices; *c; c++)
		last += *c == '|';
	return choice == SMALLEST ? 0 : last;
}

static int run(const struct sim_machine *m, const struct sim_workload *w, int policy, int choice,
	       int64_t max_steps, const char *expected)
{
	const struct policy *p = all_policies[policy];
	struct sim_request request = { .policy = policy,
				       .nr_params = (int32_t)p->nr_params,
				       .seed = 1,
				       .max_steps = max_steps,
				       .max_drain_ns = 120000 * MS,
				       .series_interval_ns = MS };
	struct sim_result r;
	int64_t params[MAX_PARAMS];
	char message[512] = "";

	for (uint32_t i = 0; i < p->nr_params; i++)
		params[i] = value(&p->params[i], choice);
	request.params = params;
	sim_run(m, w, &request, &r, message, sizeof(message));
	sim_result_free(&r);
	if (expected ? !strstr(message, expected) : *message != 0) {
		printf("%s: '%s' instead of '%s'\n", p->name, message, expected ? expected : "");
		return 1;
	}
	if (!expected &&
	    (r.objects_leaked || r.objects_unlinked != r.objects_freed + r.objects_retained_at_end)) {
		printf("%s: %lld of %lld objects leaked\n", p->name, (long long)r.objects_leaked,
		       (long long)r.objects_unlinked);
		return 1;
	}
	return 0;
}

int main(void)
{
	const struct sim_machine machines[] = { machine(1, 0, 0), machine(0, 0, 0), machine(0, 1, 0),
						machine(0, 1, 1) };
	struct sim_workload w, broken;
	int failed = 0, runs = 0;

	make_rows();
	w = workload();
	broken = w;
	broken.nr_mms = 1; /* rows name address spaces that do not exist */
	for (int policy = 0; policy < sim_nr_policies(); policy++) {
		for (size_t m = 0; m < sizeof(machines) / sizeof(machines[0]); m++)
			for (int choice = 0; choice < NR_CHOICES; choice++, runs++)
				failed += run(&machines[m], &w, policy, choice, 0, NULL);
		failed += run(&machines[1], &w, policy, DEFAULT, 500, "500 steps");
		failed += run(&machines[1], &broken, policy, DEFAULT, 0, "address space");
	}
	printf("%d runs, %d failed\n", runs, failed);
	fflush(stdout); /* the leak check ends the process */
	return failed != 0;
}

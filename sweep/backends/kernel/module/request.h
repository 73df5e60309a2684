/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * request.h - what the kernel lab is asked, and how it answers.
 *
 * A request is one binary message in the byte order of the machine: struct kernel_request, then each
 * array that it announces, in the order given below, each padded with zeros to a multiple of 8 bytes.
 * Python reads this file with cffi (preprocessor lines are dropped). It is written to /dev/rcu_sweep;
 * reading there runs the trial and gives JSON lines:
 *
 *   {"metrics": {"exit_latency_ns.mean": 1, ...}, "details": {...}, "unmeasured": [...]}
 *   {"done": true}
 *
 * "metrics" has every name of sweep.trial.METRICS; what could not be measured is null, and named in
 * "unmeasured". An error is {"error": "what, and how to mend it", "cause": "configuration" | "environment"}
 * instead of the first line. The next request may follow on the same open file. Whoever is killed
 * while reading ends the trial.
 */
#ifndef KERNEL_REQUEST_H
#define KERNEL_REQUEST_H
#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

struct kernel_request {
	char magic[8];	       /* REQUEST_MAGIC */
	uint32_t version;      /* REQUEST_VERSION */
	uint32_t header_bytes; /* sizeof(struct kernel_request) */
	char policy[64];       /* its name */
	int32_t nr_params;
	int32_t stress; /* 1: readers without pause, and an oracle for early frees; times mean nothing */
	uint64_t seed;	/* of the readers */
	int64_t max_drain_ns; /* the workload may be late by so much */
	int64_t sample_ns;    /* distance of the looks at the cache's count of slabs */
	int32_t object_bytes;
	int32_t memcg; /* 1: objects are charged to a control group (SLAB_ACCOUNT) */

	/* workload: as struct sim_workload in the simulator's engine.h */
	int64_t nr_rows;
	int64_t duration_ns;
	int64_t fault_window_ns;
	int64_t readers_per_1000_faults;
	int64_t background_readers_per_cpu_per_s;
	int64_t preempted_ppm;
	int32_t nr_cpus; /* CPUs that the rows name: 0 .. nr_cpus - 1 */
	int32_t nr_mms;
	int32_t rcu_only;
	int32_t nr_section_quantiles;
	int32_t nr_preempted_quantiles;
	int32_t nr_pressure;
};
/* Arrays, in this order: params int64_t[nr_params]; t_ns int64_t[nr_rows], cpu int32_t[nr_rows], mm
 * int32_t[nr_rows], kind uint8_t[nr_rows], n int32_t[nr_rows], section_ppm, section_ns
 * int64_t[nr_section_quantiles], preempted_ppm_at, preempted_ns int64_t[nr_preempted_quantiles],
 * pressure_t_ns, pressure_permille int64_t[nr_pressure]. */

#define REQUEST_MAGIC "rculabrq"
#define REQUEST_VERSION 1

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - what the native benchmark is asked, and how it answers.
 *
 * A request is one binary file in the byte order of the machine: struct native_request, then
 * each array that it announces, in the order of its fields, each padded with zeros to a multiple of
 * 8 bytes. Python reads this file with cffi (preprocessor lines are dropped), together with the
 * simulator's engine.h, whose structures describe the machine and the workload: what a simulated trial
 * is told, a native one is told as well. The costs of the machine profile are not used here: here they
 * are real.
 *
 * The program is called as `bench REQUEST` (- for standard input) and answers with JSON lines on
 * standard output, one for each measured pass, flushed as it ends:
 *
 *   {"pass": 0, "metrics": {"exit_latency_ns.mean": 1.0, ...}, "details": {...}, "disturbance": {...}}
 *
 * "metrics" has every name of sweep.trial.METRICS; what has no meaning with this allocator or
 * mode is null, and named in "unmeasured" beside it. The last line is {"done": true}. An error ends it with
 * {"error": "what, and how to mend it", "cause": "configuration" | "environment"} and exit code 2. Messages for
 * people go to standard error.
 */
#ifndef NATIVE_REQUEST_H
#define NATIVE_REQUEST_H
#include "../../simulator/src/engine.h"

enum native_rcu {
	NATIVE_RCU_SOFTIRQ,   /* kernel-like, not offloaded: callbacks on the CPU that posted them */
	NATIVE_RCU_OFFLOADED, /* kernel-like, offloaded: bypass list, rcuog and rcuop threads */
	NATIVE_RCU_LIBURCU,   /* liburcu's own call_rcu(), memb flavour, one pinned worker per CPU */
};

enum native_allocator {
	NATIVE_ALLOC_SLAB,   /* ours, geometry and lists after SLUB */
	NATIVE_ALLOC_MALLOC, /* whatever malloc() and free() are in this process: glibc, or preloaded */
};

/* The machine's and the workload's numbers without pointers: arrays follow in the file. */
struct native_request {
	char magic[8];	       /* "rcubench" */
	uint32_t version;      /* NATIVE_VERSION */
	uint32_t header_bytes; /* sizeof(struct native_request) */
	char policy[64];       /* its name */
	int32_t nr_params;
	int32_t rcu;		/* enum native_rcu */
	int32_t allocator;	/* enum native_allocator */
	int32_t stress;		/* 1: readers without pause, for tests of safety; times mean nothing */
	int32_t passes;		/* measured passes over the workload, each from a fresh state */
	int32_t nr_warmup_rows; /* rows of a pass before the first one, which is not measured */
	uint64_t seed;		/* of the readers */
	int64_t max_drain_ns;	/* everything must have been freed so long after the last row */
	double line_from_ns, line_to_ns; /* a pass begins when a line goes between its CPUs in such a time, */
	int64_t line_patience_ns;	 /* or when it has waited for that so long */
	double work_ns;			 /* what speed.h's work takes at full speed; 0: nobody knows */
	struct sim_machine machine;
	struct sim_workload workload; /* its pointers are not looked at */
	int32_t nr_cpu_set;	      /* at least machine.nr_cpus; the first ones carry the workload's CPUs */
	int32_t idle_polls;	      /* 1: CPUs poll while they have nothing to do; 0: they halt */
};
/* Arrays, in this order: params int64_t[nr_params]; cpu_set int32_t[nr_cpu_set]; then those of the workload:
 * t_ns int64_t[nr_rows], cpu int32_t[nr_rows], mm int32_t[nr_rows], kind uint8_t[nr_rows], n int32_t[nr_rows],
 * section_ppm, section_ns int64_t[nr_section_quantiles], preempted_ppm_at, preempted_ns
 * int64_t[nr_preempted_quantiles], pressure_t_ns, pressure_permille int64_t[nr_pressure]. */

#define NATIVE_MAGIC "rcubench"
#define NATIVE_VERSION 4

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the time of day as the benchmark reads it, hundreds of times per call.
 *
 * In units of the processor's time stamp counter where that one runs at a constant rate whatever the CPU
 * does (x86-64, CPUID 0x80000007 EDX bit 8), else of nanoseconds by clock_gettime(). Stamps are kept in units,
 * and become nanoseconds only when all is over.
 */
#ifndef NATIVE_CLOCK_H
#define NATIVE_CLOCK_H
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

struct clock_scale {
	bool tsc;
	double ns_per_unit;
	double stamp_ns; /* what one clock_now() costs, back to back */
};

extern struct clock_scale clock_scale;

#define NEVER UINT64_MAX

/* Finds out which clock it is, its rate and its cost. Takes 100 ms. */
void clock_calibrate(void);

static inline uint64_t monotonic_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_now(void)
{
#if defined(__x86_64__)
	if (__builtin_expect(clock_scale.tsc, true))
		return __rdtsc(); /* not serialising: stamps may slip by some ns, and cost less */
#endif
	return monotonic_ns(CLOCK_MONOTONIC);
}

static inline double clock_to_ns(uint64_t units)
{
	return (double)units * clock_scale.ns_per_unit;
}

static inline uint64_t clock_of_ns(double ns)
{
	return (uint64_t)(ns / clock_scale.ns_per_unit);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - which clock, its rate and its cost. */
#define _GNU_SOURCE
#include "clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CALIBRATE_NS 50000000u
#define NR_ROUNDS 64
#define NR_READS 256
#define NR_STRETCHES 4

struct clock_scale clock_scale = { .tsc = false, .ns_per_unit = 1, .stamp_ns = 0 };

static bool tsc_is_invariant(void)
{
#if defined(__x86_64__)
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx & (1u << 8));
#else
	return false;
#endif
}

#if defined(__x86_64__)
/* Both clocks at one time: the reading that took the least. */
static void read_both(uint64_t *tsc, uint64_t *ns)
{
	uint64_t least = NEVER;

	for (int i = 0; i < NR_ROUNDS; i++) {
		uint64_t before = __rdtsc(), at = monotonic_ns(CLOCK_MONOTONIC), took = __rdtsc() - before;

		if (took < least) {
			least = took;
			*tsc = before + took / 2;
			*ns = at;
		}
	}
}

static double tsc_ns_per_unit(void)
{
	struct timespec wait = { 0, CALIBRATE_NS };
	uint64_t tsc[2] = { 0 }, ns[2] = { 0 };

	read_both(&tsc[0], &ns[0]);
	nanosleep(&wait, NULL);
	read_both(&tsc[1], &ns[1]);
	return (double)(ns[1] - ns[0]) / (double)(tsc[1] - tsc[0]);
}
#endif

/* The least of many rounds: an interrupt only ever adds to one, and so does a CPU that is slow for a while. */
static double cost_of_a_stamp(void)
{
	const struct timespec wait = { 0, CALIBRATE_NS / NR_STRETCHES };
	uint64_t least = NEVER;

	for (int i = 0; i < NR_STRETCHES * NR_ROUNDS; i++) {
		uint64_t start = clock_now(), last = start;

		for (int k = 0; k < NR_READS; k++)
			last = clock_now();
		if (last - start < least)
			least = last - start;
		if (i % NR_ROUNDS == NR_ROUNDS - 1)
			nanosleep(&wait, NULL);
	}
	return clock_to_ns(least) / NR_READS;
}

void clock_calibrate(void)
{
#if defined(__x86_64__)
	if (tsc_is_invariant()) {
		clock_scale.ns_per_unit = tsc_ns_per_unit();
		clock_scale.tsc = true;
	}
#else
	(void)tsc_is_invariant;
#endif
	clock_scale.stamp_ns = cost_of_a_stamp();
}

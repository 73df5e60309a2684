/* SPDX-License-Identifier: Apache-2.0 */
/*
 * speed.h - how fast a CPU runs just now: what a fixed piece of work in registers takes.
 *
 * A clock that is turned down, a neighbour on the same core, a hypervisor that hands out a part of a CPU's cycles:
 * nothing in a guest tells of any. On one virtual machine CPUs ran at full speed for half of the time, at 0.6 to 0.95 of it
 * for most of the rest, and at a twelfth for 4 %, in stretches of 20 to 150 ms. A call's time is counted as what it would
 * have been at full speed, where both a look before it and one after it say that it was not.
 */
#ifndef NATIVE_SPEED_H
#define NATIVE_SPEED_H
#include "clock.h"

#define SPEED_STEPS 256 /* some 0.3 us */
#define SLOW 1.05	/* times what it should take; at full speed looks differ by one percent */

/* Nothing before it is still under way when it begins, nor is any of it when it ends. */
static inline uint64_t clock_fenced(void)
{
#if defined(__x86_64__)
	uint64_t now;

	_mm_lfence();
	now = clock_now();
	_mm_lfence();
	return now;
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return clock_now();
#endif
}

/* In units of clock_now(). Four chains that a core works on side by side, so that a neighbour on it shows as well. */
static inline uint64_t speed_look(void)
{
	const uint64_t begin = clock_fenced();
	uint64_t a = 1, b = 2, c = 3, d = 4;

	for (uint64_t i = 0; i < SPEED_STEPS; i++) {
		a += b ^ i;
		c += d ^ i;
		b = b * 3 + i;
		d = d * 5 + i;
		a ^= c;
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	}
	return clock_fenced() - begin;
}

/* full: what a look should take, in the same unit; 0: nobody knows. */
static inline bool speed_is_slow(double full, double took)
{
	return full > 0 && took > SLOW * full;
}

/* What a time is to be multiplied by. */
static inline double at_full_speed(double full, uint64_t before, uint64_t after)
{
	const double took = (double)(before < after ? before : after);

	return speed_is_slow(full, took) ? full / took : 1;
}

#endif

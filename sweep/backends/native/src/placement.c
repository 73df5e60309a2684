/* SPDX-License-Identifier: Apache-2.0 */
/*
 * placement.c - how far apart the CPUs are just now.
 *
 * A hypervisor moves virtual CPUs between cores, every few seconds on a busy host. While they share a last level
 * cache, a line goes from one to the other in some 45 ns; else in 200 or more, and everything that CPUs share
 * (objects born elsewhere, counters, locks, readers) costs as much more. Nothing in the guest tells, so it is measured:
 * two threads hand a line to and fro.
 */
#define _GNU_SOURCE
#include "result.h"
#include "speed.h"

#include <string.h>

#define SAMPLES 7
#define ROUND_TRIPS 20
#define SPEED_LOOKS 9
#define WAIT_NS 20000000     /* between two looks before a pass */
#define IN_PASS_NS 100000000 /* between two looks in a pass: each takes its CPUs some 0.1 ms */

struct ball {
	_Alignas(128) atomic_uint at; /* odd: the partner's turn */
	s32 cpu;		      /* the partner's */
};

#define OVER 0x80000000u

static void *partner(void *arg)
{
	struct ball *ball = arg;

	bind_thread(pthread_self(), &ball->cpu, 1);
	for (;;) {
		const unsigned at = atomic_load_explicit(&ball->at, memory_order_acquire);

		if (at & OVER)
			return NULL;
		if (at & 1)
			atomic_store_explicit(&ball->at, at + 1, memory_order_release);
		else
			cpu_relax();
	}
}

/* One way; the median of the samples. */
static double between(s32 here_cpu, s32 there_cpu)
{
	struct ball ball = { .cpu = there_cpu };
	double samples[SAMPLES];
	unsigned at = 0;
	pthread_t thread;
	int error;

	bind_thread(pthread_self(), &here_cpu, 1);
	error = pthread_create(&thread, NULL, partner, &ball);
	if (error)
		fail_environment("cannot create a thread: %s", strerror(error));
	for (u32 i = 0; i < SAMPLES; i++) {
		const u64 begin = clock_now();

		for (u32 k = 0; k < ROUND_TRIPS; k++, at += 2) {
			atomic_store_explicit(&ball.at, at + 1, memory_order_release);
			while (atomic_load_explicit(&ball.at, memory_order_acquire) != at + 2)
				cpu_relax();
		}
		samples[i] = clock_to_ns(clock_now() - begin) / (2 * ROUND_TRIPS);
	}
	atomic_store_explicit(&ball.at, OVER, memory_order_release);
	pthread_join(thread, NULL);
	return describe(samples, SAMPLES).p50;
}

/* The median of some looks, where the thread is. */
static double work(void)
{
	double samples[SPEED_LOOKS];

	for (u32 i = 0; i < SPEED_LOOKS; i++)
		samples[i] = clock_to_ns(speed_look());
	return describe(samples, SPEED_LOOKS).p50;
}

/* From the first CPU to the farthest of the others. */
static double look(struct placement *p, const struct native_request *asked, const s32 *cpus)
{
	double farthest = 0, took;
	cpu_set_t before;
	u64 now;

	pthread_getaffinity_np(pthread_self(), sizeof(before), &before);
	for (s32 i = 1; i < asked->machine.nr_cpus; i++) {
		const double took = between(cpus[0], cpus[i]);

		farthest = took > farthest ? took : farthest;
	}
	took = work();
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
	now = clock_now();
	p->next = now + clock_of_ns(IN_PASS_NS);
	if (p->nr < MAX_LOOKS) {
		p->at[p->nr] = now;
		p->work_ns[p->nr] = took;
		p->line_ns[p->nr++] = farthest;
	}
	return farthest;
}

void placement_wait(struct placement *p, const struct native_request *asked, const s32 *cpus)
{
	const u64 until = clock_now() + clock_of_ns((double)asked->line_patience_ns);
	double found;

	p->nr = p->waits = 0;
	if (asked->machine.nr_cpus < 2)
		return;
	for (;;) {
		found = look(p, asked, cpus);
		if ((found >= asked->line_from_ns && found <= asked->line_to_ns) || clock_now() >= until)
			break;
		sleep_ns(WAIT_NS);
	}
	p->waits = p->nr - 1;
}

void placement_look(struct placement *p, const struct native_request *asked, const s32 *cpus)
{
	if (asked->machine.nr_cpus > 1)
		look(p, asked, cpus);
}

bool placement_near(const struct placement *p, const struct native_request *asked, u64 when)
{
	u32 after = 0;

	if (asked->line_to_ns <= 0)
		return true;
	while (after < p->nr && p->at[after] <= when)
		after++;
	for (u32 i = after ? after - 1 : 0; i <= after && i < p->nr; i++) {
		if (speed_is_slow(asked->work_ns, p->work_ns[i]))
			continue; /* a line takes longer then, wherever the CPUs are */
		if (p->line_ns[i] < asked->line_from_ns || p->line_ns[i] > asked->line_to_ns)
			return false;
	}
	return true;
}

#define ENOUGH_LOOKS 20
#define USUAL_SHARE 0.15 /* as placement.py has it */

double placement_full_speed(const struct placement *p)
{
	double looks[MAX_LOOKS];

	if (p->nr < ENOUGH_LOOKS)
		return 0;
	memcpy(looks, p->work_ns, p->nr * sizeof(*looks));
	describe(looks, p->nr); /* sorts them */
	return looks[(u32)(USUAL_SHARE * p->nr)];
}

/* SPDX-License-Identifier: Apache-2.0 */
/* threads.c - what passes between CPUs: hand-over of a lock, wake-ups, context switches. No workload runs meanwhile. */
#define _GNU_SOURCE
#include "calibrate.h"

#include <sched.h>

#define REPEATS 200
#define LOOP 1000
#define PAUSE_NS 300000 /* until a CPU without work has gone idle */
#define GIVE_UP_NS 20000000

static struct context fake[2]; /* who the benchmark's functions take this thread for */

static void become(u32 who, s32 cpu)
{
	here = &fake[who];
	bind_thread(pthread_self(), &cpu, 1);
}

static void pause_ns(u64 ns)
{
	struct waiter nobody = { 0 };

	waiter_sleep(&nobody, 0, clock_now() + clock_of_ns((double)ns));
}

/* ---- a lock ---- */

static struct plat_lock lock;
static atomic_uint turn; /* odd: the partner's */
static atomic_bool over;

static void lock_alone(void)
{
	for (u32 i = 0; i < REPEATS / 10; i++) {
		const u64 begin = clock_now();

		for (u32 k = 0; k < LOOP; k++) {
			plat_lock(NULL, &lock);
			plat_unlock(NULL, &lock);
		}
		series_add(S_LOCK_ALONE, 0, clock_to_ns(clock_now() - begin) / LOOP);
	}
}

static void *lock_partner(void *arg)
{
	become(1, *(const s32 *)arg);
	for (u32 i = 1; !atomic_load(&over); i += 2) {
		while (atomic_load(&turn) != i)
			if (atomic_load(&over))
				return NULL;
		plat_lock(NULL, &lock);
		plat_unlock(NULL, &lock);
		atomic_store(&turn, i + 1);
	}
	return NULL;
}

/* In turn, so that it never is contended, but always comes from the other CPU. */
static void lock_handoff(void)
{
	for (u32 i = 0; i < 2 * REPEATS; i += 2) {
		u64 begin;

		atomic_store(&turn, i + 1);
		while (atomic_load(&turn) != i + 2)
			cpu_relax();
		begin = clock_fenced();
		plat_lock(NULL, &lock);
		plat_unlock(NULL, &lock);
		series_add(S_LOCK_HANDOFF, 0, clock_to_ns(clock_fenced() - begin) - fenced_ns);
	}
}

/* ---- wake-ups ---- */

static struct waiter sleeper;
static atomic_u64 ran_at; /* units; 0: not yet */

static void *sleeping(void *arg)
{
	become(1, *(const s32 *)arg);
	while (!atomic_load(&over)) {
		const unsigned ticket = waiter_ticket(&sleeper);

		waiter_sleep(&sleeper, ticket, NEVER);
		atomic_store(&ran_at, clock_now());
	}
	return NULL;
}

/* Of a thread on the partner's CPU, which has nothing else to do. */
static void wake_idle(void)
{
	for (u32 i = 0; i < REPEATS / 4; i++) {
		u64 begin, end, ran;

		pause_ns(PAUSE_NS);
		atomic_store(&ran_at, 0);
		begin = clock_now();
		if (!waiter_kick(&sleeper))
			continue;
		end = clock_now();
		while (!(ran = atomic_load(&ran_at)) && clock_now() - begin < clock_of_ns(GIVE_UP_NS))
			cpu_relax();
		if (!ran || ran < begin)
			continue;
		series_add(S_WAKE, 0, clock_to_ns(end - begin) - clock_scale.stamp_ns);
		series_add(S_WAKE_LATENCY, 0, clock_to_ns(ran - begin));
	}
}

static atomic_u64 kicked_at;

static void *kicking(void *arg)
{
	become(0, *(const s32 *)arg);
	while (!atomic_load(&over)) {
		pause_ns(PAUSE_NS);
		atomic_store(&ran_at, 0);
		atomic_store(&kicked_at, clock_now());
		waiter_kick(&sleeper);
		pause_ns(GIVE_UP_NS / 2);
	}
	return NULL;
}

/* This thread keeps the sleeper's CPU busy, and sees a gap in its time when the sleeper has run. */
static void wake_busy(void)
{
	const u64 until = clock_now() + clock_of_ns(REPEATS / 10 * (double)GIVE_UP_NS / 2);
	u64 last = clock_now(), now, handled = 0;

	for (; last < until; last = now) {
		u64 ran, kicked;

		now = clock_now();
		ran = atomic_load(&ran_at);
		kicked = atomic_load(&kicked_at);
		if (!ran || ran == handled || ran < kicked || ran < last || ran > now)
			continue;
		handled = ran;
		series_add(S_SWITCH, 0, clock_to_ns(now - last) - clock_scale.stamp_ns);
		series_add(S_PREEMPT_LATENCY, 0, clock_to_ns(ran - kicked));
	}
}

/* ---- */

static pthread_t start(void *(*body)(void *), const s32 *cpu)
{
	pthread_t thread;

	atomic_store(&over, false);
	if (pthread_create(&thread, NULL, body, (void *)cpu))
		fail_environment("cannot create a thread");
	return thread;
}

static void stop(pthread_t thread)
{
	atomic_store(&over, true);
	waiter_kick(&sleeper);
	pthread_join(thread, NULL);
}

static void all_of(const s32 *cpus)
{
	struct context *before = here;
	cpu_set_t allowed;
	pthread_t thread, other;

	pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	become(0, cpus[0]);
	plat_lock_init(NULL, &lock);
	await_full_speed();
	lock_alone();
	atomic_store(&turn, 0);
	thread = start(lock_partner, &cpus[1]);
	lock_handoff();
	stop(thread);
	thread = start(sleeping, &cpus[1]);
	wake_idle();
	stop(thread);
	thread = start(sleeping, &cpus[0]);
	other = start(kicking, &cpus[1]);
	wake_busy();
	stop(other);
	stop(thread);
	pthread_setaffinity_np(pthread_self(), sizeof(allowed), &allowed);
	here = before;
}

static void run_all(const struct input *input, struct placement *placement)
{
	placement_wait(placement, &input->header, input->cpu_set);
	all_of(input->cpu_set);
	placement_look(placement, &input->header, input->cpu_set);
}

void probe_threads(const struct input *input)
{
	series_of(run_all, input);
}

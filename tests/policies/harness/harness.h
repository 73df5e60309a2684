/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the platform (platform.c) and the threads that run it (harness.c) share. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "policy.h"

extern const struct policy *const all_policies[];
extern const unsigned nr_all_policies;

enum { NR_CPUS = 4, NR_TASKS = 4, NR_MMS = 3, MAX_PARAMS = 16 };
enum { SPEED = 100, PAYLOAD = 4 }; /* the policy's clock runs faster, so that seconds pass */
enum { LIVE = 0x11feb0d1, FREED = 0x0dead0b1 };

struct object {
	struct dead_object dead;
	u64 payload[PAYLOAD];
	u64 needs_gp; /* number of the grace period that must have ended */
	u32 canary;
	bool exit;
};

struct callback { /* or, without func, objects that wait for a cookie */
	struct callback *next;
	struct plat_rcu_head *head;
	void (*func)(struct policy_run *, struct plat_rcu_head *);
	u64 gp;
	u32 nr;
};

struct work { /* in plat_work.opaque */
	struct plat_work *next;
	u64 due_ns;
	bool pending, running, cancelling;
};

struct policy_run {
	const struct policy *policy;
	s64 params[MAX_PARAMS];
	void *state, *cpus[NR_CPUS];
	_Atomic(const struct plat_shrinker *) shrinker;
	/* grace periods: numbers of the last one that began and of the last one that ended */
	pthread_mutex_t gp_lock;
	pthread_cond_t gp_ended;
	u64 begun, ended;
	struct callback *waiting, *ready;
	atomic_uint outstanding;
	pthread_mutex_t work_lock;
	pthread_cond_t work_done;
	struct plat_work *works;
	atomic_uint works_alive;	       /* pending or running */
	atomic_bool tasks_over, stopped, over; /* no more calls; stop() has returned; all done */
	atomic_long postponed, in_gp, ready_objects, disposed, freed, allocated;
};

extern _Thread_local u64 random_state;
extern _Thread_local int locks_held;

#define check(condition, ...)                                     \
	do {                                                      \
		if (!(condition)) {                               \
			fprintf(stderr, "harness: " __VA_ARGS__); \
			fprintf(stderr, " (%s)\n", #condition);   \
			_exit(3);                                 \
		}                                                 \
	} while (0)

static inline u64 random_below(u64 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

/* a spell of up to `us` microseconds of real time */
static inline void sleep_up_to(u32 us)
{
	usleep((useconds_t)random_below(us + 1));
}

static inline struct work *work_of(struct plat_work *work)
{
	return (struct work *)work->opaque;
}

static inline u64 real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static inline void take_from(atomic_long *count, long nr, const char *what)
{
	check(atomic_fetch_sub(count, nr) >= nr, "more objects left than were there: %s", what);
}

/* With work_lock held. */
void unlink_work(struct policy_run *run, struct plat_work *work);

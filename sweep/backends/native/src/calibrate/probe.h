/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - what the parts of a probe share: which one is at work, and what it has of the present exit. */
#ifndef NATIVE_PROBE_H
#define NATIVE_PROBE_H
#include "calibrate.h"

#include <sched.h>

#define MAX_EXITS 1600
#define MAX_IN_ALL 448000 /* objects of all exits of a pass */
#define BORN_BEFORE_NS 20000000
#define YOUNG_NS 20000
#define ALLOCS 40    /* pages that a probe allocates in one exit */
#define GAP_NS 20000 /* callbacks further apart than this were not run in one go */
#define WARM_UP 10   /* one exit of so many, the first ones: their samples are dropped */
#define IN_A_ROW 10  /* exits of one probe in a pass of several whose exits are close together ... */
#define SWITCHES \
	2 /* ... of which the first ones are dropped: code and lines of the probe get warm as in a workload */

enum in_call { TOUCH, STAMP, NOW, STORE, LINK, LOCK, SNAPSHOT, POLL, START, ALLOC, POST, FREE, KEEP_TURNS };
enum born {
	JUST,
	BEFORE,
	ELSEWHERE
}; /* just before the exit, some time before it, just before it on CPU 1 */
enum at_end { LATER, SLABS, BULK, SORT, SMALL, STEPS };
enum in_callback { ARRAY, CHAIN, CHAIN_BULK, ARRAY_BULK, EACH_FREES, EACH_NOTHING };

/* Exits of neighbours in the list of probes that have the same course and size, other than ALONE, alternate in one pass:
 * differences between them are of one time, and of one state of the slabs. */
enum course {
	ALONE, /* a pass of its own; each exit meets an idle machine */
	OFTEN, /* in a row of IN_A_ROW, as close together as in a workload */
	TURNS, /* one by one, each meets an idle machine */
};

struct probe {
	enum in_call in_call;
	enum series series; /* of in_call */
	enum at_end at_end;
	enum in_callback in_callback;
	u32 objects;
	enum born born;
	bool offloaded;
	enum course course;
};

struct batch { /* of one exit */
	const struct probe *probe;
	struct dead_object **objects, **others;
	struct dead_object *newest; /* and through ->next the others, last first */
	void *pages[ALLOCS];
	u32 nr, nr_pages;
	u64 begin, softirqs;		   /* where timing began */
	u64 first_callback, last_callback; /* EACH_... */
	u32 callbacks;
	u64 posted; /* units */
	bool counts, split;
	s32 posted_on; /* a real CPU */
};

extern struct batch *batch; /* of the present exit */

/* Without what reading the clock at both ends adds. */
static inline double net_ns(u64 begin, u64 end)
{
	return clock_to_ns(end - begin) - clock_scale.stamp_ns;
}

static inline u64 softirqs_in_calls(void)
{
	return atomic_load_explicit(&here->count.callback_time_in_calls, memory_order_relaxed);
}

static inline void time_begins(void)
{
	batch->softirqs = softirqs_in_calls();
	batch->begin = clock_now();
}

static inline void time_ends(enum series series, double count)
{
	const double ns = net_ns(batch->begin, clock_now());

	if (batch->counts && count > 0 && softirqs_in_calls() == batch->softirqs)
		series_add(series, batch->probe->objects, ns / count);
}

/* callbacks.c */
void free_all(struct policy_run *run, struct plat_rcu_head *head);
void each(struct policy_run *run, struct plat_rcu_head *head);

/* steps.c: at the end of a call */
void free_slab_by_slab(struct policy_run *run);
void free_in_bulk(struct policy_run *run);
void sort_addresses(void);
void small_steps(struct policy_run *run, struct plat_work *work);
void on_work(struct policy_run *run, struct plat_work *work);

#endif

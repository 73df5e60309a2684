/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calibrate.h - what single operations of the native benchmark cost on this machine.
 *
 * The program is the benchmark itself with another main(): probes are policies (objects.c) that run on its real
 * threads, slabs and grace periods, in exits of as many objects as workloads have. They time what the
 * benchmark's own functions take there; readings of the clock are taken off as calls.c does it.
 *
 * It is called as `calibrate REQUEST ROUNDS`; of the request the machine and the CPUs are used. It answers with JSON
 * lines, one for each series of a round:
 *
 *   {"round": 0, "series": "unlink", "objects": 250, "ns": [21.5, ...]}
 *
 * and {"done": true}. Errors are those of the benchmark.
 */
#ifndef NATIVE_CALIBRATE_H
#define NATIVE_CALIBRATE_H
#include "../log.h"
#include "../result.h"
#include "../speed.h"

/* A series of one round, by exits or repetitions; printed and emptied by series_print(). */
enum series {
	S_UNLINK, /* a turn of the loop over the objects, which were just born, with one store into each */
	S_UNLINK_OLD,	    /* ... which were born some time ago: the first touch of each */
	S_UNLINK_ELSEWHERE, /* ... which were just born on another CPU */
	S_UNLINK_IDLE,	    /* ... just born, on a machine that was idle for long */
	S_STAMP,	    /* ... and another reading of the clock, which is not taken off */
	S_NOW,		    /* ... and plat_now_ns() */
	S_STORE,	    /* ... and another store */
	S_LINK,		    /* ... linked instead of touched */
	S_LINK_OLD,	    /* ..._OLD: objects that were born some time ago */
	S_LOCK,		    /* ... and plat_lock(), plat_unlock() */
	S_LOCK_OLD,
	S_SNAPSHOT, /* ... and plat_gp_snapshot() */
	S_POLL,	    /* ... and plat_gp_done() */
	S_START,    /* ... and plat_gp_start(), of a grace period that was asked for before */
	S_ALLOC,    /* ... and plat_alloc() of a page */
	S_POST,	    /* ... and plat_call_rcu_hurry(), from the second object on */
	S_POST_OLD,
	S_FREE, /* ... and plat_free(), at once */
	S_FREE_OLD,
	S_RELEASE,	      /* plat_release() of a page, in a callback */
	S_WALK_FREE,	      /* dead_free_chain() after a grace period, per object */
	S_CALLBACK_FREE,      /* callbacks one after the other, each with plat_free(), per callback */
	S_CALLBACK_NOTHING,   /* ... each doing nothing */
	S_CALLBACK_FREE_AWAY, /* as S_CALLBACK_FREE, on another CPU than the one that posted them */
	S_SORT,		      /* one comparison with its swap, split_bulk's sort */
	S_BULK_HOT,	   /* dead_free_in_bulk() of objects unlinked just now, per object, address order */
	S_BULK_HOT_TURNS,  /* ... of slabs in turn, so that no two neighbours share one */
	S_BULK_COLD,	   /* dead_free_in_bulk() after a grace period */
	S_ARRAY_BULK_COLD, /* plat_free_bulk() of an array, no chain followed, after a grace period */
	S_SLAB_FIRST,	   /* plat_free() of a slab's first object */
	S_SLAB_FLUSH, /* ... which makes the CPU give its partial slabs to the node; objects: slabs given back */
	S_SLAB_OTHERS,	     /* ... of the following ones, per object */
	S_SLAB_FAST,	     /* ... of the CPU's active slab, per object */
	S_SLAB_REMOTE_FIRST, /* objects born, and their slab written to last, on another CPU */
	S_SLAB_REMOTE_OTHERS,
	S_SOFTIRQ,	   /* softirq_burst() with nothing to invoke */
	S_WORK,		   /* plat_work_queue() */
	S_GP_BEGIN,	   /* from plat_gp_start() until the grace period has begun */
	S_READERS,	   /* liburcu's synchronize_rcu() */
	S_GP_LENGTH,	   /* from the end of a call that posts to the callback, on an idle machine */
	S_POST_DIRECT,	   /* as S_POST, offloaded: straight to ->cblist */
	S_POST_BYPASS,	   /* ... onto the bypass list */
	S_FLUSH,	   /* rcu_nocb_do_flush_bypass() */
	S_SCAN,		   /* rcuog's look at one CPU */
	S_LOCK_ALONE,	   /* a lock taken and dropped again and again by one thread */
	S_LOCK_HANDOFF,	   /* a lock that another CPU had last */
	S_WAKE,		   /* what a wake-up of a thread on an idle CPU costs the waker */
	S_WAKE_LATENCY,	   /* until that thread runs */
	S_SWITCH,	   /* what a CPU loses to a thread that wakes there, does nothing and sleeps again */
	S_PREEMPT_LATENCY, /* until a thread that wakes on a busy CPU runs */
	NR_SERIES,
};

extern double fenced_ns; /* what a pair of them measures of nothing */

void await_full_speed(void);				     /* or half a second */
void series_add(enum series series, u32 objects, double ns); /* unless this CPU is slow just now */
/* What a probe adds while the CPUs are as near each other as they should be (placement.c); where that is less than half of
 * it, it is run again. Where they never are, the round has nothing of it. */
void series_of(void (*probe)(const struct input *, struct placement *), const struct input *input);
void series_print(u32 round);

/* objects.c: all probes of one round */
void probe_objects(const struct input *input);

/* nocb_kthreads.c: with that of the benchmark inside */
void probe_flush(struct policy_run *run, struct cpu *c);
void probe_scan(struct policy_run *run, struct cpu *c);

/* threads.c */
void probe_threads(const struct input *input);

#endif

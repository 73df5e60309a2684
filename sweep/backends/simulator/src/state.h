/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - the state of one simulated trial; sim.h says what the simulator's files do with it.
 *
 * How time works. Every CPU has a local time. The main loop (run.c) always runs the
 * context with the smallest time: an event, or a CPU, which then runs on until its local time
 * reaches `horizon`, the time of the next context. While something runs, `now` is its local
 * time and every plat_*() call adds its cost to it. A step (one object, one callback) is
 * never interrupted, so contexts overlap by one step at most; what depends on exact order
 * (peaks, series, percentiles of ages) goes through metrics.c, which puts it in order.
 */
#ifndef SIM_STATE_H
#define SIM_STATE_H
#include "../../../../policies/policy.h"
#include "engine.h"

#include <setjmp.h>

typedef int32_t s32;
typedef __int128 s128;
typedef unsigned __int128 u128;
#define TIME_MAX INT64_MAX
#define PS_PER_NS 1000
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define always_inline inline __attribute__((always_inline))
#define noinline __attribute__((noinline)) /* rare, or hot enough for all the registers */

static inline s64 max_s64(s64 a, s64 b)
{
	return a > b ? a : b;
}

static inline s64 min_s64(s64 a, s64 b)
{
	return a < b ? a : b;
}

/* Kinds of rows, as struct sim_workload numbers them. */
enum row_kind { ROW_CALL, ROW_EXIT, ROW_FAULTS, ROW_ALLOC };

struct queue { /* first in, first out */
	void *at;
	s64 first, end, room;
};

/* ---- objects and slabs (slab.c) ---- */

struct object {
	struct dead_object dead; /* what the policy sees; ->next also links live and free objects */
	s64 unlink_ps;		 /* of a living object: when it was born */
	u32 slab;
	bool is_dead; /* unlinked and not yet freed */
	bool from_exit;
	uint16_t born_on; /* CPU */
};

/* From SLAB_NODE_PARTIAL on, a free may move a slab elsewhere. */
enum slab_place { SLAB_NONE, SLAB_ACTIVE, SLAB_CPU_PARTIAL, SLAB_DISCARDED, SLAB_NODE_PARTIAL, SLAB_FULL };

struct slab {		     /* 32 bytes: there are many, and they are looked up for every object */
	struct object *free; /* free objects that were in use before: virgin - in_use of them */
	u32 next, prev;	     /* in a partial list, or the list of unused slab numbers */
	uint16_t virgin;     /* objects from here on were never in use */
	uint16_t in_use;     /* live or dead */
	uint16_t live;
	uint16_t touched_by; /* the CPU that wrote to it last */
	uint16_t active_on;  /* the CPU whose active slab it is, or NO_CPU */
	uint8_t place;
	bool was_used; /* has held an object since its pages were allocated */
};

#define NO_SLAB UINT32_MAX
#define NO_CPU UINT16_MAX

struct slab_cpu {
	u32 active;
	u32 partial; /* list head */
	u32 nr_partial;
};

/* ---- a lock, as the interval in which it was last held ---- */

struct sim_lock {
	s64 from_ps, until_ps;
	s32 last_cpu; /* + 1; 0: nobody yet, so that zeroed memory is a lock */
	s32 held;
};

/* ---- callback lists ---- */

struct cb_segment {
	struct plat_rcu_head *head, *tail;
	s64 nr;	     /* callbacks */
	s64 objects; /* that ride on them */
};

enum { CB_DONE, CB_WAIT, CB_NEXT_READY, CB_NEXT, CB_NR_SEGMENTS };

struct cblist { /* struct rcu_segcblist */
	struct cb_segment seg[CB_NR_SEGMENTS];
	u64 gp[CB_NR_SEGMENTS];
	s64 len;       /* of all segments, and of the bypass list */
	s64 newest_ps; /* when the last one was posted */
};

/* ---- kernel threads ---- */

enum kthread_kind {
	KTHREAD_RCUOG,
	KTHREAD_RCUOP,
	KTHREAD_KSOFTIRQD,
	KTHREAD_KWORKER,
	KTHREAD_KSWAPD,
	KTHREAD_CONSTANT
};

struct kthread {
	enum kthread_kind kind;
	s32 index;  /* which CPU or group it serves */
	s32 home;   /* the CPU it ran on last */
	bool awake; /* woken or running */
	bool again; /* woken while awake */
	struct kthread *next;
};

struct sim_work {  /* inside plat_work.opaque */
	u64 armed; /* number of the pending expiry, 0: idle */
	struct plat_work *next;
	u64 queued;
};

struct posted { /* a callback under constant grace periods */
	s64 ready;
	struct plat_rcu_head *head;
	s64 objects;
};

/* ---- one CPU ---- */

struct task_call {
	struct policy_call call;
	struct mm *mm;
	s64 start_ps;
	s32 n, left;
	s32 cpu;
	u64 wait_cookie; /* asleep in plat_gp_wait() */
	s64 resume_ps;
	bool call_ended; /* call_end() has run; only the wait is left */
	struct task_call *next;
};

enum nocb_defer { DEFER_NOT, DEFER_BYPASS, DEFER_LAZY, DEFER_WAKE, DEFER_FORCE };

/* Kinds of steps whose code and lines are in the caches of a CPU, or not. */
enum step { STEP_LOCK, STEP_CALL_RCU, STEP_FREE, NR_STEPS };

/* A cost that rises with the time of disuse: so much per picosecond, in 1/2^32, until then. */
struct cooling {
	u64 rate;
	s64 until_ps;
};

struct cpu {
	s64 now;
	s32 id; /* the machine's CPU (a shadow CPU has its owner's) */
	/* rows of the workload */
	u32 row; /* the next one, NO_ROW: none is left */
	struct mm *row_mm;
	bool blocked;  /* it waits for an earlier row of its address space, on another CPU */
	s64 row_ready; /* from when on it may start; TIME_MAX while blocked, or without one */
	u32 *fault_rows;
	s64 nr_fault_rows, room_fault_rows, fault_at;
	s64 busy_until; /* user mode after a call, ps */
	/* what is running */
	struct task_call *call;	   /* in progress, not asleep */
	struct task_call *resumed; /* woken up again, in order */
	struct kthread *rq_head, *rq_tail;
	s64 step_ran_ps[NR_STEPS];
	s64 policy_ran_ps; /* until when code of the policy ran here last */
	bool kthread_turn;
	s64 slice_end;
	bool softirq_pending;
	/* RCU */
	bool gp_noticed, qs_needed, qs_passed, urgent;
	bool was_idle;
	u64 gp_seen; /* number of the last grace period whose end this CPU has noticed */
	bool tick_armed;
	struct cblist cblist;
	s64 blimit, qlen_last_fqs_check;
	s64 fqs_snap;
	/* offloading */
	struct sim_lock nocb_lock, bypass_lock;
	struct cb_segment bypass;
	s64 lazy_len;
	s64 bypass_first_jiffy, nobypass_last_jiffy, nobypass_count, gp_adv_jiffy;
	bool cb_asleep;
	struct cb_segment invoking; /* extracted by rcuop, or the constant-period callbacks */
	struct queue posted;
	struct kthread rcuop, ksoftirqd, kworker, constant;
	struct plat_work *work_head, *work_tail;
	/* allocator */
	struct slab_cpu slab;
};

struct nocb_group {
	struct kthread rcuog;
	bool gp_sleep; /* asleep for want of callbacks or of a grace period */
	bool waits_for_gp;
	u64 wait_gp;
	s32 defer;
	u64 timer; /* generation of the armed timer, 0: none */
	u64 generation;
};

struct mm {
	struct object *head, *tail; /* live objects, oldest first */
	s32 live;
	bool started;
	void *state; /* the policy's */
	u32 nr_rows, rows_done;
	s64 last_end_ps;
};

#define NO_ROW UINT32_MAX

struct row_link {
	u32 next;    /* the next row of its CPU */
	u32 ordinal; /* its place among the rows of its address space */
};

struct row_counts {
	s64 births; /* objects */
	s64 munmaps, exits;
};

/* In front of what plat_alloc() returns, so that a run that fails leaks nothing. */
struct policy_block {
	struct policy_block *next, **link;
};

/* ---- events ---- */

enum event_kind {
	EVENT_GP_INIT,
	EVENT_GP_END,
	EVENT_FQS,
	EVENT_TICK,
	EVENT_WAKE,
	EVENT_NOCB_TIMER,
	EVENT_WORK,
	EVENT_PREEMPTED_READER,
	EVENT_PREEMPTED_READER_ENDS,
	EVENT_PRESSURE,
	EVENT_SAMPLE,
	EVENT_CONSTANT_READY,
	EVENT_CONSTANT_GP,
};

struct event {
	s64 t;
	u64 order;
	enum event_kind kind;
	u32 index;
	void *ptr;
	u64 arg;
};

/* ---- metrics ---- */

enum account {
	ACCOUNT_POSTPONED,
	ACCOUNT_WAITING,
	ACCOUNT_READY,
	ACCOUNT_OVERHEAD,
	ACCOUNT_PINNED,
	NR_ACCOUNTS
};

struct pending { /* a change that lies behind the horizon */
	s64 t;
	s64 age; /* -1: not a free */
	s32 n;
	s32 account;
};

struct values { /* of which exact percentiles are taken */
	s64 *at;
	s64 nr, room;
	s128 sum; /* once described */
};

/* ---- readers ---- */

struct preempted_reader {
	s64 start, end;
};

/* ---- the whole ---- */

enum run_phase { PHASE_MEASURE, PHASE_DRAIN };

struct policy_run {
	struct sim_machine m;
	struct sim_workload w;
	struct sim_request req;
	const struct policy *policy;
	void *state, **cpu_state;
	struct policy_block *blocks; /* plat_alloc() less plat_release() */

	s64 now; /* local time of what runs */
	s64 horizon;
	s64 in_order_until; /* for what is measured (account.h) */
	struct cpu *cpu;    /* where it runs */
	u64 sleep_cookie;   /* set by plat_gp_wait() */
	s32 locks_held;
	enum run_phase phase;
	s64 jiffy_ps;
	struct cooling call_cooling, object_cooling, step_cooling[NR_STEPS]; /* cold() */
	s64 jiffy, jiffy_start;						     /* the one asked for last */
	s64 end_ps; /* of the measured span, once known */

	struct cpu *cpus;
	s32 nr_contexts; /* CPUs, and their shadows */
	s64 *keys;	 /* tournament tree over the contexts' next times */
	s32 tree_size;
	s32 calls_active;
	s64 rows_left;
	struct arena *arena;
	struct row_link *row_links;
	u32 **row_ends; /* where the next row of each CPU is linked */
	s32 nr_blocked;
	struct task_call *call_pool;
	s64 last_call_end;

	struct event *events;
	s32 nr_events, room_events;
	u64 event_order;

	struct mm *mms;
	void **mm_state_pool;
	s32 nr_mm_pool, room_mm_pool;

	/* grace periods (gp.c) */
	struct {
		bool active, starting, ending, cbovld;
		bool cleaning; /* in rcu_gp_cleanup(): for longer where an rcuog that it has woken preempts it */
		u64 completed, requested;
		s64 seq_ps; /* when the next one begins, if starting */
		s64 start_ps, last_completed_start_ps;
		s64 start_jiffy;
		s32 cpus_left, blockers;
		s32 kthread_cpu; /* where the GP kthread ran last */
		u64 fqs_generation;
		s64 nr_fqs;
		s64 waiting_on[8];
	} gp;
	struct nocb_group *groups;
	s32 nr_groups;
	struct task_call *asleep;

	/* slab.c */
	struct object *objects;
	struct slab *slabs;
	s64 nr_slabs, room_slabs;
	u32 unused_slabs;
	u32 node_partial_head, node_partial_tail, nr_node_partial;
	struct sim_lock list_lock;

	/* readers.c */
	struct preempted_reader *preempted;
	u64 *slot_hashes;
	s64 room_slot_hashes;
	s64 nr_preempted;
	s64 *active_readers; /* start times */
	s32 nr_active_readers;
	s64 oldest_active_reader;
	s64 max_section_ps;

	/* reclaim.c */
	struct kthread kswapd;
	const struct plat_shrinker *shrinker;
	s64 deferred_policy, deferred_lazy;
	s32 kswapd_priority; /* -1: asleep */
	s32 pass_priority;

	/* metrics.c */
	s64 count[NR_ACCOUNTS];
	s128 integral[NR_ACCOUNTS];
	s64 retained_peak, pinned_peak;
	bool retained_rose;		    /* since the peak was looked at */
	struct queue *pending, *pending_of; /* of each context, and of the events; of the one that runs */
	s64 nr_pending;
	struct values exit_latency, exit_per_object, munmap_latency, dead_age;
	s128 cpu_freeing_ps, cpu_callback_ps;
	s64 max_stall_ps;
	s128 age_sum_ps;
	s64 objects_unlinked;
	s64 frees_not_measured; /* before the end, or after it */
	struct sim_sample *samples;
	s64 nr_samples, room_samples;
	struct sim_call_record *calls;
	s64 nr_calls, room_calls;
	struct sim_result r;

	jmp_buf fail;
	char *message;
	int message_bytes;
};

typedef struct policy_run sim;

#endif

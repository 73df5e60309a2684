/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - the state of one pass over the workload; bench.h says what the files do with it.
 *
 * Every CPU of the workload is a thread (cpu.c) that is bound to a real CPU and plays what happens there: the
 * rows of the trace, its scheduler tick, and, not offloaded, its RCU softirq. The kernel's own threads
 * (ksoftirqd, rcuog, rcuop, kworker, kswapd, the one for grace periods) are threads as well. Nothing is
 * measured by sampling: whoever changes something writes it down with its time (log.h), and metrics.c works out
 * the figures when all is over.
 */
#ifndef NATIVE_STATE_H
#define NATIVE_STATE_H
#include "../../../../policies/policy.h"
#include "clock.h"
#include "lock.h"
#include "request.h"

#include <pthread.h>
#include <stdatomic.h>

typedef int32_t s32;
typedef __int128 s128;
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define noinline __attribute__((noinline))
#define cache_aligned __attribute__((aligned(128))) /* two lines: they are fetched in pairs */

typedef _Atomic s64 atomic_s64;
typedef _Atomic u64 atomic_u64;
typedef _Atomic u32 atomic_u32;

/* Kinds of rows, as struct sim_workload numbers them. */
enum row_kind { ROW_CALL, ROW_EXIT, ROW_FAULTS, ROW_ALLOC };

/* ---- objects ---- */

/* Its first 48 bytes; the machine profile says how many there are in all. */
struct object {
	struct dead_object dead; /* the policy's; a free one's first word links it in its slab */
	atomic_u64 canary;	 /* what a reader looks at, with the number */
	atomic_u32 number;	 /* its place in run->slots, unique in the pass */
	u32 unused;
};

#define CANARY_LIVE 0x11fe0b1ec7511feull
#define CANARY_FREED 0xdeadf4eed0b1ec7ull
#define CANARY_GONE 0x90e90e90e90e90eull /* its slab went back to the page allocator */
#define MIN_OBJECT_BYTES 64

/* ---- what is written down ---- */

/* The accounts that a dead object, or a policy's memory, goes through. */
enum account { POSTPONED, WAITING, READY, FREED, OVERHEAD, SLAB_GONE };

struct event {
	u64 t;	  /* units of clock_now() */
	s32 n;	  /* objects, or bytes of OVERHEAD */
	u32 what; /* SLAB_GONE: which slab */
	u8 from, to;
};

struct log {
	struct event *at;
	u64 nr, room;
};

struct counters { /* each written by one thread; others may read */
	atomic_u64 callbacks, wakeups, lock_waits, violations, revalidated;
	atomic_u64 bypass_enqueues, nocb_enqueues, bypass_flushes;
	atomic_u64 slabs_allocated, slabs_freed, shrinker_calls, shrinker_scanned;
	atomic_u64 posted, freed, sections, sections_skipped, preempted_sections, exit_waits;
	atomic_s64 alloc_bytes;
	atomic_u64 max_stall, callback_time, callback_time_in_calls; /* units of clock_now() */
	atomic_u64 looks, worked, worked_at_full;		     /* likewise; cputime.c */
};
#define NR_COUNTERS (sizeof(struct counters) / sizeof(atomic_u64))

/* ---- threads ---- */

enum role {
	ROLE_MAIN,
	ROLE_CPU,
	ROLE_GP,
	ROLE_TIMER,
	ROLE_KSOFTIRQD,
	ROLE_KWORKER,
	ROLE_RCUOG,
	ROLE_RCUOP,
	ROLE_KSWAPD,
	ROLE_URCU,
	ROLE_READER,
	NR_ROLES,
};

struct cpu;
struct task_call;

struct urcu_chunk;

struct stretch { /* cputime.c */
	u64 look, begin, end;
	double cpu_ns, speed; /* without preemption, and what that is to be multiplied by */
};

/* What a thread is to the policy that it runs. */
struct context {
	struct policy_run *run;
	enum role role;
	u32 index;	 /* which CPU or group it serves */
	struct cpu *cpu; /* NULL: whatever CPU it runs on */
	bool in_softirq;
	s32 locks_held;
	struct task_call *call; /* in progress */
	u64 sleep_cookie;	/* set by plat_gp_wait() */
	u64 last_stamp;		/* its last reading of the clock */
	bool keeps_stamp;	/* stamp() gives that one again */
	u32 frees_to_stamp;	/* so many more frees take that one, too */
	s64 posted;		/* objects that calls posted, and the sum of the times at which */
	s128 posted_at_sum;
	s64 jiffy;
	u64 jiffy_start; /* the one asked for last */
	struct log log;
	struct counters count;
	struct urcu_chunk *chunk; /* of liburcu's callback records */
	pthread_t thread;
	bool started;
	void (*body)(struct context *);
	struct stretch stretch;	      /* of a kernel thread that runs */
	u64 mark, mark_cpu_ns;	      /* two clocks, at one time: between marks they differ by preemption */
	u64 longest_softirq;	      /* of the call in progress, as it was */
	double cpu_ns_before, cpu_ns; /* of this thread: at the start, in the measured span */
	double callback_ns;	      /* in the span, of softirqs outside of calls */
	long involuntary_switches;
} cache_aligned;

extern _Thread_local struct context *here;

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
};

/* ---- deferred work ---- */

enum work_state { WORK_IDLE, WORK_ARMED, WORK_QUEUED };

struct work { /* inside plat_work.opaque */
	struct plat_work *next;
	u32 cpu;
	u32 state;   /* enum work_state */
	s64 expires; /* jiffy */
	u32 running, cancelling;
};

struct work_list {
	struct plat_work *head, *tail;
};

/* ---- slabs ---- */

struct slab {
	atomic_u64 state; /* free list, objects in use, frozen: slab.c */
	atomic_u32 live;  /* only kept where memory pressure asks for it */
	bool node_partial, was_used;
	u32 next, prev;
} __attribute__((aligned(64))); /* struct page */

#define NO_SLAB UINT32_MAX

struct detached { /* struct detached_freelist: objects of one slab, chained from first to last */
	struct object *first, *last;
	u32 slab, nr;
};

struct slab_cpu {
	struct lock lock; /* in the kernel a per-CPU cmpxchg, and local_lock of the partial list */
	atomic_u32 active;
	struct object *freelist; /* of the active slab, this CPU's own */
	u32 partial, nr_partial; /* list head */
} cache_aligned;

/* ---- one CPU ---- */

struct task_call {
	struct policy_call call;
	struct mm *mm;
	u32 row;
	s32 n, left;
	u64 begin; /* units */
	bool slept;
	u64 wait_cookie; /* asleep in plat_gp_wait() */
	bool call_ended; /* call_end() has run; only the wait is left */
	struct task_call *next;
};

struct call_record {
	double latency_ns, raw_ns; /* at full speed, and as it was */
	s32 n;
	bool exits;
};

enum nocb_defer { DEFER_NOT, DEFER_BYPASS, DEFER_LAZY, DEFER_WAKE, DEFER_FORCE };

struct cpu {
	u32 id;
	s32 real; /* the CPU that its thread is bound to */
	struct context *context, *urcu_worker;

	/* its thread's own */
	u32 row; /* the next one, NO_ROW: none is left */
	u64 next_tick;
	bool tick_stopped;
	bool softirq_pending;
	struct task_call *asleep, *call_pool;
	u32 *fault_rows;
	s64 nr_fault_rows;
	struct call_record *calls;
	u64 nr_calls;
	double freeing_ns;
	bool was_waiting;		 /* for its next row, with nothing else to do */
	bool held_up;			 /* by readers that hold the exiting address space */
	u64 late_max, late_sum, nr_late; /* starts of such rows; units */

	/* read by others */
	struct waiter waiter cache_aligned;
	atomic_bool busy;      /* a call is in progress */
	atomic_u64 busy_until; /* user mode after a call */
	atomic_u32 kthreads;   /* kernel threads at work here */
	atomic_u32 nr_asleep;
	atomic_u32 reader_mm; /* the address space of its last row */
	atomic_bool rows_over;
	struct waiter reader;
	atomic_u64 free_until; /* asleep until then, unless kicked; 0: not asleep */
	atomic_u64 reader_due; /* when its reader wants to be kicked; NEVER: not at all */

	/* grace periods: under gp.lock */
	atomic_bool gp_noticed, qs_needed, qs_passed, urgent, was_idle;

	/* callbacks: under irq (not offloaded), or under nocb_lock */
	struct lock irq cache_aligned; /* stands for irqs off: only threads of one CPU want it */
	struct cblist cblist;
	atomic_s64 len; /* of all segments, of the bypass list, and of those being invoked */
	u64 gp_seen;	/* number of the last grace period whose end this CPU has noticed */
	s64 blimit, qlen_last_fqs_check;
	u64 fqs_snap;
	struct lock softirq_lock; /* softirqs of one CPU run one at a time */
	atomic_bool ksoftirqd_runs;

	/* offloading */
	s64 nobypass_last_jiffy, nobypass_count; /* under irq */
	struct lock nocb_lock cache_aligned;
	bool cb_asleep;
	s64 gp_adv_jiffy;
	struct lock bypass_lock cache_aligned;
	struct cb_segment bypass;
	atomic_s64 bypass_nr, lazy_len, bypass_first_jiffy;

	struct waiter ksoftirqd, rcuop, kworker;
	struct work_list queued;
	struct slab_cpu slab;
} cache_aligned;

struct nocb_group {
	struct lock lock;
	struct waiter rcuog;
	bool gp_sleep; /* asleep for want of callbacks or of a grace period */
	bool waits_for_gp;
	u64 wait_gp;
	s32 defer;
	atomic_s64 timer; /* the jiffy when it fires, NO_TIMER: not armed */
} cache_aligned;

#define NO_TIMER INT64_MAX

struct mm {
	u32 first;	  /* its objects are run->slots[first ...], in order of birth */
	atomic_u32 born;  /* how many of them were born */
	atomic_u32 gone;  /* how many of them were unlinked */
	atomic_u32 users; /* readers' references; MM_EXITING: none may be taken */
	atomic_u32 rows_done;
	u32 nr_rows;
	bool started;
	void *state; /* the policy's */
} cache_aligned;

#define MM_EXITING (1u << 31)
#define NO_ROW UINT32_MAX
#define NO_MM UINT32_MAX

struct row_link {
	u32 next;    /* the next row of its CPU */
	u32 ordinal; /* its place among the rows of its address space */
	s32 mm_next; /* the CPU of the next row of its address space, where that is another one; else -1 */
};

/* ---- grace periods ---- */

struct gp {
	struct lock lock;
	atomic_u64 seq; /* 2 * (grace periods that have ended) + (one is in progress), as rcu_seq */
	u64 requested;
	s64 start_jiffy;
	s32 cpus_left;
	u32 kthread_cpu; /* where the kernel's kthread would have run last */
	bool cbovld;
	bool cleaning; /* in rcu_gp_cleanup(): it will see what is asked for */
	atomic_bool force;
	atomic_u64 nr_fqs;
	atomic_u64 began_at, ended_at; /* the last one, units */
	s64 waiting_on[8];	       /* objects, by the grace period's number */
	struct waiter waiter cache_aligned;
};

/* ---- how far apart the CPUs are ---- */

#define MAX_LOOKS 2048

struct placement {
	double line_ns[MAX_LOOKS]; /* look by look: before the pass, during, after */
	double work_ns[MAX_LOOKS]; /* likewise, of speed.h, on the first CPU */
	u64 at[MAX_LOOKS];	   /* units */
	u32 nr, waits;		   /* waits: before the last one at which the pass was still to wait */
	u64 next;		   /* units; 0: nobody looks, there is one CPU */
};

/* ---- the whole ---- */

struct policy_run {
	const struct native_request *req;
	struct sim_machine m;
	struct sim_workload w;
	const s64 *params;
	const s32 *cpu_set;
	const struct policy *policy;
	void *state, **cpu_state;
	bool kernel_like, offloaded, on_slab, typesafe;

	u64 t0;		   /* time 0 of the workload; units */
	u64 end;	   /* of the measured span, once known; units */
	u64 jiffy_units;   /* 1e9 / HZ */
	double full_speed; /* a look at the speed (speed.h); units; 0: nobody knows */
	atomic_bool over, readers_over, reclaim_over;
	atomic_u64 last_call_end;
	struct waiter rows_over; /* main waits for the CPUs' last rows */

	struct cpu *cpus;
	u32 nr_cpus, nr_groups;
	struct nocb_group *groups;
	struct context *contexts, *main;
	u32 nr_contexts;
	pthread_barrier_t ready;
	u32 *cpu_of_real; /* a real CPU's number -> ours */

	struct row_link *row_links;
	struct mm *mms;

	/* objects, by number */
	u32 nr_objects;
	_Atomic(struct object *) *slots; /* NULL: not born yet, or unlinked */
	u64 *born_at, *unlinked_at;
	u64 *freed; /* twice the time; the lowest bit tells that it was ready. 0: not freed */
	u32 *slab_of;

	struct gp gp;
	struct placement placement;

	/* work.c */
	struct lock work_lock;
	struct work_list armed;
	struct waiter work_done;

	/* slab.c */
	char *slab_base, *slab_memory;
	struct slab *slabs;
	u32 slab_shift, nr_slabs, max_slabs;
	struct lock pool_lock; /* the page allocator's */
	u32 pool;
	atomic_s64 pinned_slabs;
	struct lock list_lock cache_aligned;
	u32 node_partial_head, node_partial_tail, nr_node_partial;

	/* reclaim.c */
	_Atomic(const struct plat_shrinker *) shrinker;
	s64 deferred_policy, deferred_lazy;
	s32 shrinker_first_priority; /* -1: never proposed any */
};

#endif

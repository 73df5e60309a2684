/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * lab.h - one trial in the kernel: its state, and what each file does for the others.
 *
 *   device.c    /dev/rcu_sweep: requests in, JSON out
 *   trial.c     sets a trial up, waits for its end, drains, checks that nothing is left
 *   tasks.c     kernel threads that play the workload's rows in real time
 *   readers.c   kernel threads in read-side sections that check canaries
 *   pressure.c  takes memory away as the workload's course says
 *   platform.c  policies/policy.h on SLUB, workqueues, a shrinker
 *   callbacks.c its call_rcu()
 *   watch.c     probes: ends of grace periods, softirqs, wake-ups, contended locks
 *   record.c    the log of a trial, and the objects' times
 *   metrics.c   what is computed from them when the trial has ended
 *   pinned.c    slabs without a live object
 *   slabs.c     the cache's own counts, and that a trial leaves nothing in it
 *
 * Times of a trial are nanoseconds (CLOCK_MONOTONIC) since its start.
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/hashtable.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/seq_buf.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "compat.h"
#include "policy.h"
#include "request.h"

#define LAB_MAX_PARAMS 16
#define LAB_MAX_OBJECTS (1u << 24)
#define LAB_MESSAGE_BYTES 256

extern const struct policy *const all_policies[];
extern const unsigned int nr_all_policies;

/* An object: what a policy may write to, and the lab's own words behind it. While the object is alive,
 * dead.next links it to the next one of its address space. */
struct lab_object {
	struct dead_object dead;
	u64 canary; /* lab_canary() while readers may look at it */
	u32 id;	    /* from 0, in the order of birth */
	u32 riders; /* dead objects that ride on the callback posted with this object's head */
};

#define LAB_MAGIC 0x5eed0b1ec7a11feull

static inline u64 lab_canary(const struct lab_object *o, u32 id)
{
	return LAB_MAGIC ^ (u64)(uintptr_t)o ^ ((u64)id << 32);
}

/* The arrays of a request, in the order in which they follow it. */
struct lab_rows {
	const s64 *params;
	const s64 *t_ns;
	const s32 *cpu, *mm;
	const u8 *kind;
	const s32 *n;
	const s64 *section_ppm, *section_ns;
	const s64 *preempted_ppm_at, *preempted_ns;
	const s64 *pressure_t_ns, *pressure_permille;
};

enum row_kind { ROW_CALL, ROW_EXIT, ROW_FAULTS, ROW_ALLOC };

struct lab_mm {
	void *state;			/* the policy's */
	struct lab_object *head, *tail; /* in the order of birth */
	u32 live;
	u32 nr_rows;
	atomic_t rows_done;
	atomic_t users; /* mm_ref: readers, and 1 until the exit begins */
	bool started;
};

/* Changes of the retained amounts that no object's own times show. */
enum entry_kind { ENTRY_POSTED, ENTRY_READY, ENTRY_MEMORY };

struct lab_entry {
	u64 t;
	s32 n;
	u32 kind;
};

#define LAB_CHUNK 256

struct lab_call {
	u64 latency;
	u32 n;
	u32 exits;
};

/* Counts of one CPU; only that CPU changes them. */
struct lab_cpu {
	struct lab_entry *chunk; /* of the log, with room for `room` more */
	u32 room;
	u64 softirq_start;
	u32 softirq_callbacks; /* in the softirq that runs now */
	u64 softirq_ns;	       /* RCU softirqs that invoked callbacks of the trial */
	u64 max_stall;
	u64 callbacks, slab_callbacks, wakeups, contended;
};

struct lab_counts {
	u64 softirq_ns, max_stall, callbacks, slab_callbacks, wakeups, contended, kthread_ns, grace_periods,
		gps_ended, lock_waits, violations;
};

struct lab_sample {
	u64 t;
	u32 slabs; /* of the cache, whatever is in them */
	s32 live;  /* of these, with a live object */
};

/* Grace periods that a policy started by itself, and who waits for them. */
struct lab_start {
	unsigned long cookie;
	u32 n;
};

#define LAB_MAX_STARTS 1024

/* What a probe of the calibration has timed (../calibrate/probes.c): steps, and what they took. */
struct lab_note {
	u64 ns, n;
};

#define LAB_MAX_NOTES 24

struct policy_run {
	const struct kernel_request *req;
	struct lab_rows rows;
	const struct policy *policy;
	s64 params[LAB_MAX_PARAMS];
	void *state;
	void *cpu_states;
	size_t cpu_stride;
	struct kmem_cache *cache;
	char cache_name[32];
	u32 slab_bytes;
	long slab_objects_before, slab_objects_after; /* of the trial, in the cache; -1: cannot be read */
	struct workqueue_struct *wq;
	const struct plat_shrinker *shrinker;
	struct lab_shrinker lab_shrinker;

	u64 start; /* ktime_get_ns() at time 0 */
	u64 end;   /* of the measured span */
	bool measuring;
	bool stopping; /* threads end */
	bool policy_started;

	/* objects, by id */
	u32 nr_objects; /* that the workload brings */
	atomic_t born;
	struct lab_object **where;
	u64 *birth, *unlink, *freed; /* 0: not yet; `freed` holds 2 t + (from DEAD_READY) */
	unsigned long *cookie;	     /* stress: at unlinking */
	s32 *mm_of;
	struct lab_mm *mms;

	/* rows, dealt to their CPUs */
	u32 *row_order;	  /* rows of CPU 0, of CPU 1, ... */
	u32 *first_row;	  /* nr_cpus + 1 places in row_order */
	u32 *row_ordinal; /* of a row within its address space */

	/* the log */
	struct lab_entry *log;
	u32 log_room;
	atomic_t log_used;
	struct lab_cpu __percpu *cpus;
	struct lab_call *calls;
	u32 nr_calls_room;
	atomic_t nr_calls;
	struct lab_sample *samples;
	u32 nr_samples, room_samples;

	/* heads that are not in an object: how many ride on them */
	spinlock_t riders_lock;
	DECLARE_HASHTABLE(riders, 6);

	raw_spinlock_t starts_lock;
	struct lab_start starts[LAB_MAX_STARTS];
	u32 nr_starts;
	u64 last_gp_end;
	struct lab_note notes[LAB_MAX_NOTES];
	atomic64_t gps_ended, gp_served; /* everybody's so far; the last of these that counted */
	atomic64_t gp_cleanup_ns;

	atomic64_t grace_periods, lock_waits, violations, freed_early, memory_bytes;
	atomic64_t freeing_ns, work_ns, work_wakeups;
	atomic64_t sections, sections_seen, sections_late, revalidations;
	atomic64_t shrinker_calls, shrinker_scanned;
	atomic64_t max_lag;
	u64 min_free_permille; /* of the high watermark; under memory pressure */
	u64 kthread_ns_before;
	struct lab_counts counts; /* at the end of the measured span */

	/* threads */
	struct task_struct **threads;
	u32 nr_threads;
	struct completion go, tasks_done;
	atomic_t tasks_left;

	atomic_t failed;
	bool environment; /* the failure is the machine's */
	char message[LAB_MESSAGE_BYTES];
};

/* trial.c */
int lab_trial(const struct kernel_request *req, const struct lab_rows *rows, struct seq_buf *out);
__printf(2, 3) void lab_fail(struct policy_run *run, const char *format, ...);
__printf(2, 3) void lab_fail_environment(struct policy_run *run, const char *format, ...);
bool lab_wait_until(struct policy_run *run, u64 t); /* false: the trial is being stopped */
int lab_thread(struct policy_run *run, int (*func)(void *), void *arg, int cpu, const char *name);
int lab_thread_ends(void);

static inline u64 lab_now(const struct policy_run *run)
{
	return ktime_get_ns() - run->start;
}

/* tasks.c */
int tasks_deal(struct policy_run *run);
int tasks_start(struct policy_run *run);
void tasks_mm_stop(struct policy_run *run, struct lab_mm *mm);

/* readers.c */
int readers_start(struct policy_run *run);

/* pressure.c */
int pressure_start(struct policy_run *run);

/* record.c */
int record_setup(struct policy_run *run);
void record_teardown(struct policy_run *run);
void record_change(struct policy_run *run, enum entry_kind kind, u64 t, s32 n);
void record_start(struct policy_run *run, unsigned long cookie, u32 n);
void record_served(struct policy_run *run);
bool record_free(struct policy_run *run, struct lab_object *o, u64 t, enum dead_state from);
void record_call(struct policy_run *run, u64 latency, u32 n, bool exits);
int record_samples_start(struct policy_run *run);

/* platform.c */
int platform_start(struct policy_run *run);
void platform_stop(struct policy_run *run);

/* callbacks.c */
void callbacks_start(struct policy_run *run);
void callbacks_stop(struct policy_run *run);

/* watch.c */
int watch_register(void);
void watch_unregister(void);
void watch_start(struct policy_run *run);
void watch_cut(struct policy_run *run);	 /* the measured span has ended */
void watch_stop(struct policy_run *run); /* no probe looks at the run any more */

/* slabs.c */
long slabs_read(struct policy_run *run, const char *count);
long slabs_objects(struct policy_run *run);
void slabs_check(struct policy_run *run);

/* pinned.c */
void pinned_report(struct policy_run *run, struct seq_buf *out, u64 *words, u64 *spare);

/* metrics.c */
void metrics_sort(u64 *at, u64 *spare, u32 nr);
int metrics_report(struct policy_run *run, struct seq_buf *out);

#endif

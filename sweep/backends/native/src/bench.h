/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h - what each of the benchmark's files does for the others. */
#ifndef NATIVE_BENCH_H
#define NATIVE_BENCH_H
#include "state.h"

#include <stdio.h>
#include <stdlib.h>

extern const struct policy *const all_policies[];
extern const unsigned nr_all_policies;

static inline s64 max_s64(s64 a, s64 b)
{
	return a > b ? a : b;
}

static inline s64 min_s64(s64 a, s64 b)
{
	return a < b ? a : b;
}

/* answer.c: an error line, and the end of the process. */
void fail(const char *cause, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
#define fail_configuration(...) fail("configuration", __VA_ARGS__)
#define fail_environment(...) fail("environment", __VA_ARGS__)
struct pass_result;
void answer(u32 pass, const struct policy_run *run, const struct pass_result *result);

/* memory.c */
void *zalloc(size_t bytes);  /* never NULL */
void *reserve(size_t bytes); /* zeroed addresses that become memory when touched */
void populate(void *memory, size_t bytes);
void unreserve(void *memory, size_t bytes);

/* request.c: reads, and checks, all that the program is asked. */
struct input {
	struct native_request header;
	const s64 *params;
	const s32 *cpu_set;
	struct sim_workload w; /* with its pointers */
	const struct policy *policy;
};
void request_read(const char *path, struct input *input);

/* pass.c */
void run_pass(const struct input *input, s64 nr_rows, struct pass_result *result, struct policy_run **run);
void pass_free(struct policy_run *run);

/* thread.c */
void contexts_setup(struct policy_run *run);
void contexts_start(struct policy_run *run);
void contexts_join(struct policy_run *run, enum role role);
void sleep_ns(u64 ns);
void bind_thread(pthread_t thread, const s32 *cpus, u32 nr);
void idle_polls(const struct input *input);
struct cpu *cpu_here(struct policy_run *run);
void kick_all(struct policy_run *run);

/* A kernel thread begins to run, and leaves again: its CPU is not idle meanwhile, and has switched contexts. */
struct cpu *kthread_arrives(struct policy_run *run);
void kthread_leaves(struct cpu *c);
static inline void kick(struct waiter *w)
{
	if (waiter_kick(w))
		atomic_store_explicit(&here->count.wakeups,
				      atomic_load_explicit(&here->count.wakeups, memory_order_relaxed) + 1,
				      memory_order_relaxed);
}

/* placement.c: of the workload's CPUs, the first ones of the set */
void placement_wait(struct placement *p, const struct native_request *asked,
		    const s32 *cpus); /* begins anew */
void placement_look(struct placement *p, const struct native_request *asked, const s32 *cpus);
double placement_full_speed(const struct placement *p); /* ns, of speed.h; 0: too few looks to say */
bool placement_near(const struct placement *p, const struct native_request *asked,
		    u64 when); /* as near as asked for, if at all, at the looks before and after it */

/* rows.c */
void rows_deal(struct policy_run *run);

/* calls.c */
void row_start(struct policy_run *run, struct cpu *c);
void call_go_on(struct policy_run *run, struct cpu *c, struct task_call *call);
struct task_call *call_take_woken(struct policy_run *run, struct cpu *c);
void mm_stop_all(struct policy_run *run);

/* cputime.c: a stretch of a thread's work, between two looks at its CPU's speed; the end gives ns of CPU time, as at full
 * speed. What came before a stretch does not count as preemption if the thread says so then. */
#define SUSPICIOUS_NS 10000 /* after a longer time a system call tells how long others ran */
void preempted_from_now(void);
struct stretch stretch_begin(void);
double stretch_end(struct policy_run *run, struct stretch *s);

/* cpu.c */
void cpu_main(struct context *ctx);
void cpu_interrupt(struct policy_run *run, struct cpu *c, u64 now);
bool cpu_in_user(struct policy_run *run, struct cpu *c, u64 now);
bool cpu_is_idle(struct policy_run *run, struct cpu *c, u64 now);
void cpu_kick(struct cpu *c);

/* cblist.c */
void segment_add(struct cb_segment *seg, struct plat_rcu_head *head, s64 objects);
struct plat_rcu_head *segment_pop(struct cb_segment *seg);
void segment_splice(struct cb_segment *to, struct cb_segment *from);
bool cblist_pending(const struct cblist *l);  /* any that wait for a grace period */
bool cblist_untagged(const struct cblist *l); /* any in NEXT */
bool cblist_next_gp(const struct cblist *l, u64 *gp);
void rcu_accelerate(struct policy_run *run, struct cblist *l); /* tag NEXT, ask for its grace period */
void rcu_advance(struct policy_run *run, struct cblist *l);

/* gp.c */
u64 gp_snap(struct policy_run *run);
u64 gp_completed(struct policy_run *run);
bool gp_active(struct policy_run *run);
u64 gp_request(struct policy_run *run, s64 objects); /* the one that protects what is unlinked now */
void gp_ask_for(struct policy_run *run, u64 gp);
void gp_force(struct policy_run *run);
void gp_report_qs(struct policy_run *run, struct cpu *c);
void gp_note_changes(struct policy_run *run, struct cpu *c);
void gp_context_switch(struct cpu *c);
void gp_main(struct context *ctx);

/* softirq.c */
void call_rcu_plain(struct policy_run *run, struct cpu *c, struct plat_rcu_head *head, s64 objects);
void softirq_burst(struct policy_run *run, struct cpu *c);
void ksoftirqd_main(struct context *ctx);
void callback_invoke(struct policy_run *run, struct plat_rcu_head *head);

/* nocb.c */
void call_rcu_nocb(struct policy_run *run, struct cpu *c, struct plat_rcu_head *head, s64 objects, bool lazy);
void nocb_setup(struct policy_run *run);
void nocb_timers(struct policy_run *run, s64 jiffy);
void nocb_gp_ended(struct policy_run *run);
void rcuog_main(struct context *ctx);
void rcuop_main(struct context *ctx);
s64 nocb_flush_lazy(struct policy_run *run, s64 nr); /* the rcu-lazy shrinker's scan; returns how many */
void nocb_flush_all(struct policy_run *run);	     /* rcu_barrier() */

/* urcu.c */
void urcu_setup(struct policy_run *run);
void urcu_teardown(struct policy_run *run);
void urcu_enter(struct context *ctx); /* this thread may post callbacks */
void urcu_leave(struct context *ctx);
void call_rcu_urcu(struct policy_run *run, struct plat_rcu_head *head, s64 objects);
void reader_enters(void); /* a read-side section */
void reader_leaves(void);
void wait_for_readers(void); /* synchronize_rcu() */

/* platform.c */
void rcu_post(struct policy_run *run, struct plat_rcu_head *head, s64 objects, bool lazy);
void check_no_locks(struct policy_run *run, const char *where);

/* work.c */
void timer_main(struct context *ctx);
void kworker_main(struct context *ctx);
void works_check(struct policy_run *run);

/* heap.c: from the slab, or from malloc() */
struct object *object_alloc(struct policy_run *run, struct cpu *c);
u32 object_gather(struct policy_run *run, struct dead_object **objects, u32 nr, struct detached *d);
void object_free(struct policy_run *run, const struct detached *d);
void object_free_live(struct policy_run *run); /* what is alive at the end */

/* slab.c */
void slab_setup(struct policy_run *run);
void slab_teardown(struct policy_run *run);
struct object *slab_alloc(struct policy_run *run, struct cpu *c);
void slab_free(struct policy_run *run, const struct detached *d);
u32 slab_gather(struct policy_run *run, struct dead_object **objects, u32 nr, struct detached *d);
void slab_unlinked(struct policy_run *run, u32 number);
void slab_check(struct policy_run *run, u64 alive);
u32 slab_number(const struct policy_run *run, const void *object);

/* readers.c */
void reader_main(struct context *ctx);
bool reader_fits(const struct cpu *c, u64 now);
void readers_catch_faults(void); /* of memory that malloc() has given back */

/* reclaim.c */
void kswapd_main(struct context *ctx);

/* log.c */
void log_setup(struct log *log, u64 expected);
void log_grow(struct log *log);
void log_free(struct log *log);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h - what each of the simulator's files does for the others. */
#ifndef SIM_SIM_H
#define SIM_SIM_H
#include "state.h"

extern const struct policy *const all_policies[];
extern const unsigned nr_all_policies;

/* run.c */
void sim_fail(sim *s, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
void cpu_changed(sim *s, struct cpu *c); /* its next time may be another one now */

/* Who runs now must not run past it. Changes up to it are in order, unless earlier ones are pending. */
static inline void set_horizon(sim *s, s64 t)
{
	s->horizon = t;
	s->in_order_until = s->nr_pending || s->phase != PHASE_MEASURE ? -1 : t;
}

/* memory.c */
void *sim_grow(sim *s, void *array, s64 *room, s64 need, size_t element);
void *sim_zalloc(sim *s, size_t bytes);
void queue_make_room(sim *s, struct queue *q, size_t element);

/* A new last element, to be filled in. */
static inline void *queue_add(sim *s, struct queue *q, size_t element)
{
	if (unlikely(q->end == q->room))
		queue_make_room(s, q, element);
	return (char *)q->at + (size_t)q->end++ * element;
}

static inline void queue_drop_first(struct queue *q)
{
	if (++q->first == q->end)
		q->first = q->end = 0;
}

void arena_open(sim *s, size_t bytes);
void *arena_take(sim *s, size_t bytes);
void arena_commit(sim *s, const void *end);
void arena_close(sim *s);

/* Neighbours lie next to each other; past the end of the list, this does nothing. */
static inline void prefetch_later(const struct object *next)
{
	__builtin_prefetch((const void *)((uintptr_t)next + 4 * sizeof(*next)), 1);
}

/* Posted long ago, and in the order of posting: not in the cache, and soon to be freed. */
static inline void prefetch_object(const void *dead)
{
	__builtin_prefetch(dead, 1);
	__builtin_prefetch((const char *)dead + sizeof(struct object) - 1, 1);
	__builtin_prefetch((const struct object *)dead + 4, 1);
}

/* events.c */
void event_add(sim *s, s64 t, enum event_kind kind, u32 index, void *ptr, u64 arg);
struct event event_pop(sim *s);

/* rows.c */
struct row_counts rows_count(const struct sim_workload *w);
void rows_deal(sim *s);
void rows_unblock(sim *s);

static inline void row_done(sim *s, struct mm *mm, s64 t)
{
	mm->rows_done++;
	mm->last_end_ps = t;
	s->rows_left--;
	if (unlikely(s->nr_blocked))
		rows_unblock(s);
}

/* A CPU's next row is another one, or may start now. */
static always_inline void row_look(sim *s, struct cpu *c)
{
	const u32 row = c->row;
	bool blocked = false;

	c->row_ready = TIME_MAX;
	if (likely(row != NO_ROW)) {
		c->row_mm = &s->mms[s->w.mm[row]];
		blocked = c->row_mm->rows_done != s->row_links[row].ordinal;
		if (likely(!blocked))
			c->row_ready = max_s64(s->w.t_ns[row] * PS_PER_NS, c->row_mm->last_end_ps);
	}
	if (unlikely(blocked != c->blocked)) {
		s->nr_blocked += blocked ? 1 : -1;
		c->blocked = blocked;
	}
}

/* When the CPU's next row can start; TIME_MAX when there is none, or it waits for another CPU. */
static inline s64 next_row_time(const struct cpu *c)
{
	return max_s64(c->row_ready, c->now);
}

/* calls.c */
void task_run(sim *s, struct cpu *c);
void task_wake_sleepers(sim *s, s64 t);

/* cpu.c */
void cpu_run(sim *s, struct cpu *c);
s64 cpu_next_time(struct cpu *c);
bool cpu_is_idle(sim *s, struct cpu *c, s64 t);
bool cpu_in_user(sim *s, struct cpu *c, s64 t);
void cpu_arm_tick(sim *s, struct cpu *c, s64 t);
void cpu_tick(sim *s, struct cpu *c, s64 t);

/* kthread.c */
void kthread_wake(sim *s, struct kthread *k, s64 t);
struct cpu *cpu_for_thread(sim *s, s32 last, s64 t); /* last: where it ran last */
void kthread_arrives(sim *s, struct kthread *k, s64 t);
bool kthread_step(sim *s, struct kthread *k); /* false: sleeps now */

/* Nothing else wants the CPU that the kernel thread runs on. */
static inline bool kthread_goes_on(const sim *s, const struct cpu *c)
{
	return s->now < s->horizon && s->now < c->slice_end;
}

void work_expires(sim *s, struct plat_work *work, u64 armed, struct cpu *c, s64 t);
bool kworker_step(sim *s, struct cpu *c);

/* cblist.c */
void cblist_advance(struct cblist *l, u64 completed);
bool cblist_pending(const struct cblist *l);  /* any that wait for a grace period */
bool cblist_untagged(const struct cblist *l); /* any in NEXT */
bool cblist_next_gp(const struct cblist *l, u64 *gp);
bool rcu_accelerate(sim *s, struct cblist *l); /* tag NEXT, ask for its grace period */
bool rcu_advance(sim *s, struct cblist *l);

/* gp.c */
u64 gp_snap(sim *s, s64 t);
void gp_request(sim *s, u64 gp, s64 t);
void gp_init(sim *s, s64 t);
void gp_end(sim *s, s64 t);
void gp_cleaned_up(sim *s, s64 t);
void gp_fqs(sim *s, s64 t);
void gp_force(sim *s, s64 t);
void gp_report_qs(sim *s, struct cpu *c, s64 t);
void gp_unblock(sim *s, s64 t);
void gp_note_changes(sim *s, struct cpu *c);
void gp_context_switch(struct cpu *c);
s64 timer_expiry(sim *s, s64 t, s64 jiffies); /* of a timer armed at t, as the timer wheel rounds */
static inline s64 jiffies_at(sim *s, s64 t)
{
	if (unlikely((u64)(t - s->jiffy_start) >= (u64)s->jiffy_ps)) {
		s->jiffy = t / s->jiffy_ps;
		s->jiffy_start = s->jiffy * s->jiffy_ps;
	}
	return s->jiffy;
}

/* softirq.c */
void call_rcu_plain(sim *s, struct plat_rcu_head *head, s64 objects);
void softirq_burst(sim *s, struct cpu *c);
bool ksoftirqd_step(sim *s, struct cpu *c);
void callback_invoke(sim *s, struct plat_rcu_head *head);

/* nocb.c */
void call_rcu_nocb(sim *s, struct plat_rcu_head *head, s64 objects, bool lazy);
void nocb_timer_fires(sim *s, struct nocb_group *g, u64 generation, s64 t);
bool nocb_gp_ended(sim *s, s64 t);
bool rcuog_step(sim *s, struct nocb_group *g);
bool rcuop_step(sim *s, struct cpu *c);
s64 nocb_flush_lazy(sim *s, s64 nr); /* the rcu-lazy shrinker's scan; returns callbacks flushed */
void nocb_flush_all(sim *s);	     /* rcu_barrier() */

/* platform.c */
void rcu_post(sim *s, struct plat_rcu_head *head, s64 objects, bool lazy);

/* constant.c */
void call_rcu_constant(sim *s, struct plat_rcu_head *head, s64 objects);
void constant_ready(sim *s, struct cpu *c, s64 t);
void constant_gp_ends(sim *s, s64 t, s64 objects);
bool constant_step(sim *s, struct cpu *c);

/* slab.c */
size_t slab_room_bytes(sim *s, s64 births);
void slab_setup(sim *s, s64 births);
void slab_alloc(sim *s, struct cpu *c, struct mm *mm, s32 nr);
void slab_unlink(sim *s, struct object *o);
void slab_free_object(sim *s, struct object *o);
u32 slab_free_detached(sim *s, struct dead_object **objects, u32 nr);

/* readers.c */
void readers_setup(sim *s);
void reader_starts(sim *s, s64 t, u64 number);
void reader_ends(sim *s, s64 t, u64 number);
bool reader_may_hold(sim *s, struct object *o, s64 t);

/* reclaim.c */
void reclaim_setup(sim *s);
void reclaim_check(sim *s, s64 t);
bool kswapd_step(sim *s);

/* metrics.c */
void metrics_setup(sim *s);
void metrics_pending(sim *s, s64 t, enum account account, s64 n, s64 age);
void metrics_pending_move(sim *s, s64 t, enum account from, enum account to, s64 n);
void metrics_flush_pending(sim *s, s64 upto);
void metrics_sample(sim *s, s64 t);
void metrics_call(sim *s, const struct task_call *call, s64 end);
void metrics_finish(sim *s);

/* values.c */
struct sim_distribution values_describe(struct values *v);

/* What it costs that something was not used for so long. */
static inline s64 cold(const struct cooling *cooling, s64 unused_ps)
{
	if (likely(!cooling->rate))
		return 0;
	return (s64)((u128)cooling->rate * (u64)min_s64(unused_ps, cooling->until_ps) >> 32);
}

/* A step of a kind that this CPU has not done for so long: its code, and what it looks at beside its object, are cold. */
static inline void step_cold(sim *s, enum step step)
{
	struct cpu *c = s->cpu;

	if (likely(!s->step_cooling[step].rate))
		return;
	s->now += cold(&s->step_cooling[step], s->now - c->step_ran_ps[step]);
	c->step_ran_ps[step] = s->now;
}

#endif

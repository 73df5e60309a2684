/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softirq.c - callbacks on the CPU that posted them: RCU_SOFTIRQ, rcu_core() and rcu_do_batch() of
 * kernel/rcu/tree.c@6.12, and the restart rule of kernel/softirq.c. The CPU's thread runs them where it is
 * interrupted; what is left goes to ksoftirqd, a thread bound to the same CPU.
 */
#include "log.h"

#define MAX_BLIMIT 10000       /* DEFAULT_MAX_RCU_BLIMIT, kernel/rcu/tree.c */
#define MAX_SOFTIRQ_RESTART 10 /* kernel/softirq.c */
#define MAX_SOFTIRQ_NS 2000000 /* MAX_SOFTIRQ_TIME, 2 ms, kernel/softirq.c */
#define TIME_CHECK_EVERY 32    /* rcu_do_batch_check_time() */

void callback_invoke(struct policy_run *run, struct plat_rcu_head *head)
{
	count(&here->count.callbacks, 1);
	head->func(run, head);
	if (unlikely(here->locks_held))
		check_no_locks(run, "a callback");
}

/* __call_rcu_core(): too many callbacks start a grace period or hurry the present one. */
static noinline void enqueue_overflow(struct policy_run *run, struct cpu *c, s64 len)
{
	const u64 nr_fqs = atomic_load(&run->gp.nr_fqs);

	gp_note_changes(run, c);
	if (!gp_active(run)) {
		rcu_accelerate(run, &c->cblist);
		return;
	}
	c->blimit = MAX_BLIMIT;
	if (nr_fqs == c->fqs_snap)
		gp_force(run);
	c->fqs_snap = nr_fqs;
	c->qlen_last_fqs_check = len;
}

void call_rcu_plain(struct policy_run *run, struct cpu *c, struct plat_rcu_head *head, s64 objects)
{
	s64 len;

	lock_take(&c->irq);
	log_posted(here, objects);
	segment_add(&c->cblist.seg[CB_NEXT], head, objects);
	len = atomic_load_explicit(&c->len, memory_order_relaxed) + 1;
	atomic_store_explicit(&c->len, len, memory_order_relaxed);
	if (unlikely(len > c->qlen_last_fqs_check + run->m.qhimark))
		enqueue_overflow(run, c, len);
	lock_drop(&c->irq);
	if (unlikely(here != c->context) && len == 1)
		cpu_kick(c); /* its tick goes on */
}

static void batch_is_done(struct policy_run *run, struct cpu *c, struct cb_segment *rest, s64 done)
{
	s64 left;

	lock_take(&c->irq);
	segment_splice(rest, &c->cblist.seg[CB_DONE]);
	c->cblist.seg[CB_DONE] = *rest;
	left = atomic_load_explicit(&c->len, memory_order_relaxed) - done;
	atomic_store_explicit(&c->len, left, memory_order_relaxed);
	if (c->blimit >= MAX_BLIMIT && left <= run->m.qlowmark)
		c->blimit = run->m.blimit;
	if (!left && c->qlen_last_fqs_check) {
		c->qlen_last_fqs_check = 0;
		c->fqs_snap = atomic_load(&run->gp.nr_fqs);
	} else if (left < c->qlen_last_fqs_check - run->m.qhimark) {
		c->qlen_last_fqs_check = left;
	}
	lock_drop(&c->irq);
}

/* rcu_do_batch() in softirq context. A busy CPU stops at the batch limit; with more than 100 to do, a time limit
 * is armed. */
static void do_batch(struct policy_run *run, struct cpu *c, bool idle)
{
	struct cb_segment batch;
	s64 limit, done = 0;
	u64 deadline;

	lock_take(&c->irq);
	batch = c->cblist.seg[CB_DONE];
	c->cblist.seg[CB_DONE] = (struct cb_segment){ 0 };
	limit = max_s64(c->blimit, batch.nr >> run->m.rcu_divisor);
	lock_drop(&c->irq);
	deadline = limit > 100 ? clock_now() + clock_of_ns((double)run->m.rcu_resched_ns) : NEVER;
	while (batch.nr) {
		callback_invoke(run, segment_pop(&batch));
		done++;
		if (done >= limit && !idle)
			break;
		if (deadline != NEVER && !(done & (TIME_CHECK_EVERY - 1)) && clock_now() >= deadline)
			break;
	}
	batch_is_done(run, c, &batch, done);
}

/* One go of rcu_core(): true while ready callbacks are left. rcu_check_quiescent_state() notes first and reports then: a
 * report that ends the grace period wakes the kthread, and what that begins is for the next tick to see. */
static bool rcu_core(struct policy_run *run, struct cpu *c, bool idle)
{
	bool ready;

	lock_take(&c->irq);
	gp_note_changes(run, c);
	ready = !run->offloaded && c->cblist.seg[CB_DONE].nr;
	lock_drop(&c->irq);
	if (flag(&c->qs_passed))
		gp_report_qs(run, c);
	if (!ready)
		return false;
	do_batch(run, c, idle);
	lock_take(&c->irq);
	ready = c->cblist.seg[CB_DONE].nr;
	lock_drop(&c->irq);
	return ready;
}

/* __do_softirq(): restart for as long as the rules allow; true while work is left. */
static bool softirq_loop(struct policy_run *run, struct cpu *c, bool idle)
{
	const u64 start = stamp(here), limit = clock_of_ns(MAX_SOFTIRQ_NS);
	u64 now = start;
	bool more = true;

	here->in_softirq = true;
	here->frees_to_stamp = 0;
	for (int i = 0; more && i < MAX_SOFTIRQ_RESTART && now - start < limit; i++) {
		more = rcu_core(run, c, idle);
		now = stamp(here);
	}
	here->in_softirq = false;
	return more;
}

/* In a call it is in the call's time already, and as fast as that. */
static bool softirq_timed(struct policy_run *run, struct cpu *c, bool idle)
{
	bool more;

	if (here->call) {
		const u64 start = clock_now();
		u64 took;

		more = softirq_loop(run, c, idle);
		took = here->last_stamp - start;
		here->longest_softirq = (u64)max_s64((s64)here->longest_softirq, (s64)took);
		count(&here->count.callback_time_in_calls, took);
	} else {
		struct stretch s = stretch_begin();
		u64 took;

		more = softirq_loop(run, c, idle);
		took = clock_of_ns(stretch_end(run, &s));
		count_max(&here->count.max_stall, took);
		count(&here->count.callback_time, took);
	}
	return more;
}

/* On the way out of an interrupt. What is left goes to ksoftirqd. */
void softirq_burst(struct policy_run *run, struct cpu *c)
{
	bool idle = !here->call && !atomic_load(&c->kthreads) && !cpu_in_user(run, c, clock_now());
	bool more;

	lock_take(&c->softirq_lock);
	more = softirq_timed(run, c, idle);
	lock_drop(&c->softirq_lock);
	if (more)
		kick(&c->ksoftirqd);
}

void ksoftirqd_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	struct cpu *c = ctx->cpu;

	while (!flag(&run->over)) {
		const unsigned ticket = waiter_ticket(&c->ksoftirqd);
		bool ready;

		lock_take(&c->irq);
		ready = c->cblist.seg[CB_DONE].nr;
		lock_drop(&c->irq);
		if (!ready) {
			waiter_sleep(&c->ksoftirqd, ticket, NEVER);
			continue;
		}
		kthread_arrives(run);
		lock_take(&c->softirq_lock);
		set_flag(&c->ksoftirqd_runs, true);
		softirq_timed(run, c, false);
		set_flag(&c->ksoftirqd_runs, false);
		lock_drop(&c->softirq_lock);
		kthread_leaves(c);
	}
}

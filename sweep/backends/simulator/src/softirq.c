/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softirq.c - callbacks on the CPU that posted them: RCU_SOFTIRQ, rcu_core() and
 * rcu_do_batch() of kernel/rcu/tree.c@6.12, and the restart rule of kernel/softirq.c.
 */
#include "account.h"
#include "cblist.h"

#define MAX_BLIMIT 10000	    /* DEFAULT_MAX_RCU_BLIMIT, kernel/rcu/tree.c */
#define MAX_SOFTIRQ_RESTART 10	    /* kernel/softirq.c */
#define MAX_SOFTIRQ_PS 2000000000LL /* MAX_SOFTIRQ_TIME, 2 ms, kernel/softirq.c */
#define TIME_CHECK_EVERY 32	    /* rcu_do_batch_check_time() */

void callback_invoke(sim *s, struct plat_rcu_head *head)
{
	s->now += s->m.callback_ps;
	s->r.callbacks++;
	s->r.steps++;
	head->func(s, head);
}

/* __call_rcu_core(): too many callbacks start a grace period or hurry the present one. */
static void enqueue_overflow(sim *s, struct cpu *c)
{
	gp_note_changes(s, c);
	if (!s->gp.active) {
		rcu_accelerate(s, &c->cblist);
		return;
	}
	c->blimit = MAX_BLIMIT;
	if (s->gp.nr_fqs == c->fqs_snap)
		gp_force(s, s->now);
	c->fqs_snap = s->gp.nr_fqs;
	c->qlen_last_fqs_check = c->cblist.len;
}

noinline void call_rcu_plain(sim *s, struct plat_rcu_head *head, s64 objects)
{
	struct cpu *c = s->cpu;

	s->now += s->m.call_rcu_ps;
	if (objects)
		account_move(s, ACCOUNT_POSTPONED, ACCOUNT_WAITING, s->now, objects);
	segment_add(&c->cblist.seg[CB_NEXT], head, objects);
	c->cblist.newest_ps = s->now;
	c->cblist.len++;
	if (!c->tick_armed)
		cpu_arm_tick(s, c, s->now);
	if (unlikely(c->cblist.len > c->qlen_last_fqs_check + s->m.qhimark))
		enqueue_overflow(s, c);
}

/* rcu_do_batch() in softirq context. A busy CPU stops at the batch limit; with more than 100
 * to do, a time limit is armed. */
static void do_batch(sim *s, struct cpu *c, bool idle)
{
	struct cblist *l = &c->cblist;
	s64 ready = l->seg[CB_DONE].nr, done = 0, left;
	s64 limit = max_s64(c->blimit, ready >> s->m.rcu_divisor);
	s64 deadline = limit > 100 ? s->now + s->m.rcu_resched_ns * PS_PER_NS : TIME_MAX;
	struct cb_segment batch = l->seg[CB_DONE];

	l->seg[CB_DONE] = (struct cb_segment){ 0 };
	while (batch.nr) {
		callback_invoke(s, segment_pop(&batch));
		done++;
		if (done >= limit && !idle)
			break;
		if (!(done & (TIME_CHECK_EVERY - 1)) && s->now >= deadline)
			break;
	}
	segment_splice(&batch, &l->seg[CB_DONE]);
	l->seg[CB_DONE] = batch;
	l->len -= done;
	left = l->len;
	if (c->blimit >= MAX_BLIMIT && left <= s->m.qlowmark)
		c->blimit = s->m.blimit;
	if (!left && c->qlen_last_fqs_check) {
		c->qlen_last_fqs_check = 0;
		c->fqs_snap = s->gp.nr_fqs;
	} else if (left < c->qlen_last_fqs_check - s->m.qhimark) {
		c->qlen_last_fqs_check = left;
	}
}

/* One go of rcu_core(): true while ready callbacks are left. */
static bool rcu_core(sim *s, struct cpu *c, bool idle)
{
	s->now += s->m.softirq_ps;
	gp_note_changes(s, c);
	if (c->qs_passed)
		gp_report_qs(s, c, s->now);
	if (s->m.nocb)
		return false;
	if (c->cblist.seg[CB_DONE].nr)
		do_batch(s, c, idle);
	return c->cblist.seg[CB_DONE].nr != 0;
}

/* __do_softirq(): restart for as long as the rules allow; true while work is left. */
static bool softirq_loop(sim *s, struct cpu *c, bool idle)
{
	s64 start = s->now;
	bool more = true;

	c->softirq_pending = false;
	for (int i = 0; more && i < MAX_SOFTIRQ_RESTART && s->now - start < MAX_SOFTIRQ_PS; i++)
		more = rcu_core(s, c, idle);
	s->max_stall_ps = max_s64(s->max_stall_ps, s->now - start);
	return more;
}

/* On the way out of an interrupt. What is left goes to ksoftirqd. */
void softirq_burst(sim *s, struct cpu *c)
{
	bool idle = !c->call && !c->rq_head && !cpu_in_user(s, c, s->now);
	s64 start = s->now;
	bool more = softirq_loop(s, c, idle);

	s->cpu_callback_ps += s->now - start;
	c->policy_ran_ps = s->now;
	if (more)
		kthread_wake(s, &c->ksoftirqd, s->now);
}

bool ksoftirqd_step(sim *s, struct cpu *c)
{
	return softirq_loop(s, c, false);
}

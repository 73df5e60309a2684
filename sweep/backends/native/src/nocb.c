/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nocb.c - offloaded callbacks, after kernel/rcu/tree_nocb.h@6.12.
 *
 * Enqueue onto ->cblist under nocb_lock up to a quota per jiffy, beyond it (and always, when lazy) onto the bypass
 * list; wake rcuog at once, or have a timer do it. Order of locks: irq, nocb_lock, bypass_lock or gp.lock.
 */
#include "nocb.h"

void nocb_setup(struct policy_run *run)
{
	run->nr_groups = (run->nr_cpus + (u32)run->m.nocb_gp_stride - 1) / (u32)run->m.nocb_gp_stride;
	run->groups = zalloc(run->nr_groups * sizeof(*run->groups));
	for (u32 i = 0; i < run->nr_groups; i++) {
		run->groups[i].gp_sleep = true;
		store(&run->groups[i].timer, NO_TIMER);
	}
	for (u32 i = 0; i < run->nr_cpus; i++) {
		run->cpus[i].cb_asleep = true;
		run->cpus[i].nobypass_last_jiffy = run->cpus[i].gp_adv_jiffy = -1;
	}
}

static s64 jiffy_now(struct policy_run *run)
{
	return jiffies_at(run, here, here->last_stamp);
}

/* ---- waking rcuog ---- */

/* wake_nocb_gp() */
void nocb_wake_gp(struct nocb_group *g)
{
	bool slept;

	lock_take(&g->lock);
	store(&g->timer, NO_TIMER);
	g->defer = DEFER_NOT;
	slept = g->gp_sleep;
	g->gp_sleep = false;
	lock_drop(&g->lock);
	if (slept)
		kick(&g->rcuog);
}

static void arm_timer(struct policy_run *run, struct nocb_group *g, s64 jiffies)
{
	store(&g->timer, timer_expiry(run, here, here->last_stamp, jiffies));
}

/* wake_nocb_gp_defer(), with the group's lock held: a bypass wake-up overrides what was deferred before. */
void nocb_defer_wake(struct policy_run *run, struct nocb_group *g, enum nocb_defer how)
{
	if (how == DEFER_LAZY && g->defer == DEFER_NOT) {
		arm_timer(run, g, run->m.lazy_flush_jiffies);
		g->defer = how;
	} else if (how == DEFER_BYPASS) {
		arm_timer(run, g, 2);
		g->defer = how;
	} else if (how >= DEFER_WAKE) {
		if (g->defer < DEFER_WAKE)
			arm_timer(run, g, 1);
		if (g->defer < (s32)how)
			g->defer = how;
	}
}

static void wake_gp_defer(struct policy_run *run, struct nocb_group *g, enum nocb_defer how)
{
	lock_take(&g->lock);
	nocb_defer_wake(run, g, how);
	lock_drop(&g->lock);
}

/* do_nocb_deferred_wakeup_timer() of all groups, at a tick. */
void nocb_timers(struct policy_run *run, s64 jiffy)
{
	for (u32 i = 0; i < run->nr_groups; i++)
		if (load(&run->groups[i].timer) <= jiffy)
			nocb_wake_gp(&run->groups[i]);
}

/* ---- enqueue ---- */

/* rcu_nocb_do_flush_bypass(), with nocb_lock held. */
void nocb_flush_bypass(struct cpu *c, s64 jiffy)
{
	if (!load(&c->bypass_nr))
		return;
	take_counted(&c->bypass_lock);
	segment_splice(&c->cblist.seg[CB_NEXT], &c->bypass);
	store(&c->bypass_nr, 0);
	store(&c->lazy_len, 0);
	store(&c->bypass_first_jiffy, jiffy);
	lock_drop(&c->bypass_lock);
	count(&here->count.bypass_flushes, 1);
}

static void advance_if_done(struct policy_run *run, struct cpu *c, s64 jiffy)
{
	u64 gp;

	if (jiffy != c->gp_adv_jiffy && cblist_next_gp(&c->cblist, &gp) && gp <= gp_completed(run)) {
		rcu_advance(run, &c->cblist);
		c->gp_adv_jiffy = jiffy;
	}
}

/* __call_rcu_nocb_wake(), entered with nocb_lock held, left without. */
static void enqueue_wake(struct policy_run *run, struct cpu *c, bool was_all_done, s64 jiffy)
{
	struct nocb_group *g = group_of(run, c);
	const s64 len = load(&c->len), lazy = load(&c->lazy_len);
	bool force = false;

	if (was_all_done) {
		c->qlen_last_fqs_check = len;
		lock_drop(&c->nocb_lock);
		if (lazy && lazy == load(&c->bypass_nr))
			wake_gp_defer(run, g, DEFER_LAZY);
		else
			nocb_wake_gp(g);
		return;
	}
	if (len > c->qlen_last_fqs_check + run->m.qhimark) {
		c->qlen_last_fqs_check = len;
		advance_if_done(run, c, jiffy);
		force = (c->cb_asleep || !c->cblist.seg[CB_DONE].nr) && load(&g->timer) == NO_TIMER;
	}
	lock_drop(&c->nocb_lock);
	if (force)
		wake_gp_defer(run, g, DEFER_FORCE);
}

/* Onto ->cblist, behind what is on the bypass list. */
static void enqueue_direct(struct policy_run *run, struct cpu *c, struct plat_rcu_head *head, s64 objects,
			   bool advance, s64 jiffy)
{
	bool was_all_done;

	take_counted(&c->nocb_lock);
	was_all_done = !cblist_pending(&c->cblist);
	nocb_flush_bypass(c, jiffy);
	if (advance)
		advance_if_done(run, c, jiffy);
	segment_add(&c->cblist.seg[CB_NEXT], head, objects);
	atomic_fetch_add_explicit(&c->len, 1, memory_order_relaxed);
	count(&here->count.nocb_enqueues, 1);
	enqueue_wake(run, c, was_all_done, jiffy);
}

/* The first callback on the bypass list, or the first that is not lazy, sees to it that it is flushed. */
static noinline void bypass_wake(struct policy_run *run, struct cpu *c, s64 jiffy)
{
	take_counted(&c->nocb_lock);
	if (!cblist_pending(&c->cblist))
		enqueue_wake(run, c, true, jiffy);
	else
		lock_drop(&c->nocb_lock);
}

static void enqueue_bypass(struct policy_run *run, struct cpu *c, struct plat_rcu_head *head, s64 objects,
			   bool lazy, s64 jiffy)
{
	bool first, hurries;
	s64 before;

	take_counted(&c->bypass_lock);
	before = load(&c->bypass_nr);
	first = !before;
	hurries = !lazy && before == load(&c->lazy_len); /* the first that does */
	segment_add(&c->bypass, head, objects);
	store(&c->bypass_nr, before + 1);
	if (lazy)
		store(&c->lazy_len, load(&c->lazy_len) + 1);
	if (first)
		store(&c->bypass_first_jiffy, jiffy);
	atomic_fetch_add_explicit(&c->len, 1, memory_order_relaxed);
	lock_drop(&c->bypass_lock);
	count(&here->count.bypass_enqueues, 1);
	if (unlikely(first || hurries))
		bypass_wake(run, c, jiffy);
}

/* The quota of direct enqueues, rcu_nocb_try_bypass(): it decays by one quota per jiffy. */
static void count_direct(struct policy_run *run, struct cpu *c, s64 jiffy)
{
	s64 quota = run->m.nocb_nobypass_lim_per_jiffy;

	if (jiffy == c->nobypass_last_jiffy) {
		c->nobypass_count++;
		return;
	}
	c->nobypass_last_jiffy = jiffy;
	c->nobypass_count = min_s64(max_s64(c->nobypass_count - quota, 0), quota);
}

/* The bypass list is long, or its first callback has been there for long. */
static bool bypass_is_due(struct policy_run *run, const struct cpu *c, s64 jiffy)
{
	const s64 nr = load(&c->bypass_nr);

	if (nr >= run->m.qhimark)
		return true;
	if (nr == load(&c->lazy_len))
		return nr && jiffy > load(&c->bypass_first_jiffy) + run->m.lazy_flush_jiffies;
	return jiffy != load(&c->bypass_first_jiffy);
}

/* call_rcu_nocb() with rcu_nocb_try_bypass() */
void call_rcu_nocb(struct policy_run *run, struct cpu *c, struct plat_rcu_head *head, s64 objects, bool lazy)
{
	s64 jiffy;
	bool direct;

	lock_take(&c->irq);
	log_posted(here, objects);
	jiffy = jiffy_now(run);
	count_direct(run, c, jiffy);
	direct = c->nobypass_count < run->m.nocb_nobypass_lim_per_jiffy && !lazy;
	if (unlikely(direct || bypass_is_due(run, c, jiffy)))
		enqueue_direct(run, c, head, objects, !direct, jiffy);
	else
		enqueue_bypass(run, c, head, objects, lazy, jiffy);
	lock_drop(&c->irq);
}

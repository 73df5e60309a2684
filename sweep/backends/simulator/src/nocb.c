/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nocb.c - offloaded callbacks, after kernel/rcu/tree_nocb.h@6.12.
 *
 * Enqueue onto ->cblist under nocb_lock up to a quota per jiffy, beyond it (and always, when
 * lazy) onto the bypass list. One rcuog kthread per group of CPUs flushes old bypass lists
 * and waits for grace periods, one rcuop kthread per CPU invokes callbacks, without a limit.
 */
#include "account.h"
#include "cblist.h"
#include "lock.h"

static struct nocb_group *group_of(sim *s, struct cpu *c)
{
	return &s->groups[c->id / s->m.nocb_gp_stride];
}

/* wake_nocb_gp(): called with nocb_lock held or not; it matters to the cost only. */
static void wake_gp(sim *s, struct nocb_group *g)
{
	g->timer = 0;
	g->defer = DEFER_NOT;
	if (!g->gp_sleep)
		return;
	g->gp_sleep = false;
	g->waits_for_gp = false;
	s->now += s->m.wake_ps;
	kthread_wake(s, &g->rcuog, s->now);
}

static void arm_timer(sim *s, struct nocb_group *g, s64 jiffies)
{
	g->timer = ++g->generation;
	event_add(s, timer_expiry(s, s->now, jiffies), EVENT_NOCB_TIMER, (u32)(g - s->groups), NULL,
		  g->timer);
}

/* wake_nocb_gp_defer(): a bypass wake-up overrides what was deferred before. */
static void wake_gp_defer(sim *s, struct nocb_group *g, enum nocb_defer how)
{
	if (how == DEFER_LAZY && g->defer == DEFER_NOT) {
		arm_timer(s, g, s->m.lazy_flush_jiffies);
		g->defer = how;
	} else if (how == DEFER_BYPASS) {
		arm_timer(s, g, 2);
		g->defer = how;
	} else if (how >= DEFER_WAKE) {
		if (g->defer < DEFER_WAKE)
			arm_timer(s, g, 1);
		if (g->defer < (s32)how)
			g->defer = how;
	}
}

void nocb_timer_fires(sim *s, struct nocb_group *g, u64 generation, s64 t)
{
	if (g->timer != generation)
		return;
	s->now = t;
	wake_gp(s, g);
}

/* rcu_nocb_do_flush_bypass(), with nocb_lock held. */
static void flush_bypass(sim *s, struct cpu *c, s64 jiffy)
{
	if (!c->bypass.nr)
		return;
	sim_lock_take(s, &c->bypass_lock, s->m.lock_ps);
	s->now += s->m.bypass_flush_ps;
	segment_splice(&c->cblist.seg[CB_NEXT], &c->bypass);
	c->lazy_len = 0;
	c->bypass_first_jiffy = jiffy;
	s->r.bypass_flushes++;
	sim_lock_drop(s, &c->bypass_lock);
}

static void advance_if_done(sim *s, struct cpu *c, s64 jiffy)
{
	u64 gp;

	if (jiffy != c->gp_adv_jiffy && cblist_next_gp(&c->cblist, &gp) && gp <= s->gp.completed) {
		rcu_advance(s, &c->cblist);
		c->gp_adv_jiffy = jiffy;
	}
}

/* __call_rcu_nocb_wake(), entered with nocb_lock held, left without. */
static void enqueue_wake(sim *s, struct cpu *c, bool was_all_done, s64 jiffy)
{
	struct nocb_group *g = group_of(s, c);

	if (was_all_done) {
		c->qlen_last_fqs_check = c->cblist.len;
		sim_lock_drop(s, &c->nocb_lock);
		if (c->lazy_len && c->lazy_len == c->bypass.nr)
			wake_gp_defer(s, g, DEFER_LAZY);
		else
			wake_gp(s, g);
		return;
	}
	if (c->cblist.len > c->qlen_last_fqs_check + s->m.qhimark) {
		c->qlen_last_fqs_check = c->cblist.len;
		advance_if_done(s, c, jiffy);
		if ((c->cb_asleep || !c->cblist.seg[CB_DONE].nr) && !g->timer)
			wake_gp_defer(s, g, DEFER_FORCE);
	}
	sim_lock_drop(s, &c->nocb_lock);
}

/* Onto ->cblist, behind what is on the bypass list. */
static noinline void enqueue_direct(sim *s, struct cpu *c, struct plat_rcu_head *head, s64 objects,
				    bool advance, s64 jiffy)
{
	bool was_all_done;

	sim_lock_take(s, &c->nocb_lock, s->m.lock_ps);
	was_all_done = !cblist_pending(&c->cblist);
	flush_bypass(s, c, jiffy);
	if (advance)
		advance_if_done(s, c, jiffy);
	s->now += s->m.call_rcu_nocb_ps;
	segment_add(&c->cblist.seg[CB_NEXT], head, objects);
	c->cblist.newest_ps = s->now;
	c->cblist.len++;
	s->r.nocb_enqueues++;
	enqueue_wake(s, c, was_all_done, jiffy);
}

/* The first callback on the bypass list, or the first that is not lazy, sees to it that it is flushed. */
static noinline void bypass_wake(sim *s, struct cpu *c, bool first, s64 jiffy)
{
	if (first)
		c->bypass_first_jiffy = jiffy;
	sim_lock_take(s, &c->nocb_lock, s->m.lock_ps);
	if (!cblist_pending(&c->cblist))
		enqueue_wake(s, c, true, jiffy);
	else
		sim_lock_drop(s, &c->nocb_lock);
}

static inline void enqueue_bypass(sim *s, struct cpu *c, struct plat_rcu_head *head, s64 objects, bool lazy,
				  s64 jiffy)
{
	const s64 before = c->bypass.nr;
	const bool hurries = !lazy && before == c->lazy_len; /* the first that does */

	sim_lock_take(s, &c->bypass_lock, s->m.lock_ps);
	s->now += s->m.call_rcu_bypass_ps;
	segment_add(&c->bypass, head, objects);
	c->cblist.newest_ps = s->now;
	c->cblist.len++;
	c->lazy_len += lazy;
	s->r.bypass_enqueues++;
	sim_lock_drop(s, &c->bypass_lock);
	if (unlikely(!before || hurries))
		bypass_wake(s, c, !before, jiffy);
}

/* The quota of direct enqueues, rcu_nocb_try_bypass(): it decays by one quota per jiffy. */
static void count_direct(sim *s, struct cpu *c, s64 jiffy)
{
	s64 quota = s->m.nocb_nobypass_lim_per_jiffy;

	if (jiffy == c->nobypass_last_jiffy) {
		c->nobypass_count++;
		return;
	}
	c->nobypass_last_jiffy = jiffy;
	c->nobypass_count = min_s64(max_s64(c->nobypass_count - quota, 0), quota);
}

/* The bypass list is long, or its first callback has been there for long. */
static inline bool bypass_is_due(sim *s, const struct cpu *c, s64 jiffy)
{
	const s64 nr = c->bypass.nr;

	if (nr >= s->m.qhimark)
		return true;
	if (nr == c->lazy_len)
		return nr && jiffy > c->bypass_first_jiffy + s->m.lazy_flush_jiffies;
	return jiffy != c->bypass_first_jiffy;
}

/* call_rcu_nocb() with rcu_nocb_try_bypass() */
void call_rcu_nocb(sim *s, struct plat_rcu_head *head, s64 objects, bool lazy)
{
	struct cpu *c = s->cpu;
	s64 jiffy = jiffies_at(s, s->now);
	bool direct;

	if (objects)
		account_move(s, ACCOUNT_POSTPONED, ACCOUNT_WAITING, s->now, objects);
	count_direct(s, c, jiffy);
	direct = c->nobypass_count < s->m.nocb_nobypass_lim_per_jiffy && !lazy;
	if (unlikely(direct || bypass_is_due(s, c, jiffy)))
		enqueue_direct(s, c, head, objects, !direct, jiffy);
	else
		enqueue_bypass(s, c, head, objects, lazy, jiffy);
}

/* ---- rcuog ---- */

struct gp_pass {
	bool bypass, lazy, needs_gp;
	u64 gp;
};

/* One CPU of the group, nocb_gp_wait(). */
static void gp_scan_cpu(sim *s, struct cpu *c, struct gp_pass *pass)
{
	s64 jiffy = jiffies_at(s, s->now);
	bool all_lazy = c->bypass.nr == c->lazy_len;
	s64 patience = all_lazy ? s->m.lazy_flush_jiffies : 1;
	u64 gp;

	s->now += s->m.nocb_gp_scan_ps;
	if (!c->bypass.nr && !cblist_pending(&c->cblist) && !c->cblist.seg[CB_DONE].nr)
		return;
	sim_lock_take(s, &c->nocb_lock, s->m.lock_ps);
	if (c->bypass.nr &&
	    (jiffy > c->bypass_first_jiffy + patience || c->bypass.nr > 2 * (s64)s->m.qhimark))
		flush_bypass(s, c, jiffy);
	if (c->bypass.nr && c->bypass.nr == c->lazy_len)
		pass->lazy = true;
	else if (c->bypass.nr)
		pass->bypass = true;
	if (cblist_untagged(&c->cblist) || (cblist_next_gp(&c->cblist, &gp) && gp <= s->gp.completed))
		rcu_advance(s, &c->cblist);
	if (cblist_next_gp(&c->cblist, &gp)) {
		if (!pass->needs_gp || gp < pass->gp)
			pass->gp = gp;
		pass->needs_gp = true;
	}
	sim_lock_drop(s, &c->nocb_lock);
	if (c->cblist.seg[CB_DONE].nr && c->cb_asleep) {
		c->cb_asleep = false;
		s->now += s->m.wake_ps;
		kthread_wake(s, &c->rcuop, s->now);
	}
}

bool rcuog_step(sim *s, struct nocb_group *g)
{
	struct gp_pass pass = { 0 };
	s32 first = (s32)(g - s->groups) * s->m.nocb_gp_stride;

	for (s32 i = first; i < first + s->m.nocb_gp_stride && i < s->m.nr_cpus; i++)
		gp_scan_cpu(s, &s->cpus[i], &pass);
	g->defer = DEFER_NOT;
	g->timer = 0;
	if (pass.lazy && !pass.bypass)
		wake_gp_defer(s, g, DEFER_LAZY);
	else if (pass.bypass)
		wake_gp_defer(s, g, DEFER_BYPASS);
	g->waits_for_gp = pass.needs_gp;
	g->wait_gp = pass.gp;
	if (s->gp.cleaning) /* the GP kthread, which this one has preempted, goes on */
		gp_cleaned_up(s, s->now);
	if (pass.needs_gp && pass.gp <= s->gp.completed)
		return true; /* it has ended meanwhile */
	g->gp_sleep = true;
	return false;
}

/* Whether an rcuog has been woken. */
bool nocb_gp_ended(sim *s, s64 t)
{
	bool woken = false;

	for (s32 i = 0; i < s->nr_groups; i++) {
		struct nocb_group *g = &s->groups[i];

		if (g->gp_sleep && g->waits_for_gp && g->wait_gp <= s->gp.completed) {
			g->gp_sleep = false;
			g->waits_for_gp = false;
			kthread_wake(s, &g->rcuog, t);
			woken = true;
		}
	}
	return woken;
}

/* ---- rcuop ---- */

/* nocb_cb_wait(): each callback with bottom halves off; no limit on their number. */
bool rcuop_step(sim *s, struct cpu *c)
{
	u64 gp;

	if (!c->invoking.nr) {
		c->invoking = c->cblist.seg[CB_DONE];
		c->cblist.seg[CB_DONE] = (struct cb_segment){ 0 };
	}
	while (c->invoking.nr) {
		const s64 start = s->now;

		callback_invoke(s, segment_pop(&c->invoking));
		s->max_stall_ps = max_s64(s->max_stall_ps, s->now - start);
		s->now += s->m.callback_bh_ps;
		c->cblist.len--;
		if (c->invoking.nr && !kthread_goes_on(s, s->cpu))
			return true;
	}
	sim_lock_take(s, &c->nocb_lock, s->m.lock_ps);
	if (cblist_next_gp(&c->cblist, &gp) && gp <= s->gp.completed)
		rcu_advance(s, &c->cblist);
	c->cb_asleep = !c->cblist.seg[CB_DONE].nr;
	sim_lock_drop(s, &c->nocb_lock);
	return !c->cb_asleep;
}

/* ---- from outside ---- */

static void flush_cpu(sim *s, struct cpu *c)
{
	sim_lock_take(s, &c->nocb_lock, s->m.lock_ps);
	flush_bypass(s, c, jiffies_at(s, s->now));
	sim_lock_drop(s, &c->nocb_lock);
	wake_gp(s, group_of(s, c));
}

/* lazy_rcu_shrink_scan(): flushed callbacks are reported as freed, though they only wait now. */
s64 nocb_flush_lazy(sim *s, s64 nr)
{
	s64 flushed = 0;

	for (s32 i = 0; i < s->m.nr_cpus && flushed < nr; i++)
		if (s->cpus[i].lazy_len) {
			flushed += s->cpus[i].lazy_len;
			flush_cpu(s, &s->cpus[i]);
		}
	return flushed;
}

void nocb_flush_all(sim *s)
{
	for (s32 i = 0; i < s->m.nr_cpus; i++)
		flush_cpu(s, &s->cpus[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nocb.c - offloaded callbacks, after kernel/rcu/tree_nocb.h@6.12.
 *
 * Enqueue onto ->cblist under nocb_lock up to a quota per jiffy, beyond it (and always, when lazy) onto the bypass
 * list. One rcuog thread per group of CPUs flushes old bypass lists and waits for grace periods, one rcuop thread
 * per CPU invokes callbacks, without a limit. Order of locks: irq, nocb_lock, bypass_lock or gp.lock.
 */
#include "log.h"

static s64 load(const atomic_s64 *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(atomic_s64 *value, s64 to)
{
	atomic_store_explicit(value, to, memory_order_relaxed);
}

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

static struct nocb_group *group_of(struct policy_run *run, struct cpu *c)
{
	return &run->groups[c->id / (u32)run->m.nocb_gp_stride];
}

static s64 jiffy_now(struct policy_run *run)
{
	return jiffies_at(run, here, here->last_stamp);
}

/* ---- waking rcuog ---- */

/* wake_nocb_gp() */
static void wake_gp(struct nocb_group *g)
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
static void defer_wake(struct policy_run *run, struct nocb_group *g, enum nocb_defer how)
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
	defer_wake(run, g, how);
	lock_drop(&g->lock);
}

/* do_nocb_deferred_wakeup_timer() of all groups, at a tick. */
void nocb_timers(struct policy_run *run, s64 jiffy)
{
	for (u32 i = 0; i < run->nr_groups; i++)
		if (load(&run->groups[i].timer) <= jiffy)
			wake_gp(&run->groups[i]);
}

/* ---- enqueue ---- */

/* rcu_nocb_do_flush_bypass(), with nocb_lock held. */
static void flush_bypass(struct cpu *c, s64 jiffy)
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
			wake_gp(g);
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
	flush_bypass(c, jiffy);
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
	if (objects)
		log_event(here, stamp(here), POSTPONED, WAITING, objects, 0);
	else
		stamp(here); /* for the jiffy */
	jiffy = jiffy_now(run);
	count_direct(run, c, jiffy);
	direct = c->nobypass_count < run->m.nocb_nobypass_lim_per_jiffy && !lazy;
	if (unlikely(direct || bypass_is_due(run, c, jiffy)))
		enqueue_direct(run, c, head, objects, !direct, jiffy);
	else
		enqueue_bypass(run, c, head, objects, lazy, jiffy);
	lock_drop(&c->irq);
}

/* ---- rcuog ---- */

struct gp_pass {
	bool bypass, lazy, needs_gp;
	u64 gp;
};

/* One CPU of the group, nocb_gp_wait(). */
static void gp_scan_cpu(struct policy_run *run, struct cpu *c, struct gp_pass *pass)
{
	const s64 jiffy = jiffies_at(run, here, clock_now());
	bool wake;
	s64 nr, patience;
	u64 gp;

	if (!load(&c->len))
		return;
	take_counted(&c->nocb_lock);
	nr = load(&c->bypass_nr);
	patience = nr == load(&c->lazy_len) ? run->m.lazy_flush_jiffies : 1;
	if (nr && (jiffy > load(&c->bypass_first_jiffy) + patience || nr > 2 * (s64)run->m.qhimark))
		flush_bypass(c, jiffy);
	nr = load(&c->bypass_nr);
	if (nr && nr == load(&c->lazy_len))
		pass->lazy = true;
	else if (nr)
		pass->bypass = true;
	if (cblist_untagged(&c->cblist) || (cblist_next_gp(&c->cblist, &gp) && gp <= gp_completed(run)))
		rcu_advance(run, &c->cblist);
	if (cblist_next_gp(&c->cblist, &gp)) {
		if (!pass->needs_gp || gp < pass->gp)
			pass->gp = gp;
		pass->needs_gp = true;
	}
	wake = c->cblist.seg[CB_DONE].nr && c->cb_asleep;
	if (wake)
		c->cb_asleep = false;
	lock_drop(&c->nocb_lock);
	if (wake)
		kick(&c->rcuop);
}

/* One round over the group's CPUs: true if there is reason for another one at once. A wake-up from the first line
 * on counts for the next round. */
static bool rcuog_step(struct policy_run *run, struct nocb_group *g)
{
	const u32 first = (u32)(g - run->groups) * (u32)run->m.nocb_gp_stride;
	struct gp_pass pass = { 0 };
	bool again;

	lock_take(&g->lock);
	g->gp_sleep = true;
	g->waits_for_gp = false;
	g->defer = DEFER_NOT;
	store(&g->timer, NO_TIMER);
	lock_drop(&g->lock);
	for (u32 i = first; i < first + (u32)run->m.nocb_gp_stride && i < run->nr_cpus; i++)
		gp_scan_cpu(run, &run->cpus[i], &pass);
	stamp(here);
	lock_take(&g->lock);
	if (pass.lazy && !pass.bypass)
		defer_wake(run, g, DEFER_LAZY);
	else if (pass.bypass)
		defer_wake(run, g, DEFER_BYPASS);
	g->waits_for_gp = pass.needs_gp;
	g->wait_gp = pass.gp;
	again = !g->gp_sleep || (pass.needs_gp && pass.gp <= gp_completed(run));
	lock_drop(&g->lock);
	return again;
}

void rcuog_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	struct nocb_group *g = &run->groups[ctx->index];

	while (!flag(&run->over)) {
		const unsigned ticket = waiter_ticket(&g->rcuog);
		struct cpu *c = kthread_arrives(run);
		bool again = rcuog_step(run, g);

		kthread_leaves(c);
		if (!again)
			waiter_sleep(&g->rcuog, ticket, NEVER);
	}
}

void nocb_gp_ended(struct policy_run *run)
{
	for (u32 i = 0; i < run->nr_groups; i++) {
		struct nocb_group *g = &run->groups[i];
		bool wake;

		lock_take(&g->lock);
		wake = g->gp_sleep && g->waits_for_gp && g->wait_gp <= gp_completed(run);
		if (wake)
			g->gp_sleep = false;
		lock_drop(&g->lock);
		if (wake)
			kick(&g->rcuog);
	}
}

/* ---- rcuop ---- */

/* Callbacks that are done, or else it is asleep from now on. */
static struct cb_segment take_done(struct policy_run *run, struct cpu *c)
{
	struct cb_segment done;
	u64 gp;

	take_counted(&c->nocb_lock);
	if (cblist_next_gp(&c->cblist, &gp) && gp <= gp_completed(run))
		rcu_advance(run, &c->cblist);
	done = c->cblist.seg[CB_DONE];
	c->cblist.seg[CB_DONE] = (struct cb_segment){ 0 };
	c->cb_asleep = !done.nr;
	lock_drop(&c->nocb_lock);
	return done;
}

/* nocb_cb_wait(): no limit on their number. The longest stretch without preemption is one callback, from the
 * reading of the clock before it to its own last one. */
static void invoke_all(struct policy_run *run, struct cpu *c, struct cb_segment done)
{
	stamp(here);
	while (done.nr) {
		const u64 start = here->last_stamp;

		here->in_softirq = true;
		callback_invoke(run, segment_pop(&done));
		here->in_softirq = false;
		count_max(&here->count.max_stall, here->last_stamp - start);
		atomic_fetch_sub_explicit(&c->len, 1, memory_order_relaxed);
	}
}

void rcuop_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	struct cpu *served = &run->cpus[ctx->index];

	while (!flag(&run->over)) {
		const unsigned ticket = waiter_ticket(&served->rcuop);
		struct cpu *c = kthread_arrives(run);
		struct cb_segment done = take_done(run, served);
		const bool any = done.nr;

		invoke_all(run, served, done);
		kthread_leaves(c);
		if (!any)
			waiter_sleep(&served->rcuop, ticket, NEVER);
	}
}

/* ---- from outside ---- */

static void flush_cpu(struct policy_run *run, struct cpu *c)
{
	take_counted(&c->nocb_lock);
	flush_bypass(c, jiffies_at(run, here, stamp(here)));
	lock_drop(&c->nocb_lock);
	wake_gp(group_of(run, c));
}

/* lazy_rcu_shrink_scan(): flushed callbacks are reported as freed, though they only wait now. */
s64 nocb_flush_lazy(struct policy_run *run, s64 nr)
{
	s64 flushed = 0;

	for (u32 i = 0; i < run->nr_cpus && flushed < nr; i++) {
		const s64 lazy = load(&run->cpus[i].lazy_len);

		if (lazy)
			flush_cpu(run, &run->cpus[i]);
		flushed += lazy;
	}
	return flushed;
}

void nocb_flush_all(struct policy_run *run)
{
	for (u32 i = 0; i < run->nr_cpus; i++)
		flush_cpu(run, &run->cpus[i]);
}

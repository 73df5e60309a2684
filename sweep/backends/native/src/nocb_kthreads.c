/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nocb_kthreads.c - the kernel threads of offloading, after kernel/rcu/tree_nocb.h@6.12: one rcuog per group of CPUs
 * flushes old bypass lists and waits for grace periods, one rcuop per CPU invokes callbacks, without a limit.
 */
#include "nocb.h"

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
		nocb_flush_bypass(c, jiffy);
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
		nocb_defer_wake(run, g, DEFER_LAZY);
	else if (pass.bypass)
		nocb_defer_wake(run, g, DEFER_BYPASS);
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

/* nocb_cb_wait(): no limit on their number. The longest stretch without preemption is one callback. */
static void invoke_all(struct policy_run *run, struct cpu *c, struct cb_segment done)
{
	stamp(here);
	while (done.nr) {
		const u64 start = here->last_stamp;

		here->in_softirq = true;
		here->frees_to_stamp = 0;
		callback_invoke(run, segment_pop(&done));
		here->in_softirq = false;
		count_max(&here->count.max_stall, stamp(here) - start);
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
	nocb_flush_bypass(c, jiffies_at(run, here, stamp(here)));
	lock_drop(&c->nocb_lock);
	nocb_wake_gp(group_of(run, c));
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gp.c - grace periods.
 *
 * Every one of them contains a synchronize_rcu() of liburcu, so that no object is freed while a real reader
 * could look at it, whatever else is emulated. In the kernel-like modes it lasts, beyond that, as long as one of
 * kernel/rcu/tree.c@6.12 would: asked for by number, begun when the grace-period kthread has run, ended when every
 * CPU has passed through a quiescent state. Busy CPUs report from their tick; idle ones are found by the
 * force-quiescent-state (fqs) scan. A flood of callbacks brings the scan forward. In mode liburcu these grace
 * periods serve the cookies only.
 */
#include "log.h"

static u64 completed_of(u64 seq)
{
	return seq >> 1;
}

u64 gp_completed(struct policy_run *run)
{
	return completed_of(atomic_load_explicit(&run->gp.seq, memory_order_acquire));
}

bool gp_active(struct policy_run *run)
{
	return atomic_load_explicit(&run->gp.seq, memory_order_relaxed) & 1;
}

/* rcu_seq_snap(): the number of the first grace period that begins from now on. */
u64 gp_snap(struct policy_run *run)
{
	u64 seq;

	atomic_thread_fence(memory_order_seq_cst); /* what was unlinked before is unlinked to its readers */
	seq = atomic_load_explicit(&run->gp.seq, memory_order_acquire);
	return completed_of(seq) + (seq & 1) + 1;
}

/* rcu_start_this_gp(), with the lock held: true if the kthread must be woken. */
static bool start_this_gp(struct policy_run *run, u64 gp)
{
	if (gp <= run->gp.requested)
		return false;
	run->gp.requested = gp;
	return !gp_active(run) && !run->gp.cleaning;
}

void gp_ask_for(struct policy_run *run, u64 gp)
{
	bool wake;

	lock_take(&run->gp.lock);
	wake = start_this_gp(run, gp);
	lock_drop(&run->gp.lock);
	if (wake)
		kick(&run->gp.waiter);
}

u64 gp_request(struct policy_run *run, s64 objects)
{
	bool wake;
	u64 gp;

	lock_take(&run->gp.lock);
	gp = gp_snap(run);
	run->gp.waiting_on[gp & 7] += objects;
	wake = start_this_gp(run, gp);
	lock_drop(&run->gp.lock);
	if (wake)
		kick(&run->gp.waiter);
	return gp;
}

static bool overloaded(struct policy_run *run)
{
	for (u32 i = 0; i < run->nr_cpus; i++)
		if (atomic_load_explicit(&run->cpus[i].len, memory_order_relaxed) >= run->m.qovld)
			return true;
	return false;
}

static void gp_init(struct policy_run *run)
{
	const u64 now = clock_now();

	lock_take(&run->gp.lock);
	run->gp.start_jiffy = jiffies_at(run, here, now);
	atomic_store_explicit(&run->gp.began_at, now, memory_order_relaxed);
	run->gp.cpus_left = (s32)run->nr_cpus;
	run->gp.cbovld = overloaded(run);
	set_flag(&run->gp.force, false);
	for (u32 i = 0; i < run->nr_cpus; i++) {
		struct cpu *c = &run->cpus[i];

		set_flag(&c->gp_noticed, false);
		set_flag(&c->qs_passed, false);
		set_flag(&c->urgent, false);
		set_flag(&c->was_idle, false);
		set_flag(&c->qs_needed, true);
	}
	atomic_fetch_add(&run->gp.seq, 1);
	lock_drop(&run->gp.lock);
}

/* With the lock held: true if that was the last one. */
static bool report_qs(struct policy_run *run, struct cpu *c)
{
	if (!gp_active(run) || !flag(&c->qs_needed))
		return false;
	set_flag(&c->qs_needed, false);
	return !--run->gp.cpus_left;
}

void gp_report_qs(struct policy_run *run, struct cpu *c)
{
	bool last;

	lock_take(&run->gp.lock);
	last = report_qs(run, c);
	set_flag(&c->qs_passed, false);
	lock_drop(&run->gp.lock);
	if (last)
		kick(&run->gp.waiter);
}

/*
 * rcu_gp_fqs(): idle CPUs are quiescent, as is one that was idle since the last scan. A CPU that has been in the
 * kernel for too long (jiffies_to_sched_qs, or at once with too many callbacks: cbovld) is made to pass through
 * one at its next cond_resched(), which the following scan sees (rcu_implicit_dynticks_qs()).
 */
static void gp_fqs(struct policy_run *run)
{
	const u64 now = clock_now();
	bool late;

	lock_take(&run->gp.lock);
	atomic_fetch_add(&run->gp.nr_fqs, 1);
	run->gp.cbovld = overloaded(run);
	late = jiffies_at(run, here, now) > run->gp.start_jiffy + run->m.jiffies_till_sched_qs;
	for (u32 i = 0; i < run->nr_cpus; i++) {
		struct cpu *c = &run->cpus[i];

		if (!flag(&c->qs_needed))
			continue;
		if (flag(&c->urgent) || flag(&c->was_idle) || cpu_is_idle(run, c, now))
			report_qs(run, c);
		else
			set_flag(&c->urgent, late || run->gp.cbovld);
	}
	lock_drop(&run->gp.lock);
}

static u64 fqs_time(struct policy_run *run, s64 jiffies)
{
	if (run->gp.cbovld)
		jiffies = (jiffies + 2) / 3;
	return time_of_jiffy(run, timer_expiry(run, here, clock_now(), jiffies));
}

/* rcu_gp_fqs_loop(): until the last quiescent state is in, from `scan` on with force. */
static void wait_for_cpus(struct policy_run *run, u64 scan)
{
	while (!flag(&run->over)) {
		const unsigned ticket = waiter_ticket(&run->gp.waiter);
		bool over;

		lock_take(&run->gp.lock);
		over = !run->gp.cpus_left;
		lock_drop(&run->gp.lock);
		if (over)
			return;
		if (clock_now() < scan && !flag(&run->gp.force)) {
			waiter_sleep(&run->gp.waiter, ticket, scan);
			continue;
		}
		set_flag(&run->gp.force, false);
		gp_fqs(run);
		scan = fqs_time(run, run->m.jiffies_till_next_fqs);
	}
}

/* rcu_gp_cleanup() */
static void gp_end(struct policy_run *run)
{
	s64 objects;
	u64 done, now;

	lock_take(&run->gp.lock);
	now = clock_now();
	atomic_store_explicit(&run->gp.ended_at, now, memory_order_relaxed);
	run->gp.cleaning = true;
	done = completed_of(atomic_fetch_add(&run->gp.seq, 1) + 1);
	objects = run->gp.waiting_on[done & 7];
	run->gp.waiting_on[done & 7] = 0;
	lock_drop(&run->gp.lock);
	if (objects)
		log_event(here, now, WAITING, READY, objects, 0);
}

static void wake_who_waited(struct policy_run *run)
{
	if (run->offloaded)
		nocb_gp_ended(run);
	for (u32 i = 0; i < run->nr_cpus; i++)
		if (atomic_load(&run->cpus[i].nr_asleep))
			kick(&run->cpus[i].waiter);
}

/* rcu_force_quiescent_state(): have the kthread scan now. */
void gp_force(struct policy_run *run)
{
	if (!gp_active(run) || atomic_exchange(&run->gp.force, true))
		return;
	kick(&run->gp.waiter);
}

/* note_gp_changes(): this CPU learns that a grace period has ended or begun. With its list's lock held. */
void gp_note_changes(struct policy_run *run, struct cpu *c)
{
	const u64 completed = gp_completed(run);

	if (!run->offloaded) {
		if (c->gp_seen != completed)
			rcu_advance(run, &c->cblist);
		else
			rcu_accelerate(run, &c->cblist);
	}
	c->gp_seen = completed;
	lock_take(&run->gp.lock);
	if (gp_active(run) && flag(&c->qs_needed) && !flag(&c->gp_noticed)) {
		set_flag(&c->gp_noticed, true);
		set_flag(&c->qs_passed, false);
	}
	lock_drop(&run->gp.lock);
}

/* rcu_note_context_switch() */
void gp_context_switch(struct cpu *c)
{
	if (flag(&c->gp_noticed) && flag(&c->qs_needed))
		set_flag(&c->qs_passed, true);
}

/* rcu_gp_init() and rcu_gp_cleanup() call __note_gp_changes() for the CPU that they run on: its callbacks wait for no
 * tick. When the kthread goes to sleep, that is a quiescent state. It runs where it ran last if that CPU is idle, else
 * on another idle one, else there nevertheless. */
static void kthread_runs(struct policy_run *run)
{
	const u64 now = clock_now();
	struct cpu *c = &run->cpus[run->gp.kthread_cpu];

	for (u32 i = 0; i < run->nr_cpus; i++) {
		struct cpu *other = &run->cpus[(run->gp.kthread_cpu + i) % run->nr_cpus];

		if (cpu_is_idle(run, other, now)) {
			c = other;
			break;
		}
	}
	run->gp.kthread_cpu = c->id;
	lock_take(&c->irq);
	gp_note_changes(run, c);
	gp_context_switch(c);
	lock_drop(&c->irq);
}

/* Who asks from now on must wake the kthread. */
static bool gp_wanted(struct policy_run *run)
{
	bool wanted;

	lock_take(&run->gp.lock);
	run->gp.cleaning = false;
	wanted = run->gp.requested > gp_completed(run);
	lock_drop(&run->gp.lock);
	return wanted;
}

static void begin(struct policy_run *run)
{
	gp_init(run);
	if (run->kernel_like)
		kthread_runs(run);
}

/*
 * The readers are waited for first. One that was preempted inside its section then holds up the scans, which could
 * not end the grace period any sooner. Whoever waited for a grace period finds the next one begun, if there is one:
 * rcu_gp_init() follows rcu_gp_cleanup() sooner than a wake-up takes.
 */
void gp_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	bool begun = false;

	while (!flag(&run->over)) {
		const unsigned ticket = waiter_ticket(&run->gp.waiter);
		u64 scan;

		if (!begun && !gp_wanted(run)) {
			waiter_sleep(&run->gp.waiter, ticket, NEVER);
			continue;
		}
		if (!begun)
			begin(run);
		scan = fqs_time(run, run->m.jiffies_till_first_fqs);
		wait_for_readers();
		if (run->kernel_like)
			wait_for_cpus(run, scan);
		gp_end(run);
		if (run->kernel_like)
			kthread_runs(run);
		begun = gp_wanted(run);
		if (begun)
			begin(run);
		wake_who_waited(run);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gp.c - grace periods, after kernel/rcu/tree.c@6.12.
 *
 * A grace period is asked for by number, begins when the GP kthread has run, and ends when
 * every CPU has passed through a quiescent state and no reader that was preempted before it
 * began is left. Busy CPUs report from their tick; idle ones are found by the
 * force-quiescent-state (fqs) scan. A flood of callbacks brings the scan forward.
 */
#include "account.h"

/* A timer armed at t for `jiffies` fires at a tick, never early: __mod_timer() rounds up
 * (calc_index(), kernel/time/timer.c@6.12), so it takes between jiffies and jiffies + 1. */
s64 timer_expiry(sim *s, s64 t, s64 jiffies)
{
	return (jiffies_at(s, t) + 1 + jiffies) * s->jiffy_ps;
}

/* rcu_seq_snap(): the number of the first grace period that begins at t or later. It has begun when
 * rcu_gp_init() has written its number, before any CPU can notice. */
u64 gp_snap(sim *s, s64 t)
{
	bool begun = s->gp.active || (s->gp.starting && t >= s->gp.seq_ps);

	return s->gp.completed + (begun ? 2 : 1);
}

static void start(sim *s, s64 t)
{
	s->gp.starting = true;
	s->gp.seq_ps = t;
	event_add(s, t + s->m.gp_init_ns * PS_PER_NS, EVENT_GP_INIT, 0, NULL, 0);
}

static s64 kthread_delay(sim *s)
{
	return s->m.wake_latency_ns * PS_PER_NS;
}

/* rcu_start_this_gp() */
void gp_request(sim *s, u64 gp, s64 t)
{
	if (gp <= s->gp.requested)
		return;
	s->gp.requested = gp;
	if (s->gp.active || s->gp.starting || s->gp.cleaning)
		return; /* rcu_gp_cleanup() will see it */
	s->r.wakeups++;
	start(s, t + kthread_delay(s));
}

static void arm_fqs(sim *s, s64 t, s64 jiffies)
{
	if (s->gp.cbovld)
		jiffies = (jiffies + 2) / 3;
	event_add(s, timer_expiry(s, t, jiffies), EVENT_FQS, 0, NULL, ++s->gp.fqs_generation);
}

static bool overloaded(sim *s)
{
	for (s32 i = 0; i < s->m.nr_cpus; i++)
		if (s->cpus[i].cblist.len >= s->m.qovld)
			return true;
	return false;
}

/* rcu_note_context_switch() */
void gp_context_switch(struct cpu *c)
{
	if (c->gp_noticed && c->qs_needed)
		c->qs_passed = true;
}

/* rcu_gp_init() and rcu_gp_cleanup() call __note_gp_changes() for the CPU that they run on: its callbacks
 * wait for no tick. When the GP kthread goes to sleep, that is a quiescent state. */
static void gp_kthread_runs(sim *s, s64 t)
{
	struct cpu *c = cpu_for_thread(s, s->gp.kthread_cpu, t);

	s->gp.kthread_cpu = c->id;
	gp_note_changes(s, c);
	gp_context_switch(c);
}

void gp_init(sim *s, s64 t)
{
	s->gp.starting = false;
	s->gp.active = true;
	s->gp.ending = false;
	s->gp.start_ps = t;
	s->gp.start_jiffy = jiffies_at(s, t);
	s->gp.cpus_left = s->m.nr_cpus;
	s->gp.blockers = s->nr_active_readers;
	s->gp.cbovld = overloaded(s);
	for (s32 i = 0; i < s->m.nr_cpus; i++) {
		struct cpu *c = &s->cpus[i];

		c->qs_needed = true;
		c->gp_noticed = false;
		c->qs_passed = false;
		c->urgent = false;
		c->was_idle = false;
		if (!cpu_is_idle(s, c, t))
			cpu_arm_tick(s, c, t);
	}
	gp_kthread_runs(s, t);
	arm_fqs(s, t, s->m.jiffies_till_first_fqs);
}

/* The last quiescent state is in: the GP kthread is woken, and cleans up. */
static void maybe_end(sim *s, s64 t)
{
	if (!s->gp.active || s->gp.ending || s->gp.cpus_left || s->gp.blockers)
		return;
	s->gp.ending = true;
	s->r.wakeups++;
	event_add(s, t + kthread_delay(s), EVENT_GP_END, 0, NULL, 0);
}

void gp_report_qs(sim *s, struct cpu *c, s64 t)
{
	if (!s->gp.active || !c->qs_needed)
		return;
	c->qs_needed = false;
	s->gp.cpus_left--;
	maybe_end(s, t);
}

void gp_unblock(sim *s, s64 t)
{
	s->gp.blockers--;
	maybe_end(s, t);
}

/* rcu_gp_cleanup() returns: the next grace period may begin. */
void gp_cleaned_up(sim *s, s64 t)
{
	s->gp.cleaning = false;
	if (s->gp.requested > s->gp.completed)
		start(s, t + s->m.gp_cleanup_ns * PS_PER_NS);
}

/* rcu_gp_cleanup(): its walk tells each node that the grace period has ended, and wakes who waits there
 * (rcu_nocb_gp_cleanup(), with a cond_resched() behind it). The next one begins when it has returned, so
 * an rcuog that runs before that still has the next one serve its callbacks. */
void gp_end(sim *s, s64 t)
{
	u64 done = ++s->gp.completed;
	s64 objects = s->gp.waiting_on[done & 7];
	bool preempted = false;

	s->gp.active = false;
	s->gp.ending = false;
	s->gp.cleaning = true;
	s->gp.fqs_generation++; /* disarm the scan */
	s->gp.last_completed_start_ps = s->gp.start_ps;
	s->gp.waiting_on[done & 7] = 0;
	s->r.grace_periods++;
	if (objects)
		account_move(s, ACCOUNT_WAITING, ACCOUNT_READY, t, objects);
	if (s->m.nocb)
		preempted = nocb_gp_ended(s, t) && s->m.woken_runs_first;
	else
		for (s32 i = 0; i < s->m.nr_cpus; i++)
			if (s->cpus[i].cblist.len)
				cpu_arm_tick(s, &s->cpus[i], t);
	gp_kthread_runs(s, t);
	task_wake_sleepers(s, t);
	if (!preempted)
		gp_cleaned_up(s, t);
}

/*
 * rcu_gp_fqs(): idle CPUs are quiescent, as is one that was idle since the last scan. A CPU
 * that has been in the kernel for too long (jiffies_to_sched_qs, or at once with too many
 * callbacks: cbovld) is made to pass through one at its next cond_resched(), which the
 * following scan sees (rcu_implicit_dynticks_qs()).
 */
void gp_fqs(sim *s, s64 t)
{
	bool late;

	if (!s->gp.active || s->gp.ending)
		return;
	s->gp.nr_fqs++;
	s->r.fqs_scans++;
	s->gp.cbovld = overloaded(s);
	late = jiffies_at(s, t) > s->gp.start_jiffy + s->m.jiffies_till_sched_qs;
	for (s32 i = 0; i < s->m.nr_cpus; i++) {
		struct cpu *c = &s->cpus[i];

		if (!c->qs_needed)
			continue;
		if (c->urgent || c->was_idle || cpu_is_idle(s, c, t)) {
			gp_report_qs(s, c, t);
			continue;
		}
		c->urgent = late || s->gp.cbovld;
		cpu_arm_tick(s, c, t);
	}
	if (s->gp.active && !s->gp.ending)
		arm_fqs(s, t, s->m.jiffies_till_next_fqs);
}

/* rcu_force_quiescent_state(): have the GP kthread scan now. */
void gp_force(sim *s, s64 t)
{
	if (!s->gp.active || s->gp.ending)
		return;
	event_add(s, t + kthread_delay(s), EVENT_FQS, 0, NULL, ++s->gp.fqs_generation);
}

/* note_gp_changes(): this CPU learns that a grace period has ended or begun. */
void gp_note_changes(sim *s, struct cpu *c)
{
	if (!s->m.nocb) {
		if (c->gp_seen != s->gp.completed)
			rcu_advance(s, &c->cblist);
		else
			rcu_accelerate(s, &c->cblist);
	}
	c->gp_seen = s->gp.completed;
	if (s->gp.active && c->qs_needed && !c->gp_noticed) {
		c->gp_noticed = true;
		c->qs_passed = false;
	}
}

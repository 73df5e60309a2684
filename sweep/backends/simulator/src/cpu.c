/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu.c - what a CPU does next: softirqs first, then kernel threads and the workload's calls,
 * which share the CPU by time slices; and its scheduler tick.
 */
#include "account.h"

/* In user mode: page faults were recorded around this time, or a call has just returned. */
bool cpu_in_user(sim *s, struct cpu *c, s64 t)
{
	s64 t_ns = t / PS_PER_NS;

	if (t < c->busy_until)
		return true;
	while (c->fault_at < c->nr_fault_rows && s->w.t_ns[c->fault_rows[c->fault_at]] < t_ns)
		c->fault_at++;
	return c->fault_at < c->nr_fault_rows &&
	       s->w.t_ns[c->fault_rows[c->fault_at]] - s->w.fault_window_ns <= t_ns;
}

bool cpu_is_idle(sim *s, struct cpu *c, s64 t)
{
	if (c->call || c->resumed || c->rq_head || c->softirq_pending || c->now > t)
		return false;
	return !cpu_in_user(s, c, t);
}

s64 cpu_next_time(struct cpu *c)
{
	if (c->softirq_pending || c->rq_head || c->call)
		return c->now;
	if (c->resumed)
		return min_s64(max_s64(c->now, c->resumed->resume_ps), next_row_time(c));
	return next_row_time(c);
}

/* ---- the CPU ---- */

static bool task_ready(const struct cpu *c)
{
	return c->call || (c->resumed && c->resumed->resume_ps <= c->now) || next_row_time(c) <= c->now;
}

static void kthread_run(sim *s, struct cpu *c)
{
	struct kthread *k = c->rq_head;
	s64 start = s->now;
	bool more;

	do
		more = kthread_step(s, k);
	while (more && kthread_goes_on(s, c));
	if (s->locks_held)
		sim_fail(s, "policy '%s' returned from a callback with a lock held", s->policy->name);
	s->cpu_callback_ps += (u64)(s->now - start);
	c->policy_ran_ps = s->now;
	if (more)
		return;
	c->rq_head = k->next;
	if (!c->rq_head)
		c->rq_tail = NULL;
	k->awake = false;
	if (k->again)
		kthread_wake(s, k, s->now);
}

/* At the end of a slice: the other kernel threads' turn, and the task's. */
static void slice_over(sim *s, struct cpu *c)
{
	struct kthread *k = c->rq_head;

	c->slice_end = c->now + s->m.sched_slice_ns * PS_PER_NS;
	if (k->next) {
		c->rq_head = k->next;
		k->next = NULL;
		c->rq_tail->next = k;
		c->rq_tail = k;
	}
	if (task_ready(c)) {
		c->kthread_turn = !c->kthread_turn;
		s->now += s->m.context_switch_ps;
	} else {
		c->kthread_turn = true;
	}
}

static void resume_and_run(sim *s, struct cpu *c)
{
	if (!c->call && c->resumed && c->resumed->resume_ps <= max_s64(c->now, next_row_time(c))) {
		c->call = c->resumed;
		c->resumed = c->call->next;
		s->now = max_s64(s->now, c->call->resume_ps);
	}
	task_run(s, c);
}

void cpu_run(sim *s, struct cpu *c)
{
	s->cpu = c;
	s->pending_of = &s->pending[c - s->cpus];
	do {
		s->now = c->now;
		if (c->softirq_pending) {
			softirq_burst(s, c);
		} else if (c->rq_head && (c->kthread_turn || !task_ready(c))) {
			if (s->now >= c->slice_end)
				slice_over(s, c);
			else
				kthread_run(s, c);
		} else {
			if (c->rq_head && s->now >= c->slice_end)
				slice_over(s, c);
			else
				resume_and_run(s, c);
		}
		c->now = s->now;
	} while (cpu_next_time(c) < s->horizon);
	cpu_changed(s, c);
}

/* ---- the tick ---- */

static bool needs_tick(sim *s, struct cpu *c)
{
	return (s->gp.active && c->qs_needed) || (!s->m.nocb && c->cblist.len);
}

void cpu_arm_tick(sim *s, struct cpu *c, s64 t)
{
	if (c->tick_armed || s->m.gp_constant || !needs_tick(s, c))
		return;
	c->tick_armed = true;
	event_add(s, (jiffies_at(s, t) + 1) * s->jiffy_ps, EVENT_TICK, (u32)c->id, NULL, 0);
}

/* rcu_sched_clock_irq() and rcu_pending(), kernel/rcu/tree.c@6.12 */
void cpu_tick(sim *s, struct cpu *c, s64 t)
{
	bool idle = cpu_is_idle(s, c, t), new_gp, pending;

	c->tick_armed = false;
	if (c->gp_noticed && c->qs_needed && (!c->call || s->m.preemptible_kernel))
		c->qs_passed = true;
	new_gp = c->gp_seen != s->gp.completed || (s->gp.active && c->qs_needed && !c->gp_noticed);
	pending =
		new_gp || (c->qs_needed && c->qs_passed) ||
		(!s->m.nocb && (c->cblist.seg[CB_DONE].nr || (!s->gp.active && cblist_untagged(&c->cblist))));
	if (pending) {
		c->softirq_pending = true;
		c->now = max_s64(c->now, t);
		cpu_changed(s, c);
	}
	/* An idle CPU keeps its tick for its own callbacks only (rcu_needs_cpu()). */
	if (!idle || (!s->m.nocb && c->cblist.len))
		cpu_arm_tick(s, c, t);
}

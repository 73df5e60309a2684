/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu.c - a CPU of the workload: a thread that runs the rows of its CPU at their times, and plays the scheduler
 * tick and the softirqs in between, at the cost of what they interrupt.
 *
 * Between rows it sleeps, and wakes up a little early, so that rows begin at their time and on a CPU that is awake.
 * It does not yield: that would hand out whole time slices.
 */
#define _GNU_SOURCE
#include "log.h"

#define EARLY_NS 50000 /* more than it takes to wake up, even in a virtual machine */
#define WORTH_SLEEPING_NS 10000
#define LOOK_AGAIN_NS 20000 /* at references that readers hold */

/* The first window of page faults that ends at that time or later. */
static s64 next_window(const struct policy_run *run, const struct cpu *c, s64 t_ns)
{
	s64 low = 0, high = c->nr_fault_rows;

	while (low < high) {
		s64 middle = (low + high) / 2;

		if (run->w.t_ns[c->fault_rows[middle]] < t_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static s64 window_start_ns(const struct policy_run *run, const struct cpu *c, s64 window)
{
	return run->w.t_ns[c->fault_rows[window]] - run->w.fault_window_ns;
}

/* In user mode: page faults were recorded around this time, or a call has just returned. */
bool cpu_in_user(struct policy_run *run, struct cpu *c, u64 now)
{
	const s64 t_ns = (s64)clock_to_ns(since_start(run, now)), window = next_window(run, c, t_ns);

	return now < atomic_load_explicit(&c->busy_until, memory_order_relaxed) ||
	       (window < c->nr_fault_rows && window_start_ns(run, c, window) <= t_ns);
}

/* When an idle CPU goes to user mode without a call, and has its tick again. */
static u64 next_user(struct policy_run *run, struct cpu *c, u64 now)
{
	const s64 window = next_window(run, c, (s64)clock_to_ns(since_start(run, now)));

	if (!run->kernel_like || window == c->nr_fault_rows)
		return NEVER;
	return run->t0 + clock_of_ns((double)window_start_ns(run, c, window)) + 1;
}

bool cpu_is_idle(struct policy_run *run, struct cpu *c, u64 now)
{
	return !atomic_load_explicit(&c->busy, memory_order_relaxed) && !atomic_load(&c->kthreads) &&
	       !cpu_in_user(run, c, now);
}

void cpu_kick(struct cpu *c)
{
	waiter_kick(&c->waiter); /* no wake-up of the kernel's: the idle task takes an interrupt */
}

/* ---- the tick ---- */

static bool has_callbacks(const struct policy_run *run, struct cpu *c)
{
	return run->kernel_like && !run->offloaded && atomic_load_explicit(&c->len, memory_order_relaxed);
}

static bool needs_tick(struct policy_run *run, struct cpu *c)
{
	return (gp_active(run) && flag(&c->qs_needed)) || has_callbacks(run, c);
}

/*
 * rcu_pending(), kernel/rcu/tree.c@6.12, at the tick of that time. Our ticks come late by as much as it takes to wake
 * up, so a grace period may have ended that a tick on time could not have seen: it is left for the next one.
 */
static bool rcu_pending(struct policy_run *run, struct cpu *c, u64 time)
{
	const struct cblist *l = &c->cblist;
	const bool ended = atomic_load_explicit(&run->gp.ended_at, memory_order_relaxed) <= time;
	const bool began = atomic_load_explicit(&run->gp.began_at, memory_order_relaxed) <= time;
	bool pending;

	lock_take(&c->irq);
	pending = (ended && c->gp_seen != gp_completed(run)) ||
		  (began && gp_active(run) && flag(&c->qs_needed) && !flag(&c->gp_noticed)) ||
		  (flag(&c->qs_needed) && flag(&c->qs_passed)) ||
		  (!run->offloaded && (l->seg[CB_DONE].nr || (!gp_active(run) && cblist_untagged(l))));
	lock_drop(&c->irq);
	return pending;
}

/* rcu_sched_clock_irq() */
static void tick(struct policy_run *run, struct cpu *c, u64 time)
{
	if (!run->kernel_like || !needs_tick(run, c))
		return;
	if (flag(&c->gp_noticed) && flag(&c->qs_needed) && (!here->call || run->m.preemptible_kernel))
		set_flag(&c->qs_passed, true);
	c->softirq_pending |= rcu_pending(run, c, time);
}

/* Where interrupts and bottom halves are on, and the tick is due or ksoftirqd wants to go on. */
noinline void cpu_interrupt(struct policy_run *run, struct cpu *c, u64 now)
{
	const bool keeps_stamp = here->keeps_stamp;

	here->keeps_stamp = false; /* time passes */
	if (now >= c->next_tick) {
		const s64 jiffy = jiffies_at(run, c->context, now);

		c->next_tick = time_of_jiffy(run, jiffy + 1);
		tick(run, c, time_of_jiffy(run, jiffy));
	}
	if (flag(&c->ksoftirqd_runs)) { /* no task gets ahead of it while it has bottom halves off */
		lock_take(&c->softirq_lock);
		lock_drop(&c->softirq_lock);
	}
	if (c->softirq_pending) {
		c->softirq_pending = false;
		softirq_burst(run, c);
	}
	here->keeps_stamp = keeps_stamp;
}

/* A CPU in user mode has its tick, an idle one only for callbacks of its own (rcu_needs_cpu()). */
static bool tick_goes_on(struct policy_run *run, struct cpu *c, u64 now)
{
	return run->kernel_like && (has_callbacks(run, c) || cpu_in_user(run, c, now));
}

/* ---- rows ---- */

/* When the CPU's next row can start; NEVER when there is none, or another CPU must be done first. */
static u64 row_due(struct policy_run *run, struct cpu *c, u64 now)
{
	const u32 row = c->row;
	struct mm *mm;
	u64 due;

	if (row == NO_ROW)
		return NEVER;
	mm = &run->mms[run->w.mm[row]];
	if (atomic_load_explicit(&mm->rows_done, memory_order_acquire) != run->row_links[row].ordinal)
		return NEVER;
	due = run->t0 + clock_of_ns((double)run->w.t_ns[row]);
	if (now >= due && run->w.kind[row] == ROW_EXIT && !run->w.rcu_only) {
		/* exit_mmap() comes after the last reference is gone, and no reader gets a new one. */
		if (atomic_fetch_or(&mm->users, MM_EXITING) & ~MM_EXITING) {
			c->held_up = true;
			return now + clock_of_ns(LOOK_AGAIN_NS);
		}
	}
	return due;
}

static void note_start(struct policy_run *run, struct cpu *c, u64 now, u64 due)
{
	count(&here->count.exit_waits, c->held_up);
	if (c->was_waiting && !c->held_up) { /* it had nothing else to do: any delay is this machine's */
		u64 late = now - due;

		c->late_sum += late;
		c->nr_late++;
		c->late_max = late > c->late_max ? late : c->late_max;
		if (gp_active(run) && !cpu_in_user(run, c, now))
			set_flag(&c->was_idle, true);
	}
	c->was_waiting = c->held_up = c->tick_stopped = false;
}

static void sleep_until(struct cpu *c, unsigned ticket, u64 now, u64 until)
{
	atomic_store_explicit(&c->free_until, until, memory_order_relaxed);
	if (now >= atomic_load_explicit(&c->reader_due, memory_order_relaxed) && reader_fits(c, now))
		waiter_kick(&c->reader);
	waiter_sleep(&c->waiter, ticket, until);
	atomic_store_explicit(&c->free_until, 0, memory_order_relaxed);
}

static void wait_for(struct policy_run *run, struct cpu *c, unsigned ticket, u64 now, u64 due)
{
	u64 early = c->held_up ? 0 : clock_of_ns(EARLY_NS), until = due;

	c->was_waiting = due != NEVER;
	c->tick_stopped = !tick_goes_on(run, c, now);
	if (c->tick_stopped && next_user(run, c, now) < until) {
		until = next_user(run, c, now);
		early = 0;
	} else if (!c->tick_stopped && c->next_tick < until) {
		until = c->next_tick;
		early = needs_tick(run, c) ? early : 0;
	}
	if (until == NEVER)
		sleep_until(c, ticket, now, NEVER);
	else if (until > now + early + clock_of_ns(WORTH_SLEEPING_NS))
		sleep_until(c, ticket, now, until - early);
	else
		cpu_relax();
}

void cpu_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	struct cpu *c = ctx->cpu;

	u64 looked = 0;

	c->next_tick = time_of_jiffy(run, 1);
	while (!flag(&run->over)) {
		const unsigned ticket = waiter_ticket(&c->waiter);
		u64 now = clock_now(), due;
		struct task_call *call;

		if (now - looked >
		    clock_of_ns(SUSPICIOUS_NS)) /* it has slept, or was preempted before any call */
			preempted_from_now();
		looked = now;
		if (c->tick_stopped && now >= c->next_tick) {
			c->next_tick = time_of_jiffy(run, jiffies_at(run, ctx, now) + 1);
			c->tick_stopped = false;
		}
		if (now >= c->next_tick || flag(&c->ksoftirqd_runs)) {
			cpu_interrupt(run, c, now);
			now = clock_now();
		}
		call = call_take_woken(run, c);
		if (call) {
			c->tick_stopped = false;
			call_go_on(run, c, call);
			continue;
		}
		due = row_due(run, c, now);
		if (due <= now) {
			note_start(run, c, now, due);
			row_start(run, c);
			continue;
		}
		if (c->row == NO_ROW && !c->asleep && !flag(&c->rows_over)) {
			atomic_store(&c->rows_over, true);
			waiter_kick(&run->rows_over);
		}
		wait_for(run, c, ticket, now, due);
	}
}

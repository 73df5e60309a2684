/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu.c - what a CPU does next: softirqs first, then kernel threads and the workload's calls,
 * which share the CPU by time slices; and its scheduler tick.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

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

static s64 row_time(sim *s, struct cpu *c)
{
	return s->w.t_ns[c->rows[c->next_row]] * PS_PER_NS;
}

/* When its next row can start; TIME_MAX when there is none, or it waits for another CPU. */
static s64 next_row_time(sim *s, struct cpu *c)
{
	const struct mm *mm;
	bool blocked;
	u32 row;

	if (c->next_row == c->nr_rows)
		return TIME_MAX;
	row = c->rows[c->next_row];
	mm = &s->mms[s->w.mm[row]];
	blocked = mm->rows_done != s->row_ordinal[row];
	s->nr_blocked += blocked - c->blocked;
	c->blocked = blocked;
	if (blocked)
		return TIME_MAX;
	return max_s64(row_time(s, c), max_s64(c->now, mm->last_end_ps));
}

s64 cpu_next_time(sim *s, struct cpu *c)
{
	if (c->softirq_pending || c->rq_head || c->call)
		return c->now;
	if (c->resumed)
		return min_s64(max_s64(c->now, c->resumed->resume_ps), next_row_time(s, c));
	return next_row_time(s, c);
}

/* ---- rows of the workload ---- */

static void row_done(sim *s, struct mm *mm, s64 t)
{
	mm->rows_done++;
	mm->last_end_ps = t;
	s->rows_left--;
	if (s->nr_blocked)
		for (s32 i = 0; i < s->m.nr_cpus; i++)
			if (s->cpus[i].blocked)
				cpu_changed(s, &s->cpus[i]);
}

static void allocate(sim *s, struct cpu *c, struct mm *mm, s32 n)
{
	mm->live += n;
	while (n--) {
		struct object *o = slab_alloc(s, c);

		o->dead.next = NULL;
		if (mm->tail)
			mm->tail->dead.next = &o->dead;
		else
			mm->head = o;
		mm->tail = o;
	}
}

static void mm_begin(sim *s, struct mm *mm)
{
	if (mm->started)
		return;
	mm->started = true;
	if (s->policy->mm_size) {
		mm->state = s->nr_mm_pool ? s->mm_state_pool[--s->nr_mm_pool] :
					    sim_zalloc(s, s->policy->mm_size);
		memset(mm->state, 0, s->policy->mm_size);
	}
	if (s->policy->mm_start)
		s->policy->mm_start(s, mm->state);
}

static void mm_end(sim *s, struct mm *mm)
{
	s64 room = s->room_mm_pool;

	if (s->policy->mm_stop)
		s->policy->mm_stop(s, mm->state);
	mm->started = false;
	if (!mm->state)
		return;
	s->mm_state_pool = sim_grow(s, s->mm_state_pool, &room, s->nr_mm_pool + 1, sizeof(void *));
	s->room_mm_pool = (s32)room;
	s->mm_state_pool[s->nr_mm_pool++] = mm->state;
	mm->state = NULL;
}

static void call_begin(sim *s, struct cpu *c, u32 row)
{
	struct mm *mm = &s->mms[s->w.mm[row]];
	struct task_call *call = s->call_pool;

	if (s->w.n[row] > mm->live)
		sim_fail(s, "row %u of the workload frees %d objects, but its address space holds %d", row,
			 s->w.n[row], mm->live);
	if (call)
		s->call_pool = call->next;
	else
		call = sim_zalloc(s, sizeof(*call));
	*call = (struct task_call){
		.mm = mm, .start_ps = s->now, .n = s->w.n[row], .left = s->w.n[row], .cpu = c->id
	};
	call->call.kind = s->w.kind[row] == ROW_EXIT ? CALL_EXIT : CALL_MUNMAP;
	mm_begin(s, mm);
	call->call.mm = mm->state;
	s->calls_active++;
	c->call = call;
	if (s->policy->call_begin)
		s->policy->call_begin(s, &call->call);
}

static void call_finish(sim *s, struct cpu *c)
{
	struct task_call *call = c->call;
	bool exits = call->call.kind == CALL_EXIT;

	metrics_call(s, call, s->now);
	c->call = NULL;
	c->busy_until = s->now + s->jiffy_ps;
	s->calls_active--;
	s->last_call_end = max_s64(s->last_call_end, s->now);
	if (exits) {
		mm_end(s, call->mm);
		if (c->gp_noticed && c->qs_needed)
			c->qs_passed = true; /* the task is gone: a context switch */
	}
	row_done(s, call->mm, s->now);
	call->next = s->call_pool;
	s->call_pool = call;
}

/* plat_gp_wait() was called: the task gives the CPU away. */
static void call_sleep(sim *s, struct cpu *c)
{
	c->call->wait_cookie = s->sleep_cookie;
	c->call->next = s->asleep;
	s->asleep = c->call;
	c->call = NULL;
	s->sleep_cookie = 0;
	s->now += s->m.context_switch_ps;
}

void task_wake_sleepers(sim *s, s64 t)
{
	struct task_call **link = &s->asleep;

	while (*link) {
		struct task_call *call = *link, **end;
		struct cpu *c = &s->cpus[call->cpu];
		bool done = s->m.gp_constant ? (s64)call->wait_cookie <= t :
					       call->wait_cookie <= s->gp.completed;

		if (!done) {
			link = &call->next;
			continue;
		}
		*link = call->next;
		call->next = NULL;
		call->resume_ps = t + s->m.wake_latency_ns * PS_PER_NS + s->m.context_switch_ps;
		for (end = &c->resumed; *end; end = &(*end)->next)
			;
		*end = call;
		s->r.wakeups++;
		cpu_changed(s, c);
	}
}

/* One object: the loop over remove_vma() that a teardown or munmap call runs. */
static inline void dispose_one(sim *s, struct task_call *call)
{
	struct mm *mm = call->mm;
	struct object *o = mm->head;

	mm->head = (struct object *)o->dead.next;
	if (mm->head)
		__builtin_prefetch(mm->head, 1);
	else
		mm->tail = NULL;
	mm->live--;
	call->left--;
	s->now += s->m.unlink_ps;
	o->unlink_ps = s->now;
	o->state = OBJECT_DEAD;
	o->from_exit = call->call.kind == CALL_EXIT;
	s->objects_unlinked++;
	s->r.steps++;
	account(s, ACCOUNT_POSTPONED, s->now, 1);
	slab_unlink(s, o);
	s->policy->dispose(s, &call->call, &o->dead);
}

static void call_step(sim *s, struct cpu *c)
{
	struct task_call *call = c->call;
	s64 start = s->now;

	while (call->left) {
		dispose_one(s, call);
		if (s->now >= s->horizon || c->softirq_pending || s->sleep_cookie)
			break;
	}
	if (!call->left && !s->sleep_cookie && s->policy->call_end && !call->call_ended) {
		call->call_ended = true;
		s->policy->call_end(s, &call->call);
	}
	if (s->locks_held)
		sim_fail(s, "policy '%s' returned with a lock held", s->policy->name);
	if (s->sleep_cookie)
		call_sleep(s, c);
	else if (!call->left)
		call_finish(s, c);
	s->cpu_freeing_ps += s->now - start;
}

static void row_start(sim *s, struct cpu *c)
{
	u32 row = c->rows[c->next_row];
	s64 gap = row_time(s, c);

	if (gap > c->now && s->gp.active && !cpu_in_user(s, c, gap - 1))
		c->was_idle = true;
	s->now = next_row_time(s, c);
	metrics_flush(s, s->now);
	c->next_row++;
	if (s->w.kind[row] == ROW_ALLOC) {
		struct mm *mm = &s->mms[s->w.mm[row]];

		allocate(s, c, mm, s->w.n[row]);
		row_done(s, mm, mm->last_end_ps);
		return;
	}
	call_begin(s, c, row);
	if (s->gp.active && c->qs_needed)
		cpu_arm_tick(s, c, s->now);
}

/* ---- the CPU ---- */

static bool task_ready(sim *s, struct cpu *c)
{
	return c->call || (c->resumed && c->resumed->resume_ps <= c->now) || next_row_time(s, c) <= c->now;
}

static void kthread_run(sim *s, struct cpu *c)
{
	struct kthread *k = c->rq_head;
	s64 start = s->now;
	bool more;

	do
		more = kthread_step(s, k);
	while (more && s->now < s->horizon && s->now < c->slice_end && !c->softirq_pending);
	if (s->locks_held)
		sim_fail(s, "policy '%s' returned from a callback with a lock held", s->policy->name);
	s->cpu_callback_ps += s->now - start;
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
	if (task_ready(s, c)) {
		c->kthread_turn = !c->kthread_turn;
		s->now += s->m.context_switch_ps;
	} else {
		c->kthread_turn = true;
	}
}

static void task_run(sim *s, struct cpu *c)
{
	if (!c->call && c->resumed && c->resumed->resume_ps <= max_s64(c->now, next_row_time(s, c))) {
		c->call = c->resumed;
		c->resumed = c->call->next;
		s->now = max_s64(s->now, c->call->resume_ps);
	}
	if (c->call)
		call_step(s, c);
	else
		row_start(s, c);
}

void cpu_run(sim *s, struct cpu *c)
{
	s->cpu = c;
	s->pending_of = &s->pending[c - s->cpus];
	do {
		s->now = c->now;
		if (c->softirq_pending) {
			softirq_burst(s, c);
		} else if (c->rq_head && (c->kthread_turn || !task_ready(s, c))) {
			if (s->now >= c->slice_end)
				slice_over(s, c);
			else
				kthread_run(s, c);
		} else {
			if (c->rq_head && s->now >= c->slice_end)
				slice_over(s, c);
			else
				task_run(s, c);
		}
		c->now = s->now;
	} while (cpu_next_time(s, c) < s->horizon);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c - the workload's births and calls, as tasks of their CPUs. */
#include "account.h"

#include <string.h>

static noinline void mm_begin(sim *s, struct mm *mm)
{
	mm->started = true;
	if (s->policy->mm_size) {
		mm->state = s->nr_mm_pool ? s->mm_state_pool[--s->nr_mm_pool] :
					    sim_zalloc(s, s->policy->mm_size);
		memset(mm->state, 0, s->policy->mm_size);
	}
	if (s->policy->mm_start)
		s->policy->mm_start(s, mm->state);
}

static noinline void mm_end(sim *s, struct mm *mm)
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
	struct mm *mm = c->row_mm;
	struct task_call *call = s->call_pool;
	const s32 n = s->w.n[row];

	if (n > mm->live)
		sim_fail(s, "row %u of the workload frees %d objects, but its address space holds %d", row, n,
			 mm->live);
	if (likely(call))
		s->call_pool = call->next;
	else
		call = sim_zalloc(s, sizeof(*call));
	if (!mm->started)
		mm_begin(s, mm);
	call->call = (struct policy_call){ .kind = s->w.kind[row] == ROW_EXIT ? CALL_EXIT : CALL_MUNMAP,
					   .mm = mm->state };
	call->mm = mm;
	call->start_ps = s->now;
	call->n = call->left = n;
	call->cpu = c->id;
	call->call_ended = false;
	mm->live -= n;
	s->objects_unlinked += n;
	s->r.steps += n;
	s->calls_active++;
	c->call = call;
	s->now += cold(&s->call_cooling, s->now - c->policy_ran_ps);
	if (s->policy->call_begin)
		s->policy->call_begin(s, &call->call);
}

static void call_finish(sim *s, struct cpu *c)
{
	struct task_call *call = c->call;
	bool exits = call->call.kind == CALL_EXIT;

	metrics_call(s, call, s->now);
	c->call = NULL;
	c->policy_ran_ps = s->now;
	c->busy_until = s->now + s->jiffy_ps;
	s->calls_active--;
	s->last_call_end = max_s64(s->last_call_end, s->now);
	if (exits) {
		mm_end(s, call->mm);
		gp_context_switch(c); /* the task is gone */
	}
	row_done(s, call->mm, s->now);
	row_look(s, c);
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
	row_look(s, c);
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

/* The loop over remove_vma() that a teardown or munmap call runs: to its end, or the horizon. */
static inline void dispose(sim *s, struct task_call *call)
{
	const bool exits = call->call.kind == CALL_EXIT;
	struct mm *mm = call->mm;
	struct object *o = mm->head;
	s32 left = call->left;

	do {
		struct object *next = (struct object *)o->dead.next;

		prefetch_later(next);
		s->now += s->m.unlink_ps + cold(&s->object_cooling, s->now - o->unlink_ps);
		if (unlikely(o->born_on != call->cpu))
			s->now += s->m.object_remote_ps;
		o->unlink_ps = s->now;
		o->is_dead = true;
		o->from_exit = exits;
		metrics_unlink(s, s->now);
		slab_unlink(s, o);
		s->policy->dispose(s, &call->call, &o->dead);
		o = next;
	} while (--left && s->now < s->horizon && !s->sleep_cookie);
	call->left = left;
	mm->head = o;
	if (!o)
		mm->tail = NULL;
}

static inline void call_step(sim *s, struct cpu *c)
{
	struct task_call *call = c->call;
	s64 start = s->now;

	if (call->left)
		dispose(s, call);
	if (!call->left && !s->sleep_cookie && !call->call_ended) {
		call->call_ended = true;
		if (s->policy->call_end)
			s->policy->call_end(s, &call->call);
	}
	if (unlikely(s->locks_held))
		sim_fail(s, "policy '%s' returned with a lock held", s->policy->name);
	if (unlikely(s->sleep_cookie))
		call_sleep(s, c);
	else if (!call->left)
		call_finish(s, c);
	s->cpu_freeing_ps += (u64)(s->now - start);
}

/* The CPU's next row, at its time: true if it is a call. */
static inline bool row_start(sim *s, struct cpu *c)
{
	u32 row = c->row;
	s64 t = s->w.t_ns[row] * PS_PER_NS;

	if (t > c->now && s->gp.active && !cpu_in_user(s, c, t - 1))
		c->was_idle = true;
	s->now = max_s64(c->row_ready, c->now);
	metrics_flush(s, s->now);
	c->row = s->row_links[row].next;
	if (s->w.kind[row] == ROW_ALLOC) {
		struct mm *mm = c->row_mm;

		mm->live += s->w.n[row];
		slab_alloc(s, c, mm, s->w.n[row]);
		row_done(s, mm, mm->last_end_ps);
		row_look(s, c);
		return false;
	}
	call_begin(s, c, row);
	if (s->gp.active && c->qs_needed)
		cpu_arm_tick(s, c, s->now);
	return true;
}

/* Goes on with the task's call, or with rows. Only an event makes something else want the CPU, and
 * none comes before the horizon. */
noinline void task_run(sim *s, struct cpu *c)
{
	const bool alone = !c->rq_head && !c->resumed;

	do {
		if (c->call || (row_start(s, c) && alone && s->now < s->horizon))
			call_step(s, c);
		c->now = s->now;
	} while (alone && (c->call ? c->now : next_row_time(c)) < s->horizon);
}

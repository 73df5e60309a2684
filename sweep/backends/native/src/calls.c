/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.c - the workload's births and calls.
 *
 * A call is measured from before its first object to after its last: unlinking, the policy's own work, and the
 * softirqs and other threads that get in between. What the benchmark itself adds is the same for every policy: one
 * reading of the clock per unlinked object (log.h), and writing down what is posted and freed. What the readings
 * at both ends add is taken off.
 */
#include "log.h"

#include <string.h>

static void mm_begin(struct policy_run *run, struct mm *mm)
{
	mm->started = true;
	mm->state = zalloc(run->policy->mm_size);
	if (run->policy->mm_start)
		run->policy->mm_start(run, mm->state);
	check_no_locks(run, "mm_start()");
}

static void mm_end(struct policy_run *run, struct mm *mm)
{
	if (run->policy->mm_stop)
		run->policy->mm_stop(run, mm->state);
	check_no_locks(run, "mm_stop()");
	mm->started = false;
	free(mm->state);
	mm->state = NULL;
}

void mm_stop_all(struct policy_run *run)
{
	for (s32 i = 0; i < run->w.nr_mms; i++)
		if (run->mms[i].started)
			mm_end(run, &run->mms[i]);
}

/* ---- births ---- */

static void give_birth(struct policy_run *run, struct cpu *c, struct mm *mm, s32 n)
{
	u32 number = mm->first + atomic_load_explicit(&mm->born, memory_order_relaxed);

	for (s32 i = 0; i < n; i++, number++) {
		struct object *o = object_alloc(run, c);

		atomic_store_explicit(&o->number, number, memory_order_relaxed);
		atomic_store_explicit(&o->canary, CANARY_LIVE, memory_order_relaxed);
		run->slab_of[number] = run->on_slab ? slab_number(run, o) : 0;
		run->born_at[number] = clock_now();
		atomic_store_explicit(&run->slots[number], o, memory_order_release);
		atomic_store_explicit(&mm->born, number + 1 - mm->first, memory_order_release);
	}
}

/* ---- calls ---- */

static struct task_call *call_begin(struct cpu *c, struct mm *mm, bool exits, s32 n)
{
	struct task_call *call = c->call_pool;

	if (likely(call))
		c->call_pool = call->next;
	else
		call = zalloc(sizeof(*call));
	*call = (struct task_call){
		.call = { .kind = exits ? CALL_EXIT : CALL_MUNMAP, .mm = mm->state },
		.mm = mm,
		.n = n,
		.left = n,
	};
	return call;
}

/* remove_vma() looks at what it unlinks (vm_ops, vm_file, vm_policy): whatever a policy does with the object then, its
 * first line is on its way. */
static inline void look_at(const struct policy_run *run, const struct object *o)
{
	if (unlikely(atomic_load_explicit(&o->canary, memory_order_relaxed) != CANARY_LIVE))
		fail_configuration("policy '%s' has written to an object that was alive", run->policy->name);
}

/* The loop over remove_vma() that a teardown or munmap call runs. */
static void dispose(struct policy_run *run, struct cpu *c, struct task_call *call)
{
	struct context *ctx = c->context;
	struct mm *mm = call->mm;
	u32 number = mm->first + atomic_load_explicit(&mm->gone, memory_order_relaxed);

	while (call->left && !ctx->sleep_cookie) {
		struct object *o = atomic_load_explicit(&run->slots[number], memory_order_relaxed);
		u64 now;

		atomic_store_explicit(&run->slots[number], NULL, memory_order_release);
		now = stamp(ctx);
		run->unlinked_at[number] = now;
		look_at(run, o);
		number++;
		call->left--;
		atomic_store_explicit(&mm->gone, number - mm->first, memory_order_relaxed);
		if (unlikely(run->w.nr_pressure))
			slab_unlinked(run, run->slab_of[number - 1]);
		ctx->keeps_stamp = true;
		run->policy->dispose(run, &call->call, &o->dead);
		ctx->keeps_stamp = false;
		if (unlikely(now >= c->next_tick || flag(&c->ksoftirqd_runs)))
			cpu_interrupt(run, c, now);
		if (unlikely(ctx->locks_held))
			check_no_locks(run, "dispose()");
	}
}

/* speed: what its time is multiplied by (speed.h), unless it slept: waiting is no work. */
static void call_finish(struct policy_run *run, struct cpu *c, struct task_call *call, u64 end, double speed)
{
	bool exits = call->call.kind == CALL_EXIT;
	double raw = clock_to_ns(end - call->begin) - clock_scale.stamp_ns;
	u64 last = atomic_load(&run->last_call_end);

	raw = raw > 0 ? raw : 0;
	c->calls[c->nr_calls++] =
		(struct call_record){ call->slept ? raw : raw * speed, raw, call->n, exits };
	atomic_store_explicit(&c->busy_until, end + run->jiffy_units, memory_order_relaxed);
	while (last < end && !atomic_compare_exchange_weak(&run->last_call_end, &last, end))
		;
	if (exits) {
		mm_end(run, call->mm);
		gp_context_switch(c); /* the task is gone */
	}
	call->next = c->call_pool;
	c->call_pool = call;
}

static void row_done(struct policy_run *run, struct mm *mm, u32 row)
{
	const s32 other = run->row_links[row].mm_next;

	atomic_fetch_add_explicit(&mm->rows_done, 1, memory_order_release);
	if (other >= 0)
		cpu_kick(&run->cpus[other]);
}

/* From here to where the call ends, or the policy puts it to sleep. */
void call_go_on(struct policy_run *run, struct cpu *c, struct task_call *call)
{
	struct context *ctx = c->context;
	struct stretch s;

	ctx->call = call;
	ctx->longest_softirq = 0;
	atomic_store_explicit(&c->busy, true, memory_order_relaxed);
	s = stretch_begin();
	ctx->last_stamp = s.begin;
	if (!call->begin) {
		call->begin = s.begin;
		if (run->policy->call_begin)
			run->policy->call_begin(run, &call->call);
	}
	dispose(run, c, call);
	if (!call->left && !ctx->sleep_cookie && !call->call_ended) {
		call->call_ended = true;
		ctx->frees_to_stamp = 0;
		if (run->policy->call_end)
			run->policy->call_end(run, &call->call);
	}
	c->freeing_ns += stretch_end(run, &s);
	check_no_locks(run, "call_end()");
	count_max(&ctx->count.max_stall, (u64)((double)ctx->longest_softirq * s.speed));
	ctx->call = NULL;
	atomic_store_explicit(&c->busy, false, memory_order_relaxed);
	if (ctx->sleep_cookie) {
		call->wait_cookie = ctx->sleep_cookie;
		call->slept = true;
		ctx->sleep_cookie = 0;
		call->next = c->asleep;
		c->asleep = call;
		atomic_fetch_add(&c->nr_asleep, 1);
		return;
	}
	call_finish(run, c, call, s.end, s.speed);
	row_done(run, call->mm, call->row);
}

/* A call whose grace period has ended, or NULL; the one that has waited longest. */
struct task_call *call_take_woken(struct policy_run *run, struct cpu *c)
{
	struct task_call **found = NULL, *call;
	const u64 completed = c->asleep ? gp_completed(run) : 0;

	for (struct task_call **link = &c->asleep; *link; link = &(*link)->next)
		if ((*link)->wait_cookie <= completed)
			found = link;
	if (!found)
		return NULL;
	call = *found;
	*found = call->next;
	atomic_fetch_sub(&c->nr_asleep, 1);
	return call;
}

void row_start(struct policy_run *run, struct cpu *c)
{
	const u32 row = c->row;
	struct mm *mm = &run->mms[run->w.mm[row]];
	const s32 n = run->w.n[row];
	struct task_call *call;

	c->row = run->row_links[row].next;
	atomic_store_explicit(&c->reader_mm, (u32)run->w.mm[row], memory_order_relaxed);
	if (run->w.kind[row] == ROW_ALLOC) {
		give_birth(run, c, mm, n);
		row_done(run, mm, row);
		return;
	}
	if (!mm->started)
		mm_begin(run, mm);
	call = call_begin(c, mm, run->w.kind[row] == ROW_EXIT, n);
	call->row = row;
	call_go_on(run, c, call);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - one trial: set up, the main loop, the drain, the result. */
#include "account.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_fail(sim *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->message, (size_t)s->message_bytes, format, args);
	va_end(args);
	longjmp(s->fail, 1);
}

/* ---- the tournament tree over the CPUs' next times ---- */

void cpu_changed(sim *s, struct cpu *c)
{
	s32 i = s->tree_size + (s32)(c - s->cpus);

	s->keys[i] = cpu_next_time(c);
	if (c != s->cpu && s->keys[i] < s->horizon)
		set_horizon(s, s->keys[i]);
	for (i /= 2; i; i /= 2)
		s->keys[i] = min_s64(s->keys[2 * i], s->keys[2 * i + 1]);
}

/* The first CPU with the smallest time; *others is the smallest time of the rest. */
static s32 earliest_cpu(sim *s, s64 *others)
{
	s32 i = 1;

	*others = TIME_MAX;
	while (i < s->tree_size) {
		s32 left = 2 * i, loser = left;

		i = left + 1;
		if (s->keys[left] <= s->keys[left + 1]) {
			i = left;
			loser = left + 1;
		}
		*others = min_s64(*others, s->keys[loser]);
	}
	return i - s->tree_size;
}

/* ---- setting up ---- */

static void setup_cpus(sim *s)
{
	s32 groups = (s->m.nr_cpus + s->m.nocb_gp_stride - 1) / s->m.nocb_gp_stride;

	s->nr_contexts = s->m.gp_constant ? 2 * s->m.nr_cpus : s->m.nr_cpus;
	s->cpus = sim_zalloc(s, (size_t)s->nr_contexts * sizeof(*s->cpus));
	s->pending = sim_zalloc(s, (size_t)(s->nr_contexts + 1) * sizeof(*s->pending));
	s->pending_of = s->pending;
	for (s32 i = 0; i < s->nr_contexts; i++) {
		struct cpu *c = &s->cpus[i];

		c->id = i % s->m.nr_cpus;
		c->row = NO_ROW;
		c->row_ready = TIME_MAX;
		c->blimit = s->m.blimit;
		c->cb_asleep = true;
		c->nobypass_last_jiffy = c->gp_adv_jiffy = -1;
		c->rcuop = (struct kthread){ .kind = KTHREAD_RCUOP, .index = i, .home = i };
		c->ksoftirqd = (struct kthread){ .kind = KTHREAD_KSOFTIRQD, .index = i, .home = i };
		c->kworker = (struct kthread){ .kind = KTHREAD_KWORKER, .index = i, .home = i };
		c->constant = (struct kthread){ .kind = KTHREAD_CONSTANT, .index = i, .home = i };
	}
	s->groups = sim_zalloc(s, (size_t)groups * sizeof(*s->groups));
	s->nr_groups = groups;
	for (s32 i = 0; i < groups; i++) {
		s->groups[i].gp_sleep = true;
		s->groups[i].rcuog = (struct kthread){ .kind = KTHREAD_RCUOG,
						       .index = i,
						       .home = i * s->m.nocb_gp_stride };
	}
	for (s->tree_size = 1; s->tree_size < s->nr_contexts; s->tree_size *= 2)
		;
	s->keys = sim_zalloc(s, (size_t)(2 * s->tree_size) * sizeof(s64));
	for (s32 i = 0; i < 2 * s->tree_size; i++)
		s->keys[i] = TIME_MAX;
}

static void setup_policy(sim *s)
{
	if (s->req.policy < 0 || s->req.policy >= (s32)nr_all_policies)
		sim_fail(s, "there is no policy number %d", s->req.policy);
	s->policy = all_policies[s->req.policy];
	if (s->req.nr_params != (s32)s->policy->nr_params)
		sim_fail(s, "policy '%s' has %u parameters, not %d", s->policy->name, s->policy->nr_params,
			 s->req.nr_params);
	s->state = sim_zalloc(s, s->policy->state_size);
	s->cpu_state = sim_zalloc(s, (size_t)s->m.nr_cpus * sizeof(void *));
	for (s32 i = 0; i < s->m.nr_cpus; i++)
		s->cpu_state[i] = sim_zalloc(s, s->policy->cpu_size);
	s->cpu = &s->cpus[0];
	if (s->policy->start)
		s->policy->start(s);
	s->now = 0;
}

static struct values values_room(sim *s, s64 room)
{
	return (struct values){ .at = arena_take(s, (size_t)room * sizeof(s64)), .room = room };
}

/* The slabs come last: how many there will be shows only in the end. */
static void setup_arena(sim *s)
{
	struct row_counts nr = rows_count(&s->w);
	size_t links = (size_t)s->w.nr_rows * sizeof(struct row_link);
	size_t values = (size_t)(nr.births + nr.munmaps + 2 * nr.exits) * sizeof(s64);

	arena_open(s, links + values + slab_room_bytes(s, nr.births));
	s->row_links = arena_take(s, links);
	s->dead_age = values_room(s, nr.births);
	s->munmap_latency = values_room(s, nr.munmaps);
	s->exit_latency = values_room(s, nr.exits);
	s->exit_per_object = values_room(s, nr.exits);
	slab_setup(s, nr.births);
	arena_commit(s, s->objects);
}

/* A cost that is reached after cool_ps of disuse. */
static struct cooling cooling(int64_t cost_ps, int64_t cool_ps)
{
	const int64_t after = max_s64(cool_ps, 1);

	return (struct cooling){ cost_ps > 0 ? (u64)(((u128)(u64)cost_ps << 32) / (u64)after) : 0, after };
}

static void setup(sim *s)
{
	if (s->m.nr_cpus < 1 || s->m.nocb_gp_stride < 1 || s->m.jiffy_ns < 1 || s->m.objects_per_slab < 1)
		sim_fail(s, "the machine needs at least one CPU, a jiffy and an object per slab");
	if (s->m.objects_per_slab > UINT16_MAX || s->m.nr_cpus > UINT16_MAX)
		sim_fail(s, "at most %d objects per slab, and as many CPUs", UINT16_MAX);
	s->jiffy_ps = s->m.jiffy_ns * PS_PER_NS;
	s->object_cooling = cooling(s->m.object_cold_ps, s->m.object_cool_ps);
	s->call_cooling = cooling(s->m.call_cold_ps, s->m.call_cool_ps);
	s->step_cooling[STEP_LOCK] = cooling(s->m.lock_cold_ps, s->m.call_cool_ps);
	s->step_cooling[STEP_FREE] = cooling(s->m.free_cold_ps, s->m.call_cool_ps);
	s->step_cooling[STEP_CALL_RCU] = cooling(s->m.call_rcu_cold_ps, s->m.call_cool_ps);
	s->gp.last_completed_start_ps = s->m.gp_constant ? -1 : 0; /* none, or one before the start */
	setup_cpus(s);
	metrics_setup(s);
	s->mms = sim_zalloc(s, (size_t)s->w.nr_mms * sizeof(*s->mms));
	setup_arena(s);
	rows_deal(s);
	readers_setup(s);
	reclaim_setup(s);
	setup_policy(s);
	if (s->req.series_interval_ns > 0)
		event_add(s, 0, EVENT_SAMPLE, 0, NULL, 0);
	for (s32 i = 0; i < s->nr_contexts; i++)
		cpu_changed(s, &s->cpus[i]);
}

/* ---- the main loop ---- */

static void handle(sim *s, struct event e)
{
	s->now = e.t;
	s->cpu = &s->cpus[0];
	s->pending_of = &s->pending[s->nr_contexts];
	switch (e.kind) {
	case EVENT_GP_INIT:
		gp_init(s, e.t);
		break;
	case EVENT_GP_END:
		gp_end(s, e.t);
		break;
	case EVENT_FQS:
		if (e.arg == s->gp.fqs_generation)
			gp_fqs(s, e.t);
		break;
	case EVENT_TICK:
		cpu_tick(s, &s->cpus[e.index], e.t);
		break;
	case EVENT_WAKE:
		kthread_arrives(s, e.ptr, e.t);
		break;
	case EVENT_NOCB_TIMER:
		nocb_timer_fires(s, &s->groups[e.index], e.arg, e.t);
		break;
	case EVENT_WORK:
		work_expires(s, e.ptr, e.arg, &s->cpus[e.index], e.t);
		break;
	case EVENT_PREEMPTED_READER:
		reader_starts(s, e.t, e.arg);
		break;
	case EVENT_PREEMPTED_READER_ENDS:
		reader_ends(s, e.t, e.arg);
		break;
	case EVENT_PRESSURE:
		reclaim_check(s, e.t);
		break;
	case EVENT_SAMPLE:
		metrics_sample(s, e.t);
		event_add(s, e.t + s->req.series_interval_ns * PS_PER_NS, EVENT_SAMPLE, 0, NULL, 0);
		break;
	case EVENT_CONSTANT_READY:
		constant_ready(s, &s->cpus[e.index], e.t);
		break;
	case EVENT_CONSTANT_GP:
		constant_gp_ends(s, e.t, (s64)e.arg);
		break;
	}
}

/* When the workload has ended, the time up to which is measured; TIME_MAX before. */
static s64 measured_until(sim *s)
{
	if (s->rows_left || s->calls_active)
		return TIME_MAX;
	return max_s64(s->w.duration_ns * PS_PER_NS, s->last_call_end);
}

/* Runs the earliest of all contexts until `limit`; false when nothing is left to run. */
static bool step(sim *s, s64 limit)
{
	s64 others, event = s->nr_events ? s->events[0].t : TIME_MAX;
	s32 cpu = earliest_cpu(s, &others);
	s64 next = min_s64(event, s->keys[1]);

	if (next > limit || next == TIME_MAX)
		return false;
	if (s->req.max_steps && ++s->r.steps > s->req.max_steps)
		sim_fail(s,
			 "the simulation has not ended after %lld steps (at %.3f s of virtual time): "
			 "raise max_steps, or shorten the workload",
			 (long long)s->req.max_steps, (double)next / 1e12);
	metrics_flush(s, next);
	if (event <= s->keys[1]) {
		set_horizon(s, event);
		handle(s, event_pop(s));
	} else {
		set_horizon(s, min_s64(event, min_s64(others, limit)));
		cpu_run(s, &s->cpus[cpu]);
	}
	return true;
}

static void measure(sim *s)
{
	s64 limit;

	do
		limit = measured_until(s);
	while (step(s, limit));
	if (limit == TIME_MAX)
		sim_fail(
			s,
			"the workload never ends: %lld rows cannot start (a task that policy '%s' put to sleep "
			"is never woken)",
			(long long)s->rows_left, s->policy->name);
	s->end_ps = limit;
	metrics_finish(s);
}

static s64 objects_left(const sim *s)
{
	return s->objects_unlinked - s->dead_age.nr - s->frees_not_measured;
}

/* What is still held after stop() and a full drain has leaked. */
static void drain(sim *s)
{
	s64 limit = s->end_ps + s->req.max_drain_ns * PS_PER_NS;
	struct sim_result measured = s->r;

	s->phase = PHASE_DRAIN;
	s->now = s->end_ps;
	set_horizon(s, TIME_MAX);
	s->cpu = &s->cpus[0];
	for (s32 i = 0; i < s->w.nr_mms; i++)
		if (s->mms[i].started && s->policy->mm_stop)
			s->policy->mm_stop(s, s->mms[i].state);
	s->shrinker = NULL;
	if (s->policy->stop)
		s->policy->stop(s);
	for (int round = 0; round < 3; round++) { /* a callback may post again */
		if (s->m.nocb && !s->m.gp_constant)
			nocb_flush_all(s);
		while ((objects_left(s) || s->blocks) && step(s, limit))
			;
	}
	measured.objects_leaked = objects_left(s);
	s->r = measured;
}

/* ---- the interface ---- */

static void free_calls(struct task_call *call)
{
	while (call) {
		struct task_call *next = call->next;

		free(call);
		call = next;
	}
}

static void teardown(sim *s)
{
	arena_close(s);
	for (s32 i = 0; s->cpu_state && i < s->m.nr_cpus; i++)
		free(s->cpu_state[i]);
	for (s32 i = 0; s->mms && i < s->w.nr_mms; i++)
		free(s->mms[i].state);
	for (s32 i = 0; i < s->nr_mm_pool; i++)
		free(s->mm_state_pool[i]);
	while (s->blocks) {
		struct policy_block *block = s->blocks;

		s->blocks = block->next;
		free(block);
	}
	for (s32 i = 0; s->cpus && i < s->nr_contexts; i++) {
		free(s->cpus[i].call);
		free_calls(s->cpus[i].resumed);
		free(s->cpus[i].posted.at);
		free(s->cpus[i].fault_rows);
	}
	free_calls(s->asleep);
	free_calls(s->call_pool);
	free(s->mm_state_pool);
	free(s->cpu_state);
	free(s->state);
	free(s->mms);
	free(s->slabs);
	free(s->cpus);
	free(s->groups);
	free(s->keys);
	free(s->row_ends);
	free(s->events);
	free(s->preempted);
	free(s->slot_hashes);
	free(s->active_readers);
	for (s32 i = 0; s->pending && i <= s->nr_contexts; i++)
		free(s->pending[i].at);
	free(s->pending);
	free(s->samples);
	free(s->calls);
	free(s);
}

__attribute__((visibility("default"))) int32_t sim_nr_policies(void)
{
	return (int32_t)nr_all_policies;
}

__attribute__((visibility("default"))) const char *sim_policy_name(int32_t policy)
{
	return policy >= 0 && policy < (int32_t)nr_all_policies ? all_policies[policy]->name : NULL;
}

__attribute__((visibility("default"))) int32_t sim_run(const struct sim_machine *machine,
						       const struct sim_workload *workload,
						       const struct sim_request *request,
						       struct sim_result *result, char *message,
						       int32_t message_bytes)
{
	sim *volatile s = calloc(1, sizeof(sim));
	volatile int32_t failed = 0;

	*result = (struct sim_result){ 0 };
	if (!s) {
		snprintf(message, (size_t)message_bytes, "out of memory");
		return 1;
	}
	s->m = *machine;
	s->w = *workload;
	s->req = *request;
	s->message = message;
	s->message_bytes = message_bytes;
	if (setjmp(s->fail)) {
		failed = 1;
		sim_result_free(&s->r);
	} else {
		setup(s);
		measure(s);
		drain(s);
		*result = s->r;
	}
	teardown(s);
	return failed;
}

__attribute__((visibility("default"))) void sim_result_free(struct sim_result *result)
{
	free(result->samples);
	free(result->calls);
	result->samples = NULL;
	result->calls = NULL;
}

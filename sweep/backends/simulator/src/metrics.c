/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - what is measured.
 *
 * Time integrals are sums of leaving times less entering times, so the order in which changes
 * arrive does not matter to them. Peaks, series and ages of freed objects need the order of
 * virtual time: changes that lie behind the horizon wait in their context's queue until it has
 * passed them.
 */
#include "account.h"

/* ---- changes in the order of virtual time ---- */

/* Of changes at one time, what leaves goes before what enters: no object is counted twice. */
static bool sooner(const struct pending *a, const struct pending *b)
{
	return a->t != b->t ? a->t < b->t : a->n < b->n;
}

static struct pending *first_of(struct queue *q)
{
	return q->first < q->end ? (struct pending *)q->at + q->first : NULL;
}

/* Each context's changes come in the order of its local time, but for a rare one. There is always
 * room for one more. */
static noinline void sort_last(sim *s, struct queue *q)
{
	struct pending *first = first_of(q), *p = (struct pending *)q->at + q->end - 1;
	const struct pending last = *p;

	for (; p > first && last.t < p[-1].t; p--)
		p[0] = p[-1];
	*p = last;
	if (q->end == q->room)
		queue_make_room(s, q, sizeof(*p));
}

void metrics_setup(sim *s)
{
	for (s32 i = 0; i <= s->nr_contexts; i++)
		queue_make_room(s, &s->pending[i], sizeof(struct pending));
}

static noinline void after_the_end(sim *s, enum account account, s64 n, s64 age)
{
	if (age < 0)
		metrics_commit(s, account, n);
	else
		s->frees_not_measured++;
}

/* A change that is not in order, or not measured any more. */
void metrics_pending(sim *s, s64 t, enum account account, s64 n, s64 age)
{
	struct queue *q = s->pending_of;
	struct pending *p = (struct pending *)q->at + q->end;

	if (unlikely(s->phase != PHASE_MEASURE)) {
		after_the_end(s, account, n, age);
		return;
	}
	*p = (struct pending){ t, age, (s32)n, account };
	q->end++;
	s->nr_pending++;
	s->in_order_until = -1;
	if (unlikely(q->end == q->room || (q->end - q->first > 1 && t < p[-1].t)))
		sort_last(s, q);
}

void metrics_pending_move(sim *s, s64 t, enum account from, enum account to, s64 n)
{
	metrics_pending(s, t, from, -n, -1);
	metrics_pending(s, t, to, n, -1);
}

/* The queue whose first change comes before all others'; *limit is the first of the others. */
static struct queue *earliest_queue(sim *s, struct pending **limit)
{
	struct queue *best = NULL;

	*limit = NULL;
	for (s32 i = 0; i <= s->nr_contexts; i++) {
		struct pending *first = first_of(&s->pending[i]);

		if (!first)
			continue;
		if (!best || sooner(first, first_of(best))) {
			*limit = best ? first_of(best) : NULL;
			best = &s->pending[i];
		} else if (!*limit || sooner(first, *limit)) {
			*limit = first;
		}
	}
	return best;
}

void metrics_flush_pending(sim *s, s64 upto)
{
	while (s->nr_pending) {
		struct pending *limit, *p;
		struct queue *q = earliest_queue(s, &limit);

		if (first_of(q)->t > upto)
			return;
		for (p = first_of(q); p && p->t <= upto && (!limit || !sooner(limit, p)); p = first_of(q)) {
			metrics_commit(s, (enum account)p->account, p->n);
			if (p->age >= 0)
				values_add(&s->dead_age, p->age);
			queue_drop_first(q);
			s->nr_pending--;
		}
	}
	set_horizon(s, s->horizon);
}

void metrics_sample(sim *s, s64 t)
{
	struct sim_sample *sample;

	if (s->phase != PHASE_MEASURE)
		return;
	s->samples = sim_grow(s, s->samples, &s->room_samples, s->nr_samples + 1, sizeof(*sample));
	sample = &s->samples[s->nr_samples++];
	sample->t_ns = t / PS_PER_NS;
	sample->postponed_bytes = s->count[ACCOUNT_POSTPONED] * s->m.object_bytes;
	sample->waiting_bytes = s->count[ACCOUNT_WAITING] * s->m.object_bytes;
	sample->ready_bytes = s->count[ACCOUNT_READY] * s->m.object_bytes;
	sample->overhead_bytes = s->count[ACCOUNT_OVERHEAD];
	sample->pinned_slab_bytes = s->count[ACCOUNT_PINNED];
}

/* ---- calls ---- */

void metrics_call(sim *s, const struct task_call *call, s64 end)
{
	s64 latency = end - call->start_ps;
	bool exits = call->call.kind == CALL_EXIT;

	if (exits) {
		values_add(&s->exit_latency, latency);
		if (call->n)
			values_add(&s->exit_per_object, latency / call->n);
	} else {
		values_add(&s->munmap_latency, latency);
	}
	if (s->req.series_interval_ns) {
		struct sim_call_record *r;

		s->calls = sim_grow(s, s->calls, &s->room_calls, s->nr_calls + 1, sizeof(*r));
		r = &s->calls[s->nr_calls++];
		r->t_ns = call->start_ps / PS_PER_NS;
		r->latency_ps = latency;
		r->cpu = call->cpu;
		r->mm = (int32_t)(call->mm - s->mms);
		r->n = call->n;
		r->kind = exits;
	}
}

/* ---- the end of the measured span ---- */

static double mean_of(sim *s, enum account a)
{
	s128 integral = s->integral[a] + (s128)s->count[a] * s->end_ps;

	return s->end_ps ? (double)integral / (double)s->end_ps : 0;
}

/* Everything up to end_ps is committed. What is pending lies behind it: for an integral it
 * counts as happening at the end, for counts and ages as not yet happened. */
static void cut_at_end(sim *s)
{
	metrics_flush(s, s->end_ps);
	for (s32 i = 0; i <= s->nr_contexts; i++) {
		struct queue *q = &s->pending[i];

		for (struct pending *p = first_of(q); p; p = first_of(q)) {
			s->integral[p->account] += (s128)p->n * p->t;
			if (p->age >= 0) {
				s->age_sum_ps += max_s64(s->end_ps - (p->t - p->age), 0);
				s->frees_not_measured++;
			}
			queue_drop_first(q);
		}
	}
	s->nr_pending = 0;
}

static void censor_dead_objects(sim *s)
{
	for (s64 i = 0; i < s->nr_slabs; i++) {
		const struct slab *slab = &s->slabs[i];
		const struct object *o = &s->objects[i * s->m.objects_per_slab];

		for (u32 left = slab->in_use - slab->live; left; o++)
			if (o->is_dead) {
				s->age_sum_ps += max_s64(s->end_ps - o->unlink_ps, 0);
				left--;
			}
	}
}

void metrics_finish(sim *s)
{
	struct sim_result *r = &s->r;
	double bytes = s->m.object_bytes, objects = (double)max_s64(s->objects_unlinked, 1);

	cut_at_end(s);
	retained_falls(s);
	censor_dead_objects(s);
	for (int a = 0; a < NR_ACCOUNTS; a++)
		if (s->count[a] < 0)
			sim_fail(s, "policy '%s' miscounts its objects: %lld in state %d at the end",
				 s->policy->name, (long long)s->count[a], a);
	r->duration_ns = s->end_ps / PS_PER_NS;
	r->exit_latency = values_describe(&s->exit_latency);
	r->munmap_latency = values_describe(&s->munmap_latency);
	r->dead_age = values_describe(&s->dead_age);
	s->age_sum_ps += s->dead_age.sum;
	{
		struct sim_distribution per = values_describe(&s->exit_per_object);

		r->exit_ns_per_object_mean = per.mean_ns;
		r->exit_ns_per_object_p50 = per.p50_ns;
		r->exit_ns_per_object_p99 = per.p99_ns;
		r->exit_ns_per_object_max = per.max_ns;
	}
	r->retained_postponed_bytes_mean = mean_of(s, ACCOUNT_POSTPONED) * bytes;
	r->retained_waiting_bytes_mean = mean_of(s, ACCOUNT_WAITING) * bytes;
	r->retained_ready_bytes_mean = mean_of(s, ACCOUNT_READY) * bytes;
	r->overhead_bytes_mean = mean_of(s, ACCOUNT_OVERHEAD);
	r->retained_bytes_mean = r->retained_postponed_bytes_mean + r->retained_waiting_bytes_mean +
				 r->retained_ready_bytes_mean + r->overhead_bytes_mean;
	r->retained_bytes_peak = (double)s->retained_peak;
	r->pinned_slab_bytes_mean = mean_of(s, ACCOUNT_PINNED);
	r->pinned_slab_bytes_peak = (double)s->pinned_peak;
	r->cpu_freeing_ns_per_object = (double)s->cpu_freeing_ps / PS_PER_NS / objects;
	r->cpu_callback_ns_per_object = (double)s->cpu_callback_ps / PS_PER_NS / objects;
	r->cpu_ns_per_object = r->cpu_freeing_ns_per_object + r->cpu_callback_ns_per_object;
	r->max_stall_ns = (double)s->max_stall_ps / PS_PER_NS;
	r->objects_unlinked = s->objects_unlinked;
	r->objects_freed = s->dead_age.nr;
	r->objects_retained_at_end = s->objects_unlinked - s->dead_age.nr;
	r->dead_age_sum_ns = (double)s->age_sum_ps / PS_PER_NS;
	r->samples = s->samples;
	r->nr_samples = s->nr_samples;
	r->calls = s->calls;
	r->nr_calls = s->nr_calls;
	s->samples = NULL;
	s->calls = NULL;
}

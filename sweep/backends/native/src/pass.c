/* SPDX-License-Identifier: Apache-2.0 */
/* pass.c - one pass over the workload, from a fresh state: set up, measure, drain, check, work out. */
#define _GNU_SOURCE
#include "log.h"
#include "result.h"

#include <sched.h>
#include <string.h>

#define LEAD_NS 10000000 /* from when all threads stand ready to time 0 */
#define LOOK_NS 1000000	 /* while draining */
#define FLUSH_EVERY 8	 /* looks, of what is lazy */

static void setup_cpus(struct policy_run *run)
{
	u64 *calls = zalloc(run->nr_cpus * sizeof(*calls));

	run->cpus = zalloc(run->nr_cpus * sizeof(*run->cpus));
	run->cpu_of_real = zalloc(CPU_SETSIZE * sizeof(u32));
	for (s32 i = 0; i < run->req->nr_cpu_set; i++)
		run->cpu_of_real[run->cpu_set[i]] = (u32)i % run->nr_cpus;
	for (s64 i = 0; i < run->w.nr_rows; i++)
		calls[run->w.cpu[i]] += run->w.kind[i] <= ROW_EXIT;
	for (u32 i = 0; i < run->nr_cpus; i++) {
		struct cpu *c = &run->cpus[i];

		c->id = i;
		c->real = run->cpu_set[i];
		c->row = NO_ROW;
		c->blimit = run->m.blimit;
		c->calls = zalloc(calls[i] * sizeof(*c->calls));
		atomic_store(&c->reader_mm, NO_MM);
	}
	free(calls);
}

static void setup_objects(struct policy_run *run)
{
	const size_t nr = run->nr_objects;

	run->slots = zalloc(nr * sizeof(*run->slots));
	run->born_at = zalloc(nr * sizeof(u64));
	run->unlinked_at = zalloc(nr * sizeof(u64));
	run->freed = zalloc(nr * sizeof(u64));
	run->slab_of = zalloc(nr * sizeof(u32));
	if (run->on_slab)
		slab_setup(run);
}

static void setup_policy(struct policy_run *run)
{
	run->state = zalloc(run->policy->state_size);
	run->cpu_state = zalloc(run->nr_cpus * sizeof(void *));
	for (u32 i = 0; i < run->nr_cpus; i++)
		run->cpu_state[i] = zalloc(run->policy->cpu_size);
}

static struct policy_run *setup(const struct input *input, s64 nr_rows)
{
	struct policy_run *run = zalloc(sizeof(*run));

	run->req = &input->header;
	run->m = input->header.machine;
	run->w = input->w;
	run->params = input->params;
	run->cpu_set = input->cpu_set;
	run->policy = input->policy;
	run->kernel_like = run->req->rcu != NATIVE_RCU_LIBURCU;
	run->offloaded = run->req->rcu == NATIVE_RCU_OFFLOADED;
	run->on_slab = run->req->allocator == NATIVE_ALLOC_SLAB;
	run->typesafe = run->policy->flags & POLICY_TYPESAFE;
	run->nr_cpus = (u32)run->m.nr_cpus;
	run->jiffy_units = clock_of_ns((double)run->m.jiffy_ns);
	run->shrinker_first_priority = -1;
	if (nr_rows < run->w.nr_rows) { /* warming up */
		run->w.nr_rows = nr_rows;
		run->w.duration_ns = nr_rows ? run->w.t_ns[nr_rows - 1] : 0;
	}
	run->mms = zalloc((size_t)run->w.nr_mms * sizeof(*run->mms));
	run->row_links = zalloc((size_t)run->w.nr_rows * sizeof(*run->row_links));
	setup_cpus(run);
	rows_deal(run);
	if (run->offloaded)
		nocb_setup(run);
	contexts_setup(run);
	setup_objects(run);
	setup_policy(run);
	return run;
}

/* ---- the measured span ---- */

static bool rows_are_over(const struct policy_run *run)
{
	for (u32 i = 0; i < run->nr_cpus; i++)
		if (!atomic_load(&run->cpus[i].rows_over))
			return false;
	return true;
}

/* To the end of the workload, or of its last call. */
static void measure(struct policy_run *run, struct pass_result *result)
{
	const u64 planned = run->t0 + clock_of_ns((double)run->w.duration_ns);
	struct waiter nobody = { 0 };
	u64 last;

	for (;;) {
		const unsigned ticket = waiter_ticket(&run->rows_over);

		if (rows_are_over(run))
			break;
		waiter_sleep(&run->rows_over, ticket, run->placement.next ? run->placement.next : NEVER);
		if (run->placement.next && clock_now() >= run->placement.next)
			placement_look(&run->placement, run->req, run->cpu_set);
	}
	while (clock_now() < planned)
		waiter_sleep(&nobody, 0, planned);
	last = atomic_load(&run->last_call_end);
	run->end = last > planned ? last : planned;
	metrics_totals(run, result);
	contexts_cpu_time(run, true);
	result->after = usage_now(run);
	atomic_store(&run->readers_over, true);
	atomic_store(&run->reclaim_over, true);
	contexts_join(run, ROLE_READER);
	contexts_join(run, ROLE_KSWAPD);
}

/* ---- the drain ---- */

static u64 sum_of(const struct policy_run *run, size_t offset)
{
	u64 sum = 0;

	for (u32 i = 0; i < run->nr_contexts; i++)
		sum += atomic_load((atomic_u64 *)((char *)&run->contexts[i].count + offset));
	return sum;
}
#define SUM_OF(run, field) sum_of(run, offsetof(struct counters, field))

static u64 unlinked_so_far(const struct policy_run *run)
{
	u64 nr = 0;

	for (s32 i = 0; i < run->w.nr_mms; i++)
		nr += atomic_load(&run->mms[i].gone);
	return nr;
}

static u64 alive_at_end(const struct policy_run *run)
{
	u64 nr = 0;

	for (s32 i = 0; i < run->w.nr_mms; i++)
		nr += atomic_load(&run->mms[i].born) - atomic_load(&run->mms[i].gone);
	return nr;
}

/* rcu_barrier(): until every callback has been invoked, those that callbacks posted as well. */
static void drain(struct policy_run *run, struct pass_result *result)
{
	const u64 start = clock_now(), limit = start + clock_of_ns((double)run->req->max_drain_ns);
	const u64 unlinked = unlinked_so_far(run);

	mm_stop_all(run);
	atomic_store(&run->shrinker, NULL);
	if (run->policy->stop)
		run->policy->stop(run);
	check_no_locks(run, "stop()");
	works_check(run);
	for (u32 look = 0;; look++) {
		const u64 callbacks = SUM_OF(run, callbacks), posted = SUM_OF(run, posted);

		if (SUM_OF(run, freed) == unlinked && callbacks == posted && !SUM_OF(run, alloc_bytes))
			break;
		if (clock_now() > limit)
			fail_configuration(
				"policy '%s' has lost something: %llu of %llu objects were freed, %llu of %llu "
				"callbacks invoked, %lld bytes of its memory are left, %lld ms after stop()",
				run->policy->name, (unsigned long long)SUM_OF(run, freed),
				(unsigned long long)unlinked, (unsigned long long)callbacks,
				(unsigned long long)posted, (long long)SUM_OF(run, alloc_bytes),
				(long long)(run->req->max_drain_ns / 1000000));
		if (run->offloaded && look % FLUSH_EVERY == 0)
			nocb_flush_all(run);
		sleep_ns(LOOK_NS);
	}
	result->callbacks_in_all = SUM_OF(run, callbacks);
	result->drain_ns = clock_to_ns(clock_now() - start);
}

/* ---- one pass ---- */

/* As told, or as seen before the pass, if it had to look for long enough. */
static double clock_of_full_speed(const struct policy_run *run)
{
	const double ns = run->req->work_ns > 0 ? run->req->work_ns : placement_full_speed(&run->placement);

	return ns / clock_scale.ns_per_unit;
}

void run_pass(const struct input *input, s64 nr_rows, struct pass_result *result, struct policy_run **made)
{
	struct policy_run *run = *made = setup(input, nr_rows);

	memset(result, 0, sizeof(*result));
	here = run->main;
	placement_wait(&run->placement, run->req, run->cpu_set);
	run->full_speed = clock_of_full_speed(run);
	urcu_setup(run);
	urcu_enter(run->main);
	contexts_start(run);
	run->t0 = clock_now() + clock_of_ns(LEAD_NS);
	atomic_store(&run->last_call_end, run->t0);
	if (run->policy->start)
		run->policy->start(run);
	check_no_locks(run, "start()");
	contexts_cpu_time(run, false);
	result->before = usage_now(run);
	pthread_barrier_wait(&run->ready);
	measure(run, result);
	drain(run, result);
	atomic_store(&run->over, true);
	kick_all(run);
	contexts_join(run, NR_ROLES);
	urcu_leave(run->main);
	urcu_teardown(run);
	placement_look(&run->placement, run->req, run->cpu_set);
	if (run->on_slab)
		slab_check(run, alive_at_end(run));
	result->disturbance = disturbance_of(run, &result->before, &result->after);
	metrics_finish(run, result);
}

void pass_free(struct policy_run *run)
{
	object_free_live(run);
	if (run->on_slab)
		slab_teardown(run);
	for (u32 i = 0; i < run->nr_cpus; i++) {
		struct cpu *c = &run->cpus[i];

		while (c->call_pool) {
			struct task_call *call = c->call_pool;

			c->call_pool = call->next;
			free(call);
		}
		free(c->fault_rows);
		free(c->calls);
		free(run->cpu_state[i]);
	}
	for (u32 i = 0; i < run->nr_contexts; i++)
		log_free(&run->contexts[i].log);
	pthread_barrier_destroy(&run->ready);
	free(run->contexts);
	free(run->cpu_state);
	free(run->state);
	free((void *)run->slots);
	free(run->born_at);
	free(run->unlinked_at);
	free(run->freed);
	free(run->slab_of);
	free(run->groups);
	free(run->row_links);
	free(run->mms);
	free(run->cpu_of_real);
	free(run->cpus);
	free(run);
	here = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c - the threads of a pass: who there is, where they may run, and what they cost. */
#define _GNU_SOURCE
#include "log.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

_Thread_local struct context *here;

void bind_thread(pthread_t thread, const s32 *cpus, u32 nr)
{
	cpu_set_t set;
	int error;

	CPU_ZERO(&set);
	for (u32 i = 0; i < nr; i++)
		CPU_SET((size_t)cpus[i], &set);
	error = pthread_setaffinity_np(thread, sizeof(set), &set);
	if (error)
		fail_environment("cannot bind a thread to CPU %d and %u more: %s", cpus[0], nr - 1,
				 strerror(error));
}

void sleep_ns(u64 ns)
{
	struct waiter nobody = { 0 };

	waiter_sleep(&nobody, 0, clock_now() + clock_of_ns((double)ns));
}

struct cpu *cpu_here(struct policy_run *run)
{
	int real;

	if (here->cpu)
		return here->cpu;
	real = sched_getcpu();
	return &run->cpus[real < 0 || real >= CPU_SETSIZE ? 0 : run->cpu_of_real[real]];
}

struct cpu *kthread_arrives(struct policy_run *run)
{
	struct cpu *c = cpu_here(run);

	atomic_fetch_add(&c->kthreads, 1);
	gp_context_switch(c);
	preempted_from_now();
	here->stretch = stretch_begin();
	return c;
}

void kthread_leaves(struct cpu *c)
{
	const double ns = stretch_end(here->run, &here->stretch);

	count(&here->count.worked, clock_of_ns(here->stretch.cpu_ns));
	count(&here->count.worked_at_full, clock_of_ns(ns));
	atomic_fetch_sub(&c->kthreads, 1);
}

static struct context *add(struct policy_run *run, enum role role, u32 index, void (*body)(struct context *),
			   u64 expected_events)
{
	struct context *ctx = &run->contexts[run->nr_contexts++];

	ctx->run = run;
	ctx->role = role;
	ctx->index = index;
	ctx->body = body;
	log_setup(&ctx->log, expected_events);
	if (role == ROLE_CPU || role == ROLE_KSOFTIRQD || role == ROLE_KWORKER || role == ROLE_URCU ||
	    role == ROLE_READER)
		ctx->cpu = &run->cpus[index];
	return ctx;
}

void contexts_setup(struct policy_run *run)
{
	const u32 cpus = run->nr_cpus;
	const u64 share = run->nr_objects / cpus;

	run->contexts = zalloc((8 + 6 * (size_t)cpus + run->nr_groups) * sizeof(struct context));
	run->main = add(run, ROLE_MAIN, 0, NULL, 0);
	run->main->cpu = &run->cpus[0];
	add(run, ROLE_GP, 0, gp_main, 0);
	add(run, ROLE_TIMER, 0, timer_main, 0);
	for (u32 i = 0; i < cpus; i++) {
		run->cpus[i].context = add(run, ROLE_CPU, i, cpu_main, 2 * share);
		add(run, ROLE_KWORKER, i, kworker_main, 0);
		if (run->kernel_like && !run->offloaded)
			add(run, ROLE_KSOFTIRQD, i, ksoftirqd_main, share / 4);
		if (run->offloaded)
			add(run, ROLE_RCUOP, i, rcuop_main, share);
		if (!run->kernel_like)
			run->cpus[i].urcu_worker = add(run, ROLE_URCU, i, NULL, share);
		if (run->w.readers_per_1000_faults || run->w.background_readers_per_cpu_per_s ||
		    run->req->stress)
			add(run, ROLE_READER, i, reader_main, 0);
	}
	for (u32 i = 0; run->offloaded && i < run->nr_groups; i++)
		add(run, ROLE_RCUOG, i, rcuog_main, 0);
	if (run->w.nr_pressure)
		add(run, ROLE_KSWAPD, 0, kswapd_main, 0);
}

/* Kernel threads that belong to a CPU, those that offloading may bind to housekeeping CPUs, and the rest. */
static void bind_context(struct context *ctx)
{
	const struct policy_run *run = ctx->run;
	u32 nr = (u32)run->req->nr_cpu_set;

	if (ctx->cpu) {
		bind_thread(pthread_self(), &ctx->cpu->real, 1);
		return;
	}
	if (run->m.nocb_housekeeping_cpus && (u32)run->m.nocb_housekeeping_cpus < nr)
		nr = (u32)run->m.nocb_housekeeping_cpus;
	bind_thread(pthread_self(), run->cpu_set, nr);
}

/* The GP kthread is mostly woken from a softirq, which in the kernel is over before it can run; nor does a timer's interrupt
 * switch to any thread. So these wait for an idle CPU, or for the end of a slice: SCHED_BATCH, as one who wakes. */
static void preempts_nobody(void)
{
	const struct sched_param lowest = { 0 };

	if (sched_setscheduler(0, SCHED_BATCH, &lowest))
		fail_environment("no thread of SCHED_BATCH is permitted here: %s", strerror(errno));
}

static void *thread_main(void *arg)
{
	struct context *ctx = arg;
	struct rusage before, after;

	here = ctx;
	prctl(PR_SET_TIMERSLACK, 1UL);
	bind_context(ctx);
	if (ctx->role == ROLE_GP || ctx->role == ROLE_TIMER)
		preempts_nobody();
	urcu_enter(ctx);
	pthread_barrier_wait(&ctx->run->ready);
	getrusage(RUSAGE_THREAD, &before);
	preempted_from_now();
	ctx->body(ctx);
	getrusage(RUSAGE_THREAD, &after);
	ctx->involuntary_switches = after.ru_nivcsw - before.ru_nivcsw;
	urcu_leave(ctx);
	return NULL;
}

/* All of them, waiting for main at the barrier. */
void contexts_start(struct policy_run *run)
{
	u32 nr = 1;

	for (u32 i = 0; i < run->nr_contexts; i++)
		nr += run->contexts[i].body != NULL;
	pthread_barrier_init(&run->ready, NULL, nr);
	for (u32 i = 0; i < run->nr_contexts; i++) {
		struct context *ctx = &run->contexts[i];
		int error;

		if (!ctx->body)
			continue;
		error = pthread_create(&ctx->thread, NULL, thread_main, ctx);
		if (error)
			fail_environment("cannot create thread %u of %u: %s", i, run->nr_contexts,
					 strerror(error));
		ctx->started = true;
	}
}

void contexts_join(struct policy_run *run, enum role role)
{
	for (u32 i = 0; i < run->nr_contexts; i++) {
		struct context *ctx = &run->contexts[i];

		if (!ctx->started || (role != NR_ROLES && ctx->role != role))
			continue;
		pthread_join(ctx->thread, NULL);
		ctx->started = false;
	}
}

void kick_all(struct policy_run *run)
{
	waiter_kick(&run->gp.waiter);
	for (u32 i = 0; i < run->nr_cpus; i++) {
		struct cpu *c = &run->cpus[i];

		waiter_kick(&c->waiter);
		waiter_kick(&c->ksoftirqd);
		waiter_kick(&c->rcuop);
		waiter_kick(&c->kworker);
	}
	for (u32 i = 0; i < run->nr_groups; i++)
		waiter_kick(&run->groups[i].rcuog);
}

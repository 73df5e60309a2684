/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cputime.c - what disposal costs in CPU time, as it would at full speed (speed.h).
 *
 * What a thread was preempted for is not in it. The scheduler's count of a kernel thread's time, which has its
 * wake-ups and its going to sleep as well, is scaled as the thread's own stretches of work are in sum.
 */
#include "log.h"
#include "result.h"
#include "speed.h"

#include <time.h>

/* A system call is where one is preempted most likely: then the CPU time comes before the time of day here, and after it
 * where a stretch ends, or that would count. */
void preempted_from_now(void)
{
	here->mark_cpu_ns = monotonic_ns(CLOCK_THREAD_CPUTIME_ID);
	here->mark = clock_now();
}

/* Since the mark, and marks anew. The thread has not slept since, unless for a lock. Nor was it preempted before the
 * stretch: it looks at the clock all the time. */
static double preempted_until(u64 end)
{
	const double lasted = clock_to_ns(end - here->mark);
	const u64 cpu_ns = here->mark_cpu_ns;

	preempted_from_now();
	return lasted - (double)(here->mark_cpu_ns - cpu_ns);
}

struct stretch stretch_begin(void)
{
	struct stretch s = { .look = speed_look() };

	s.begin = clock_now();
	return s;
}

double stretch_end(struct policy_run *run, struct stretch *s)
{
	double lost;
	u64 look;

	s->end = clock_now();
	look = speed_look();
	count(&here->count.looks, s->look + look);
	s->speed = at_full_speed(run->full_speed, s->look, look);
	s->cpu_ns = clock_to_ns(s->end - s->begin) - clock_scale.stamp_ns;
	if (s->cpu_ns > SUSPICIOUS_NS) {
		lost = preempted_until(s->end);
		s->cpu_ns -= lost > 0 ? lost : 0;
	}
	s->cpu_ns = s->cpu_ns > 0 ? s->cpu_ns : 0;
	return s->cpu_ns * s->speed;
}

/* CPU time of every thread, at both ends of the measured span. */
void contexts_cpu_time(struct policy_run *run, bool end)
{
	for (u32 i = 0; i < run->nr_contexts; i++) {
		struct context *ctx = &run->contexts[i];
		const struct counters *n = &ctx->count;
		const u64 worked = atomic_load(&n->worked);
		clockid_t id;
		double ns;

		if (end)
			ctx->callback_ns = clock_to_ns(atomic_load(&n->callback_time));
		if ((!ctx->started && ctx->role != ROLE_URCU) || pthread_getcpuclockid(ctx->thread, &id))
			continue;
		ns = (double)monotonic_ns(id) - clock_to_ns(atomic_load(&n->looks));
		if (!end)
			ctx->cpu_ns_before = ns;
		else
			ctx->cpu_ns = (ns - ctx->cpu_ns_before) *
				      (worked ? (double)atomic_load(&n->worked_at_full) / (double)worked : 1);
	}
}

/*
 * CPU time of disposal: the calls' (softirqs that interrupt them included), that of softirqs in between, and all of
 * the kernel threads that free or hand over. The grace-period thread is none of these, as in the simulator; the cost
 * of liburcu's synchronize_rcu() is no kernel's. Nor are timers and readers.
 */
void cpu_time(const struct policy_run *run, struct pass_result *result)
{
	static const enum role disposes[] = { ROLE_KSOFTIRQD, ROLE_KWORKER, ROLE_RCUOG,
					      ROLE_RCUOP,     ROLE_KSWAPD,  ROLE_URCU };
	double in_calls = 0;

	for (u32 i = 0; i < run->nr_contexts; i++)
		result->cpu_of_role_ns[run->contexts[i].role] += run->contexts[i].cpu_ns;
	for (u32 i = 0; i < run->nr_cpus; i++) {
		const struct context *ctx = run->cpus[i].context;

		result->cpu_ns += run->cpus[i].freeing_ns + ctx->callback_ns;
		result->callback_ns += ctx->callback_ns;
		in_calls += clock_to_ns(atomic_load(&ctx->count.callback_time_in_calls));
	}
	for (size_t i = 0; i < sizeof(disposes) / sizeof(disposes[0]); i++) {
		result->cpu_ns += result->cpu_of_role_ns[disposes[i]];
		result->callback_ns += result->cpu_of_role_ns[disposes[i]];
	}
	result->callback_ns += in_calls;
	result->freeing_ns = result->cpu_ns - result->callback_ns;
}

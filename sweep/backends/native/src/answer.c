/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - JSON lines on standard output. */
#define _GNU_SOURCE
#include "log.h"
#include "result.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* ---- errors ---- */

static void put_escaped(const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
}

/* The first one to fail speaks; the others wait for the end. */
void fail(const char *cause, const char *format, ...)
{
	static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
	char text[2048];
	va_list args;

	pthread_mutex_lock(&once);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "bench: %s\n", text);
	printf("{\"error\": \"");
	put_escaped(text);
	printf("\", \"cause\": \"%s\"}\n", cause);
	fflush(stdout);
	_exit(2);
}

/* ---- one pass ---- */

static bool first; /* in its object */

static void put_name(const char *name, const char *part)
{
	printf("%s\"%s%s%s\": ", first ? "" : ", ", name, part ? "." : "", part ? part : "");
	first = false;
}

static void put(const char *name, const char *part, double value)
{
	put_name(name, part);
	printf("%.17g", value);
}

static void put_count(const char *name, u64 value)
{
	put_name(name, NULL);
	printf("%llu", (unsigned long long)value);
}

static void put_text(const char *name, const char *text)
{
	put_name(name, NULL);
	putchar('"');
	put_escaped(text);
	putchar('"');
}

static void put_distribution(const char *name, const struct distribution *d, bool with_mean)
{
	if (with_mean)
		put(name, "mean", d->mean);
	put(name, "p50", d->p50);
	put(name, "p99", d->p99);
	put(name, "max", d->max);
}

static void put_metrics(const struct policy_run *run, const struct pass_result *r)
{
	const double objects = r->unlinked ? (double)r->unlinked : 1;

	put_distribution("exit_latency_ns", &r->exit_latency, true);
	put_distribution("exit_ns_per_object", &r->exit_per_object, true);
	put_distribution("munmap_latency_ns", &r->munmap_latency, true);
	put("retained_bytes", "mean", r->retained.mean);
	put("retained_bytes", "peak", r->retained.peak);
	put("retained_split", "postponed", r->postponed);
	put("retained_split", "waiting", r->waiting);
	put("retained_split", "ready", r->ready);
	put("retained_split", "policy_memory", r->overhead);
	if (run->on_slab) {
		put("pinned_slab_bytes", "mean", r->pinned.mean);
		put("pinned_slab_bytes", "peak", r->pinned.peak);
	} else {
		printf(", \"pinned_slab_bytes.mean\": null, \"pinned_slab_bytes.peak\": null");
	}
	put_distribution("dead_age_ns", &r->dead_age, false);
	put("cpu_ns_per_object", NULL, r->cpu_ns / objects);
	put("max_stall_ns", NULL, clock_to_ns(TOTAL(r, max_stall)));
	if (run->kernel_like)
		put_count("grace_periods", r->grace_periods);
	else
		printf(", \"grace_periods\": null");
	put_count("callbacks", TOTAL(r, callbacks));
	if (run->kernel_like)
		put_count("wakeups", TOTAL(r, wakeups));
	else
		printf(", \"wakeups\": null");
	put_count("lock_waits", TOTAL(r, lock_waits));
	put_count("violations", TOTAL(r, violations));
}

/* Slabs are ours alone; what the library does inside shows to nobody. */
static void put_unmeasured(const struct policy_run *run)
{
	const char *names[4];
	int nr = 0;

	if (!run->on_slab) {
		names[nr++] = "pinned_slab_bytes.mean";
		names[nr++] = "pinned_slab_bytes.peak";
	}
	if (!run->kernel_like) {
		names[nr++] = "grace_periods";
		names[nr++] = "wakeups";
	}
	for (int i = 0; i < nr; i++)
		printf("%s\"%s\"", i ? ", " : "", names[i]);
}

/* Whose malloc() it is shows in what else it exports. */
static const char *malloc_name(void)
{
	if (dlsym(RTLD_DEFAULT, "mi_version"))
		return "mimalloc";
	if (dlsym(RTLD_DEFAULT, "mallctl"))
		return "jemalloc";
	if (dlsym(RTLD_DEFAULT, "gnu_get_libc_version"))
		return "glibc";
	return "unknown";
}

static const char *rcu_text(const struct policy_run *run)
{
	if (run->offloaded)
		return "kernel_like offloaded, readers and synchronize_rcu() of liburcu memb";
	if (run->kernel_like)
		return "kernel_like softirq, readers and synchronize_rcu() of liburcu memb";
	return "liburcu memb call_rcu(), one bound worker per CPU; hurry and lazy are the same; objects count as "
	       "waiting until their callback begins; cookies by a thread that calls synchronize_rcu()";
}

static void put_details(const struct policy_run *run, const struct pass_result *r)
{
	static const char *const roles[NR_ROLES] = { "main",	  "cpu",     "gp",    "timer",
						     "ksoftirqd", "kworker", "rcuog", "rcuop",
						     "kswapd",	  "urcu",    "reader" };
	const double objects = r->unlinked ? (double)r->unlinked : 1;

	put_text("rcu", rcu_text(run));
	put_text("allocator", run->on_slab ? "slab" : malloc_name());
	put_text("malloc", malloc_name());
	put_text("clock", clock_scale.tsc ? "tsc" : "clock_gettime");
	put("clock_ns_per_unit", NULL, clock_scale.ns_per_unit);
	put("clock_stamp_ns", NULL,
	    clock_scale.stamp_ns); /* taken off a call's latency, for each one in it */
	put("duration_ns", NULL, r->duration_ns);
	put("drain_ns", NULL, r->drain_ns);
	put("object_bytes", NULL, run->m.object_bytes);
	put_count("objects_unlinked", r->unlinked);
	put_count("objects_freed", r->freed);
	put_count("objects_retained_at_end", r->unlinked - r->freed);
	put("dead_age_sum_ns", NULL, r->dead_age_sum_ns);
	put_count("exit_latency_count", r->exit_latency.count);
	put_count("munmap_latency_count", r->munmap_latency.count);
	put_count("calls_slow", r->calls_slow);
	put("calls_slowed_by", NULL, r->calls_ns > 0 ? r->calls_raw_ns / r->calls_ns : 1);
	put("cpu_freeing_ns_per_object", NULL, r->freeing_ns / objects);
	put("cpu_callback_ns_per_object", NULL, r->callback_ns / objects);
	for (int i = 0; i < NR_ROLES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "cpu_%s_ns", roles[i]);
		put(name, NULL, r->cpu_of_role_ns[i]);
	}
	put_count("callbacks_in_ksoftirqd", r->callbacks_in_ksoftirqd);
	put_count("callbacks_in_all", r->callbacks_in_all);
	put_count("cookie_grace_periods", r->grace_periods);
	put_count("fqs_scans", r->fqs_scans);
	put_count("nocb_enqueues", TOTAL(r, nocb_enqueues));
	put_count("bypass_enqueues", TOTAL(r, bypass_enqueues));
	put_count("bypass_flushes", TOTAL(r, bypass_flushes));
	put_count("shrinker_calls", TOTAL(r, shrinker_calls));
	put_count("shrinker_scanned", TOTAL(r, shrinker_scanned));
	put("shrinker_first_priority", NULL, run->shrinker_first_priority);
	put_count("slabs_allocated", TOTAL(r, slabs_allocated));
	put_count("slabs_freed", TOTAL(r, slabs_freed));
	put_count("reader_sections", TOTAL(r, sections));
	put_count("reader_sections_skipped", TOTAL(r, sections_skipped));
	put_count("reader_sections_preempted", TOTAL(r, preempted_sections));
	put_count("revalidated", TOTAL(r, revalidated));
	put_count("exits_that_waited_for_readers", TOTAL(r, exit_waits));
	put_count("rss_before_bytes", r->before.rss_bytes);
	put_count("rss_after_bytes", r->after.rss_bytes);
	put_count("rss_peak_bytes", r->after.peak_rss_bytes);
}

static void put_looks(const char *name, const double *ns, u32 nr)
{
	put_name(name, NULL);
	putchar('[');
	for (u32 i = 0; i < nr; i++)
		printf("%s%.1f", i ? ", " : "", ns[i]);
	putchar(']');
}

static void put_disturbance(const struct policy_run *run, const struct disturbance *d)
{
	put_count("involuntary_switches", d->involuntary_switches);
	put_count("minor_faults", d->minor_faults);
	put_count("major_faults", d->major_faults);
	put("steal_ns", NULL, d->steal_ns);
	put("others_cpu_ns", NULL, d->others_cpu_ns);
	put("own_cpu_ns", NULL, d->own_cpu_ns);
	put("late_start_mean_ns", NULL, d->late_start_mean_ns);
	put("late_start_max_ns", NULL, d->late_start_max_ns);
	put_count("line_waits", run->placement.waits);
	put_looks("line_ns", run->placement.line_ns, run->placement.nr);
	put_looks("work_ns", run->placement.work_ns, run->placement.nr);
}

void answer(u32 pass, const struct policy_run *run, const struct pass_result *result)
{
	printf("{\"pass\": %u, \"metrics\": {", pass);
	first = true;
	put_metrics(run, result);
	printf("}, \"unmeasured\": [");
	put_unmeasured(run);
	printf("], \"details\": {");
	first = true;
	put_details(run, result);
	printf("}, \"disturbance\": {");
	first = true;
	put_disturbance(run, &result->disturbance);
	printf("}}\n");
	fflush(stdout);
}

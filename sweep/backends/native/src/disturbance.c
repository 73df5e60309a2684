/* SPDX-License-Identifier: Apache-2.0 */
/* disturbance.c - what else happened on this machine meanwhile. */
#define _GNU_SOURCE
#include "log.h"
#include "result.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool in_cpu_set(const struct policy_run *run, int cpu)
{
	for (s32 i = 0; i < run->req->nr_cpu_set; i++)
		if (run->cpu_set[i] == cpu)
			return true;
	return false;
}

/* proc(5): user nice system idle iowait irq softirq steal; guest time is in user. */
static void read_stat(const struct policy_run *run, struct usage *u)
{
	const u64 tick_ns = 1000000000u / (u64)sysconf(_SC_CLK_TCK);
	FILE *file = fopen("/proc/stat", "r");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
		int cpu;

		if (sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, &user, &nice, &system,
			   &idle, &iowait, &irq, &softirq, &steal) != 9 ||
		    !in_cpu_set(run, cpu))
			continue;
		u->busy_ns += (user + nice + system + irq + softirq) * tick_ns;
		u->steal_ns += steal * tick_ns;
	}
	if (file)
		fclose(file);
}

static void read_memory(struct usage *u)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long long size, resident;

	if (file && fscanf(file, "%llu %llu", &size, &resident) == 2)
		u->rss_bytes = resident * (u64)sysconf(_SC_PAGESIZE);
	if (file)
		fclose(file);
}

struct usage usage_now(const struct policy_run *run)
{
	struct usage u = { 0 };
	struct rusage self;

	getrusage(RUSAGE_SELF, &self);
	u.minor_faults = (u64)self.ru_minflt;
	u.major_faults = (u64)self.ru_majflt;
	u.peak_rss_bytes = (u64)self.ru_maxrss * 1024;
	u.own_cpu_ns = monotonic_ns(CLOCK_PROCESS_CPUTIME_ID);
	read_stat(run, &u);
	read_memory(&u);
	return u;
}

struct disturbance disturbance_of(const struct policy_run *run, const struct usage *before,
				  const struct usage *after)
{
	struct disturbance d = { 0 };
	u64 late = 0, late_sum = 0, nr_late = 0;
	double others;

	for (u32 i = 0; i < run->nr_cpus; i++) {
		const struct cpu *c = &run->cpus[i];

		d.involuntary_switches += (u64)c->context->involuntary_switches;
		late = c->late_max > late ? c->late_max : late;
		late_sum += c->late_sum;
		nr_late += c->nr_late;
	}
	d.minor_faults = after->minor_faults - before->minor_faults;
	d.major_faults = after->major_faults - before->major_faults;
	d.steal_ns = (double)(after->steal_ns - before->steal_ns);
	d.own_cpu_ns = (double)(after->own_cpu_ns - before->own_cpu_ns);
	others = (double)(after->busy_ns - before->busy_ns) - d.own_cpu_ns;
	d.others_cpu_ns = others > 0 ? others : 0;
	d.late_start_max_ns = clock_to_ns(late);
	d.late_start_mean_ns = nr_late ? clock_to_ns(late_sum) / (double)nr_late : 0;
	return d;
}

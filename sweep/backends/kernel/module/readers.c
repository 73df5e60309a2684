// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * readers.c - who looks at objects. One kernel thread per CPU makes the read-side sections that the
 * workload's page faults and its background rate bring: it finds an object that is linked, looks at its
 * canary, stays for the length of the section, and looks again. A canary that has changed by then is
 * an object that was freed under a reader's eyes: a violation. (With a type-stable cache it is not; the
 * reader must revalidate, and these are counted apart.)
 *
 * A section is busy from beginning to end, also one that the workload calls preempted: a task that
 * sleeps inside is something that RCU does not allow.
 */
#include <linux/delay.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include "lab.h"

#define PPM 1000000
#define WINDOW_NS (10 * NSEC_PER_MSEC)
#define STRESS_SECTION_NS (50 * NSEC_PER_USEC)
#define TRIES 4
#define SLEEP_NS (50 * NSEC_PER_USEC) /* sections closer than this follow each other without a pause */

struct reader {
	struct policy_run *run;
	u32 cpu;
	u64 random;
	u32 next_fault; /* place in the CPU's rows */
};

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016) */
static u32 random_below(struct reader *r, u32 n)
{
	r->random ^= r->random >> 12;
	r->random ^= r->random << 25;
	r->random ^= r->random >> 27;
	return (u32)(((r->random * 0x2545f4914f6cdd1dull >> 32) * n) >> 32);
}

/* Piecewise linear between (ppm, ns), as the simulator's quantile_ps(). */
static u64 quantile_ns(const s64 *ppm, const s64 *ns, s32 nr, s64 at)
{
	s64 x0 = 0, y0 = 0;
	s32 i;

	for (i = 0; i < nr; i++) {
		if (at <= ppm[i])
			return (u64)(ppm[i] == x0 ? ns[i] :
						    y0 + div64_s64((ns[i] - y0) * (at - x0), ppm[i] - x0));
		x0 = ppm[i];
		y0 = ns[i];
	}
	return (u64)y0;
}

static u64 section_ns(struct reader *r)
{
	const struct policy_run *run = r->run;
	const s64 at = random_below(r, PPM + 1);

	if (run->req->stress)
		return STRESS_SECTION_NS;
	if (random_below(r, PPM) < run->req->preempted_ppm)
		return quantile_ns(run->rows.preempted_ppm_at, run->rows.preempted_ns,
				   run->req->nr_preempted_quantiles, at);
	return quantile_ns(run->rows.section_ppm, run->rows.section_ns, run->req->nr_section_quantiles, at);
}

/* Any object that is linked now; of those born last most often, which are most of the linked ones. */
static struct lab_object *find(struct reader *r, u32 *id)
{
	struct policy_run *run = r->run;
	u32 born = min_t(u32, (u32)atomic_read(&run->born), run->nr_objects);
	int try;

	for (try = 0; born && try < TRIES; try++) {
		u32 window = random_below(r, 2) ? born : min_t(u32, born, 1024);
		struct lab_object *o;

		*id = born - 1 - random_below(r, window);
		o = smp_load_acquire(&run->where[*id]);
		if (o && !READ_ONCE(run->unlink[*id]))
			return o;
	}
	return NULL;
}

static void stay(u64 ns)
{
	const u64 until = ktime_get_ns() + ns;

	while (ktime_get_ns() < until)
		cpu_relax();
}

/* One section; in it at most one object. Under mm_ref only with a reference on its address space, which
 * is taken first, as the page-fault handler and ptrace have it. */
static void section(struct reader *r)
{
	struct policy_run *run = r->run;
	const u64 ns = section_ns(r);
	struct lab_mm *mm = NULL;
	struct lab_object *o;
	u32 id;

	rcu_read_lock();
	o = find(r, &id);
	if (o && !run->req->rcu_only) {
		mm = &run->mms[run->mm_of[id]];
		if (!atomic_inc_not_zero(&mm->users))
			mm = NULL;
		if (!mm || READ_ONCE(run->unlink[id])) /* unlinked before the reference was there */
			o = NULL;
	}
	stay(ns);
	if (o && READ_ONCE(o->canary) != lab_canary(o, id))
		atomic64_inc(run->policy->flags & POLICY_TYPESAFE ? &run->revalidations : &run->violations);
	rcu_read_unlock();
	if (mm)
		atomic_dec(&mm->users);
	atomic64_inc(&run->sections);
	if (o)
		atomic64_inc(&run->sections_seen);
}

/* Page faults of this CPU in the window that ends at t. */
static u64 faults_until(struct reader *r, u64 t)
{
	struct policy_run *run = r->run;
	u64 n = 0;

	for (; r->next_fault < run->first_row[r->cpu + 1]; r->next_fault++) {
		u32 row = run->row_order[r->next_fault];

		if (run->rows.t_ns[row] > (s64)t)
			break;
		if (run->rows.kind[row] == ROW_FAULTS)
			n += (u64)run->rows.n[row];
	}
	return n;
}

/* The sections of a window, evenly over it; those that find no time in it are left out and counted. */
static void window(struct reader *r, u64 start, u64 nr)
{
	struct policy_run *run = r->run;
	u64 i;

	for (i = 0; i < nr; i++) {
		u64 due = start + div64_u64(WINDOW_NS * i, nr);
		u64 now = lab_now(run);

		if (now >= start + 2 * WINDOW_NS) {
			atomic64_add((s64)(nr - i), &run->sections_late);
			return;
		}
		if (due > now + SLEEP_NS && !lab_wait_until(run, due))
			return;
		section(r);
		cond_resched();
	}
}

static int reader(void *data)
{
	struct reader r = *(struct reader *)data;
	struct policy_run *run = r.run;
	u64 start;

	kfree(data);
	wait_for_completion(&run->go);
	for (start = 0; lab_wait_until(run, start); start += WINDOW_NS) {
		u64 n = div64_u64(
			faults_until(&r, start + WINDOW_NS) * (u64)run->req->readers_per_1000_faults, 1000);

		n += (u64)run->req->background_readers_per_cpu_per_s / (NSEC_PER_SEC / WINDOW_NS);
		if (!run->req->stress) {
			window(&r, start, n);
			continue;
		}
		while (!READ_ONCE(run->stopping) && lab_now(run) < start + WINDOW_NS) {
			section(&r);
			cond_resched();
		}
	}
	return lab_thread_ends();
}

int readers_start(struct policy_run *run)
{
	s32 cpu;

	for (cpu = 0; cpu < run->req->nr_cpus; cpu++) {
		struct reader *r = kmalloc(sizeof(*r), GFP_KERNEL);
		int error = -ENOMEM;

		if (r) {
			*r = (struct reader){ run, (u32)cpu,
					      (run->req->seed + (u64)cpu + 1) * 0x9e3779b97f4a7c15ull,
					      run->first_row[cpu] };
			r->random = r->random ?: 1;
			error = lab_thread(run, reader, r, cpu, "lab-reader");
		}
		if (error) {
			kfree(r);
			return error;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.c - who looks at objects meanwhile: one thread per CPU of the workload, in real read-side sections.
 *
 * A reader looks for an address space that is in a call right now, takes up to HOLD of its published objects, those
 * that are unlinked next, and looks at them at the beginning and at the end of its section. A freed object carries
 * another canary, a reused one another number: that is a violation, counted once per object and section. Under mm_ref
 * a reader first takes a reference of the address space, which an exit waits for (cpu.c). Type-stable objects may be
 * reused under a reader's eyes, which then looks again; but their slab must not go.
 *
 * The sections that are due by the workload's rates are done in one go about every WAKE_NS, as far as the budget goes,
 * while the CPU sleeps between its rows: page faults are no part of a call. A reader that found no such time for
 * STARVED_NS takes it. What does not fit is counted as skipped.
 */
#include "log.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>

#define HOLD 16
#define WAKE_NS 500000
#define BUDGET_NS 50000 /* per wake-up: a tenth of a CPU at most */
#define STARVED_NS 10000000
#define PPM 1000000

struct reader {
	u64 random; /* state of SplitMix64 */
	s64 fault_at;
	u64 until; /* sections are done up to here */
	double due;
};

struct held {
	struct object *object;
	u32 number;
	bool violated;
};

/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014) */
static u64 next_random(struct reader *r)
{
	u64 x = r->random += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* Piecewise linear between (ppm, ns), as the simulator has it. */
static s64 quantile_ns(const int64_t *ppm, const int64_t *ns, s32 nr, s64 at)
{
	s64 x0 = 0, y0 = 0;

	for (s32 i = 0; i < nr; i++) {
		if (at <= ppm[i])
			return ppm[i] == x0 ? ns[i] : y0 + (ns[i] - y0) * (at - x0) / (ppm[i] - x0);
		x0 = ppm[i];
		y0 = ns[i];
	}
	return y0;
}

/* ---- looking at an object ---- */

/* malloc() may have given the memory back to the system: a fault tells of a freed object as well. */
static _Thread_local sigjmp_buf fault;
static _Thread_local volatile sig_atomic_t looking;

static void on_fault(int signal)
{
	if (looking)
		siglongjmp(fault, 1);
	sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	raise(signal);
}

void readers_catch_faults(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

enum sight { AS_IT_WAS, REUSED, GONE };

static enum sight look(const struct policy_run *run, const struct held *held)
{
	u64 canary;
	u32 number;

	if (!run->on_slab && sigsetjmp(fault, 0)) {
		looking = false;
		return GONE;
	}
	looking = !run->on_slab;
	canary = atomic_load_explicit(&held->object->canary, memory_order_relaxed);
	number = atomic_load_explicit(&held->object->number, memory_order_relaxed);
	looking = false;
	if (canary == CANARY_LIVE && number == held->number)
		return AS_IT_WAS;
	return run->typesafe && (canary == CANARY_LIVE || canary == CANARY_FREED) ? REUSED : GONE;
}

static void check(struct policy_run *run, struct held *held)
{
	switch (look(run, held)) {
	case AS_IT_WAS:
		break;
	case REUSED:
		count(&here->count.revalidated, 1);
		break;
	case GONE:
		count(&here->count.violations, !held->violated);
		held->violated = true;
		break;
	}
}

/* ---- sections ---- */

/* mmget_not_zero() */
static bool take_reference(struct mm *mm)
{
	if (!(atomic_fetch_add(&mm->users, 1) & MM_EXITING))
		return true;
	atomic_fetch_sub(&mm->users, 1);
	return false;
}

/* One in a call right now, on whatever CPU; else the one that runs here, as faults are its own. */
static struct mm *choose_mm(struct policy_run *run, struct reader *r, bool *in_call)
{
	const u32 first = (u32)(next_random(r) % run->nr_cpus);
	struct cpu *c = here->cpu;
	u32 mm;

	*in_call = false;
	for (u32 i = 0; i < run->nr_cpus && !*in_call; i++) {
		struct cpu *other = &run->cpus[(first + i) % run->nr_cpus];

		*in_call = flag(&other->busy);
		if (*in_call)
			c = other;
	}
	mm = atomic_load_explicit(&c->reader_mm, memory_order_relaxed);
	return mm == NO_MM ? NULL : &run->mms[mm];
}

/* The next ones to be unlinked, where a call is in progress, else any. */
static u32 take_objects(struct policy_run *run, struct reader *r, struct mm *mm, bool in_call,
			struct held *held)
{
	const u32 born = atomic_load_explicit(&mm->born, memory_order_acquire);
	u32 at = atomic_load_explicit(&mm->gone, memory_order_relaxed), nr = 0;

	if (at < born && !in_call)
		at += (u32)(next_random(r) % (born - at));
	for (; at < born && nr < HOLD; at++) {
		struct object *o = atomic_load_explicit(&run->slots[mm->first + at], memory_order_acquire);

		if (o)
			held[nr++] = (struct held){ o, mm->first + at, false };
	}
	return nr;
}

static void stay(struct policy_run *run, struct reader *r, bool preempted)
{
	const s64 at = (s64)(next_random(r) % (PPM + 1));
	s64 ns;
	u64 until;

	if (preempted) {
		struct timespec t;

		ns = quantile_ns(run->w.preempted_ppm_at, run->w.preempted_ns, run->w.nr_preempted_quantiles,
				 at);
		t = (struct timespec){ ns / 1000000000, ns % 1000000000 };
		nanosleep(&t, NULL);
		count(&here->count.preempted_sections, 1);
		return;
	}
	ns = quantile_ns(run->w.section_ppm, run->w.section_ns, run->w.nr_section_quantiles, at);
	for (until = clock_now() + clock_of_ns((double)ns); clock_now() < until;)
		cpu_relax();
}

static void section(struct policy_run *run, struct reader *r)
{
	const bool preempted = (s64)(next_random(r) % PPM) < run->w.preempted_ppm;
	bool in_call;
	struct mm *mm = choose_mm(run, r, &in_call);
	struct held held[HOLD];
	u32 nr;

	count(&here->count.sections, 1);
	if (!mm || (!run->w.rcu_only && !take_reference(mm)))
		return;
	reader_enters();
	nr = take_objects(run, r, mm, in_call, held);
	for (u32 i = 0; i < nr; i++)
		check(run, &held[i]);
	stay(run, r, preempted);
	for (u32 i = 0; i < nr; i++)
		check(run, &held[i]);
	reader_leaves();
	if (!run->w.rcu_only)
		atomic_fetch_sub(&mm->users, 1);
}

/* ---- how many ---- */

static double overlap(double from, double to, double start, double end)
{
	const double low = from > start ? from : start, high = to < end ? to : end;

	return high > low ? high - low : 0;
}

/* Sections that begin on this CPU in that span of the workload, in ns. */
static double sections_due(struct policy_run *run, struct cpu *c, struct reader *r, double from, double to)
{
	const double window = (double)run->w.fault_window_ns;
	double due = (double)run->w.background_readers_per_cpu_per_s * (to - from) / 1e9;

	for (s64 i = r->fault_at; i < c->nr_fault_rows; i++) {
		const u32 row = c->fault_rows[i];
		const double end = (double)run->w.t_ns[row];
		const double readers = (double)run->w.n[row] * (double)run->w.readers_per_1000_faults / 1000;

		if (end <= from)
			r->fault_at = i + 1;
		if (end - window >= to)
			break;
		if (window > 0)
			due += readers * overlap(from, to, end - window, end) / window;
	}
	return due;
}

static void do_due_sections(struct policy_run *run, struct cpu *c, struct reader *r)
{
	const u64 start = clock_now(), budget = clock_of_ns(BUDGET_NS);

	r->due += sections_due(run, c, r, clock_to_ns(since_start(run, r->until)),
			       clock_to_ns(since_start(run, start)));
	r->until = start;
	for (; r->due >= 1 && clock_now() - start < budget; r->due--)
		section(run, r);
	if (r->due >= 1) {
		count(&here->count.sections_skipped, (u64)r->due);
		r->due -= (double)(u64)r->due;
	}
}

/* Before the CPU has something to do again. */
bool reader_fits(const struct cpu *c, u64 now)
{
	return atomic_load_explicit(&c->free_until, memory_order_relaxed) > now + clock_of_ns(BUDGET_NS);
}

/* Until it is due and its CPU sleeps for long enough. */
static void wait_for_room(struct cpu *c, u64 done)
{
	const u64 due = done + clock_of_ns(WAKE_NS), starved = done + clock_of_ns(STARVED_NS);
	u64 now;

	atomic_store(&c->reader_due, due);
	do {
		const unsigned ticket = waiter_ticket(&c->reader);

		now = clock_now();
		if (now >= due && reader_fits(c, now))
			break;
		waiter_sleep(&c->reader, ticket, now < due && reader_fits(c, due) ? due : starved);
		now = clock_now();
	} while (now < starved);
	atomic_store(&c->reader_due, NEVER);
}

void reader_main(struct context *ctx)
{
	struct policy_run *run = ctx->run;
	struct reader r = { .random = run->req->seed * 0x9e3779b97f4a7c15ull + ctx->index, .until = run->t0 };

	while (!flag(&run->readers_over)) {
		if (run->req->stress) {
			section(run, &r);
			continue;
		}
		do_due_sections(run, ctx->cpu, &r);
		wait_for_room(ctx->cpu, clock_now());
	}
}

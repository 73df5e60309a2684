/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.c - probes that stand in the place of policies: what a call, a callback and the slab do per object.
 *
 * The workload of a probe is a row of exits of equal size on CPU 0, far apart, so that each meets an idle machine,
 * objects that were born some time before, and callbacks of the one before that are over. A probe keeps its objects
 * in an array and frees them after a grace period, unless freeing is what it times. A sample in which a softirq
 * came in between is dropped.
 */
#define _GNU_SOURCE
#include "calibrate.h"

#include <sched.h>
#include <string.h>

#define EXITS 6
#define PERIOD_NS 60000000
#define BORN_BEFORE_NS 20000000
#define MAX_OBJECTS 8000
#define ALLOCS 40	/* pages that a probe allocates in one exit */
#define GAP_NS 20000	/* callbacks further apart than this were not run in one go */
#define WARM_UP_EXITS 1 /* whose samples are dropped */

enum in_call { TOUCH, STAMP, STORE, LINK, LOCK, SNAPSHOT, POLL, START, ALLOC, POST, FREE, KEEP_TURNS };
enum at_end { LATER, SLABS, BULK, SORT, SMALL, STEPS };
enum in_callback { ARRAY, CHAIN, CHAIN_BULK, ARRAY_BULK, EACH_FREES, EACH_NOTHING };

struct probe {
	enum in_call in_call;
	enum series series; /* of in_call */
	enum at_end at_end;
	enum in_callback in_callback;
	u32 objects;
	bool remote; /* objects are born on CPU 1 */
	bool offloaded;
};

static const struct probe probes[] = {
	{ TOUCH, S_UNLINK, LATER, ARRAY, 40, false, false },
	{ TOUCH, S_UNLINK, SMALL, ARRAY_BULK, 250, false, false },
	{ TOUCH, S_UNLINK, LATER, ARRAY_BULK, 2000, false, false },
	{ TOUCH, S_UNLINK, LATER, ARRAY_BULK, 8000, false, false },
	{ STAMP, S_STAMP, LATER, ARRAY, 250, false, false },
	{ STORE, S_STORE, LATER, ARRAY, 250, false, false },
	{ LINK, S_LINK, LATER, CHAIN, 40, false, false },
	{ LINK, S_LINK, LATER, CHAIN, 250, false, false },
	{ LINK, S_LINK, LATER, CHAIN, 2000, false, false },
	{ LINK, S_LINK, LATER, CHAIN, 8000, false, false },
	{ LINK, S_LINK, LATER, CHAIN_BULK, 250, false, false },
	{ LINK, S_LINK, LATER, CHAIN_BULK, 8000, false, false },
	{ LOCK, S_LOCK, LATER, ARRAY, 250, false, false },
	{ SNAPSHOT, S_SNAPSHOT, LATER, ARRAY, 250, false, false },
	{ POLL, S_POLL, LATER, ARRAY, 250, false, false },
	{ START, S_START, LATER, ARRAY, 250, false, false },
	{ ALLOC, S_ALLOC, LATER, ARRAY, ALLOCS, false, false },
	{ POST, S_POST, LATER, EACH_FREES, 40, false, false },
	{ POST, S_POST, LATER, EACH_FREES, 250, false, false },
	{ POST, S_POST, LATER, EACH_FREES, 2000, false, false },
	{ POST, S_POST, LATER, EACH_FREES, 8000, false, false },
	{ POST, S_POST, LATER, EACH_NOTHING, 250, false, false },
	{ FREE, S_FREE, LATER, ARRAY, 40, false, false },
	{ FREE, S_FREE, LATER, ARRAY, 250, false, false },
	{ FREE, S_FREE, LATER, ARRAY, 8000, false, false },
	{ TOUCH, S_UNLINK, SLABS, ARRAY, 250, false, false },
	{ TOUCH, S_UNLINK, SLABS, ARRAY, 2000, false, false },
	{ TOUCH, S_UNLINK, SLABS, ARRAY, 250, true, false },
	{ TOUCH, S_UNLINK, LATER, ARRAY, 12, false, false },
	{ LINK, S_LINK, BULK, ARRAY, 250, false, false },
	{ KEEP_TURNS, S_UNLINK, BULK, ARRAY, 250, false, false },
	{ TOUCH, S_UNLINK, SORT, ARRAY, 250, false, false },
	{ POST, S_POST_DIRECT, LATER, EACH_FREES, 40, false, true },
	{ POST, S_POST_BYPASS, STEPS, EACH_FREES, 250, false, true },
	{ POST, S_POST_BYPASS, LATER, EACH_FREES, 2000, false, true },
};

/* ---- the probe at work ---- */

struct batch { /* of one exit */
	struct dead_object *objects[MAX_OBJECTS], *others[MAX_OBJECTS];
	void *pages[ALLOCS];
	u32 nr, nr_pages;
	u64 begin, stamps, softirqs;			    /* where timing began */
	u64 first_callback, last_callback, callback_stamps; /* EACH_... */
	u32 callbacks;
	u64 posted; /* units */
	bool counts, split;
	s32 posted_on; /* a real CPU */
};

static const struct probe *probe;
static struct batch batches[EXITS];
static struct batch *batch;
static u32 nr_exits;
static struct plat_lock lock;
static struct plat_work work;

static double net_ns(u64 begin, u64 end, u64 stamps)
{
	return clock_to_ns(end - begin) - (double)stamps * clock_scale.stamp_ns;
}

static u64 softirqs_in_calls(void)
{
	return atomic_load_explicit(&here->count.callback_time_in_calls, memory_order_relaxed);
}

static void time_begins(void)
{
	batch->softirqs = softirqs_in_calls();
	batch->stamps = here->stamps;
	batch->begin = clock_now();
}

/* The clock was read once at each end, which makes one too many. */
static void time_ends(enum series series, double count)
{
	const double ns = net_ns(batch->begin, clock_now(), here->stamps - batch->stamps + 1);

	if (batch->counts && count > 0 && softirqs_in_calls() == batch->softirqs)
		series_add(series, probe->objects, ns / count);
}

/* ---- callbacks ---- */

static void release_pages(struct policy_run *run, struct batch *b)
{
	const u64 stamps = here->stamps, begin = clock_now();

	for (u32 i = 0; i < b->nr_pages; i++)
		plat_release(run, b->pages[i], 4096);
	if (b->counts && b->nr_pages)
		series_add(S_RELEASE, probe->objects,
			   net_ns(begin, clock_now(), here->stamps - stamps + 1) / b->nr_pages);
	b->nr_pages = 0;
}

static void free_array_in_bulk(struct policy_run *run, struct batch *b)
{
	for (u32 i = 0; i < b->nr; i += 16)
		plat_free_bulk(run, &b->objects[i], b->nr - i < 16 ? b->nr - i : 16, DEAD_READY);
}

/* The whole of what an exit left, by one callback. */
static void free_all(struct policy_run *run, struct plat_rcu_head *head)
{
	struct batch *b = (struct batch *)(uintptr_t)dead_of(head)->word;
	const struct probe *p = probe;
	enum series series = NR_SERIES;
	u64 stamps, begin, end;

	if (b->counts)
		series_add(S_GP_LENGTH, p->objects, clock_to_ns(clock_now() - b->posted));
	release_pages(run, b);
	stamps = here->stamps;
	begin = clock_now();
	switch (p->in_callback) {
	case CHAIN:
		dead_free_chain(run, &b->objects[0]->rcu);
		series = S_WALK_FREE;
		break;
	case CHAIN_BULK:
		dead_free_in_bulk(run, b->objects[0], 16, DEAD_READY, PLAT_COST_WALK);
		series = S_BULK_COLD;
		break;
	case ARRAY_BULK:
		free_array_in_bulk(run, b);
		series = S_ARRAY_BULK_COLD;
		break;
	default:
		for (u32 i = 0; i < b->nr; i++)
			plat_free(run, b->objects[i], DEAD_READY);
	}
	end = clock_now();
	if (b->counts && series != NR_SERIES)
		series_add(series, p->objects, net_ns(begin, end, here->stamps - stamps + 1) / b->nr);
}

static void last_of_each(struct policy_run *run, struct batch *b)
{
	const double ns = net_ns(b->first_callback, b->last_callback, here->stamps - b->callback_stamps - 1);
	const bool away = sched_getcpu() != b->posted_on;
	enum series series = away ? S_CALLBACK_FREE_AWAY : S_CALLBACK_FREE;

	if (probe->in_callback == EACH_NOTHING) {
		series = S_CALLBACK_NOTHING;
		for (u32 i = 0; i < b->nr; i++)
			plat_free(run, b->objects[i], DEAD_READY);
	}
	if (b->counts && !b->split && b->nr > 1)
		series_add(series, probe->offloaded ? probe->objects + 1000000 : probe->objects,
			   ns / (b->nr - 1));
}

/* One of many: from the end of the first to the end of the last one, unless something came in between. */
static void each(struct policy_run *run, struct plat_rcu_head *head)
{
	struct batch *b = (struct batch *)(uintptr_t)dead_of(head)->word;

	if (probe->in_callback == EACH_FREES)
		plat_free(run, dead_of(head), DEAD_READY);
	else
		stamp(here);
	if (!b->callbacks++) {
		b->split = false;
		b->first_callback = here->last_stamp;
		b->callback_stamps = here->stamps;
	} else {
		b->split |= here->last_stamp - b->last_callback > clock_of_ns(GAP_NS);
	}
	b->last_callback = here->last_stamp;
	if (b->callbacks == b->nr)
		last_of_each(run, b);
}

/* ---- at the end of a call ---- */

static u64 given_back(void)
{
	return atomic_load_explicit(&here->count.slabs_freed, memory_order_relaxed);
}

/* One slab's objects, `nr` of them. */
static void free_slab(struct policy_run *run, struct dead_object **objects, u32 nr)
{
	const bool flushes = run->cpus[0].slab.nr_partial >= (u32)run->m.cpu_partial_slabs;
	const bool active = atomic_load(&run->cpus[0].slab.active) == slab_number(run, objects[0]);
	const bool whole = nr == (u32)run->m.objects_per_slab;
	const u64 stamps = here->stamps, before = given_back();
	u64 t[3], discards;
	double first, others;

	t[0] = clock_fenced();
	plat_free(run, objects[0], DEAD_POSTPONED);
	t[1] = clock_fenced();
	discards = given_back() - before;
	for (u32 i = 1; i < nr; i++)
		plat_free(run, objects[i], DEAD_POSTPONED);
	t[2] = clock_fenced();
	if (!batch->counts || nr < 4 || here->stamps - stamps != nr + discards)
		return; /* a softirq came in between */
	first = net_ns(t[0], t[1], 1 + discards) - fenced_ns;
	others = (net_ns(t[1], t[2], nr - 1) - fenced_ns) / (nr - 1);
	if (active)
		series_add(S_SLAB_FAST, probe->objects, others);
	if (active || !whole)
		return;
	if (flushes)
		series_add(S_SLAB_FLUSH, (u32)discards, first);
	else
		series_add(probe->remote ? S_SLAB_REMOTE_FIRST : S_SLAB_FIRST, probe->objects, first);
	series_add(probe->remote ? S_SLAB_REMOTE_OTHERS : S_SLAB_OTHERS, probe->objects, others);
}

static void free_slab_by_slab(struct policy_run *run)
{
	u32 nr;

	for (u32 i = 0; i < batch->nr; i += nr) {
		const u32 slab = slab_number(run, batch->objects[i]);

		for (nr = 1; i + nr < batch->nr && slab_number(run, batch->objects[i + nr]) == slab;)
			nr++;
		free_slab(run, &batch->objects[i], nr);
	}
}

/* Objects of slabs in turn: the k-th of each, then the next ones. */
static void put_in_turns(struct policy_run *run)
{
	const u32 per_slab = (u32)run->m.objects_per_slab, slabs = (batch->nr + per_slab - 1) / per_slab;
	u32 nr = 0;

	for (u32 k = 0; k < per_slab; k++)
		for (u32 s = 0; s < slabs; s++)
			if (s * per_slab + k < batch->nr)
				batch->others[nr++] = batch->objects[s * per_slab + k];
	for (u32 i = 0; i < nr; i++)
		batch->others[i]->next = i + 1 < nr ? batch->others[i + 1] : NULL;
}

static void free_in_bulk(struct policy_run *run)
{
	const bool turns = probe->in_call == KEEP_TURNS;

	if (turns)
		put_in_turns(run);
	time_begins();
	dead_free_in_bulk(run, turns ? batch->others[0] : batch->objects[0], 16, DEAD_POSTPONED,
			  PLAT_COST_LINK);
	time_ends(turns ? S_BULK_HOT_TURNS : S_BULK_HOT, batch->nr);
}

/* The inner loop of split_bulk's insertion sort, on 16 addresses in falling order: each comparison swaps. */
static void sort_addresses(void)
{
	u32 comparisons = 0;

	for (u32 i = 0; i < batch->nr; i++)
		batch->others[i] = batch->objects[batch->nr - 1 - i];
	time_begins();
	for (u32 from = 0; from + 16 <= batch->nr; from += 16) {
		struct dead_object **p = &batch->others[from];

		for (u32 i = 1; i < 16; i++) {
			struct dead_object *moved = p[i];
			u32 k = i;

			for (; k && (uintptr_t)p[k - 1] > (uintptr_t)moved; k--, comparisons++)
				p[k] = p[k - 1];
			p[k] = moved;
		}
		__asm__ __volatile__("" ::: "memory");
	}
	time_ends(S_SORT, comparisons);
}

static void on_work(struct policy_run *run, struct plat_work *unused)
{
	u64 begin = clock_now();

	(void)run, (void)unused;
	wait_for_readers();
	series_add(S_READERS, 0, net_ns(begin, clock_now(), 1));
}

/* What is done once per call, or less. */
static void small_steps(struct policy_run *run)
{
	struct cpu *c = &run->cpus[0];
	u64 begin, limit, stamps, callbacks;
	bool queued;
	double ns;

	callbacks = atomic_load(&here->count.callbacks);
	stamps = here->stamps;
	begin = clock_fenced();
	softirq_burst(run, c);
	ns = net_ns(begin, clock_fenced(), here->stamps - stamps) - fenced_ns;
	if (batch->counts && atomic_load(&here->count.callbacks) == callbacks)
		series_add(S_SOFTIRQ, 0, ns);
	begin = clock_fenced();
	queued = plat_work_queue(run, &work, 1);
	ns = clock_to_ns(clock_fenced() - begin) - fenced_ns;
	if (queued && batch->counts)
		series_add(S_WORK, 0, ns);
	if (gp_active(run))
		return;
	begin = clock_now();
	limit = begin + clock_of_ns(2e6);
	plat_gp_start(run, 0);
	while (!gp_active(run) && clock_now() < limit)
		cpu_relax();
	if (batch->counts && gp_active(run))
		series_add(S_GP_BEGIN, 0, net_ns(begin, clock_now(), 1));
}

/* ---- the policy ---- */

static void call_begin(struct policy_run *run, struct policy_call *call)
{
	(void)run, (void)call;
	batch = &batches[nr_exits];
	batch->counts = nr_exits++ >= WARM_UP_EXITS;
	batch->posted_on = sched_getcpu();
	time_begins();
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct batch *b = batch;

	switch (probe->in_call) {
	case TOUCH:
	case KEEP_TURNS:
		object->word = 1;
		break;
	case STAMP:
		object->word = clock_now();
		break;
	case STORE:
		object->word = 1;
		b->others[b->nr] = object;
		break;
	case LINK:
		dead_list_add(run, &call->list, object);
		break;
	case LOCK:
		object->word = 1;
		plat_lock(run, &lock);
		plat_unlock(run, &lock);
		break;
	case SNAPSHOT:
		object->word = plat_gp_snapshot(run);
		break;
	case POLL:
		object->word = plat_gp_done(run, UINT64_MAX);
		break;
	case START:
		object->word = plat_gp_start(run, 0);
		break;
	case ALLOC:
		object->word = 1;
		b->pages[b->nr_pages] = plat_alloc(run, 4096);
		b->nr_pages += b->pages[b->nr_pages] != NULL;
		break;
	case POST:
		object->word = (uintptr_t)b;
		plat_call_rcu_hurry(run, &object->rcu, each, 1);
		break;
	case FREE:
		plat_free(run, object, DEAD_POSTPONED);
		b->nr++;
		return;
	}
	b->objects[b->nr++] = object;
	if (b->nr == 1 && (probe->in_call == POST || probe->in_call == START))
		time_begins(); /* the first one wakes somebody */
	if (b->nr == 64 && probe->series == S_POST_BYPASS)
		time_begins(); /* the quota of direct ones is used up */
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	struct batch *b = batch;
	u32 timed = b->nr;

	(void)call;
	if (probe->in_call == POST || probe->in_call == START)
		timed = b->nr - 1;
	if (probe->series == S_POST_BYPASS)
		timed = b->nr - 64;
	time_ends(probe->series, timed);
	b->posted = clock_now();
	switch (probe->at_end) {
	case SLABS:
		free_slab_by_slab(run);
		return;
	case BULK:
		free_in_bulk(run);
		return;
	case SORT:
		sort_addresses();
		break;
	case SMALL:
		small_steps(run);
		break;
	case STEPS:
		probe_flush(run, &run->cpus[0]);
		probe_scan(run, &run->cpus[0]);
		nocb_flush_all(run); /* wakes rcuog, which must hear of what was flushed */
		break;
	case LATER:
		break;
	}
	if (probe->in_call == POST || probe->in_call == FREE)
		return;
	b->objects[0]->word = (uintptr_t)b;
	plat_call_rcu_hurry(run, &b->objects[0]->rcu, free_all, b->nr);
}

static void begin_run(struct policy_run *run)
{
	plat_lock_init(run, &lock);
	plat_work_init(run, &work, on_work);
}

static void end_run(struct policy_run *run)
{
	plat_work_cancel(run, &work);
}

static const struct policy probe_policy = {
	.name = "probe",
	.start = begin_run,
	.stop = end_run,
	.call_begin = call_begin,
	.dispose = dispose,
	.call_end = call_end,
};

/* ---- its workload ---- */

static struct rows {
	s64 t_ns[2 * EXITS];
	s32 cpu[2 * EXITS], mm[2 * EXITS], n[2 * EXITS];
	u8 kind[2 * EXITS];
} rows;

static struct sim_workload exits(void)
{
	for (s32 i = 0; i < EXITS; i++) {
		for (s32 k = 0; k < 2; k++) {
			rows.t_ns[2 * i + k] = (s64)i * PERIOD_NS + k * BORN_BEFORE_NS;
			rows.cpu[2 * i + k] = !k && probe->remote;
			rows.mm[2 * i + k] = i;
			rows.n[2 * i + k] = (s32)probe->objects;
			rows.kind[2 * i + k] = k ? ROW_EXIT : ROW_ALLOC;
		}
	}
	return (struct sim_workload){
		.nr_rows = 2 * EXITS,
		.t_ns = rows.t_ns,
		.cpu = rows.cpu,
		.mm = rows.mm,
		.kind = rows.kind,
		.n = rows.n,
		.nr_mms = EXITS,
		.duration_ns = (s64)EXITS * PERIOD_NS,
		.fault_window_ns = 1,
	};
}

void probe_objects(const struct input *input)
{
	for (u32 i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		struct input mine = *input;
		struct pass_result result;
		struct policy_run *run;

		probe = &probes[i];
		nr_exits = 0;
		memset(batches, 0, sizeof(batches));
		mine.policy = &probe_policy;
		mine.params = NULL;
		mine.w = exits();
		mine.header.workload = mine.w;
		mine.header.rcu = probe->offloaded ? NATIVE_RCU_OFFLOADED : NATIVE_RCU_SOFTIRQ;
		mine.header.machine.nocb = probe->offloaded;
		mine.header.allocator = NATIVE_ALLOC_SLAB;
		mine.header.stress = 0;
		run_pass(&mine, mine.w.nr_rows, &result, &run);
		pass_free(run);
	}
}

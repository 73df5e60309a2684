/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.c - probes that stand in the place of policies: what a call, a callback and the slab do per object.
 *
 * The workload of a probe is a row of exits of equal size on CPU 0, of objects that were born some time before. They are
 * far apart, so that each meets an idle machine and callbacks of the one before are over; small ones, by which it is told
 * what a call costs beside its objects, follow each other as often as in a workload (`often`), with births and callbacks
 * in between. A probe keeps its objects in an array and frees them after a grace period, unless freeing is what it
 * times. A sample in which a softirq came in between is dropped.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <string.h>

static const struct probe probes[] = {
	{ TOUCH, S_UNLINK_YOUNG, LATER, ARRAY, 40, false, false, true },
	{ TOUCH, S_UNLINK_IDLE, LATER, ARRAY, 40, false, false, false },
	{ TOUCH, S_UNLINK_YOUNG, LATER, ARRAY, 2000, false, false, false },
	{ TOUCH, S_UNLINK, LATER, ARRAY, 40, false, false, true },
	{ TOUCH, S_UNLINK, SMALL, ARRAY_BULK, 250, false, false, false },
	{ TOUCH, S_UNLINK, LATER, ARRAY_BULK, 2000, false, false, false },
	{ TOUCH, S_UNLINK, LATER, ARRAY_BULK, 8000, false, false, false },
	{ STAMP, S_STAMP, LATER, ARRAY, 250, false, false, false },
	{ NOW, S_NOW, LATER, ARRAY, 40, false, false, true },
	{ NOW, S_NOW, LATER, ARRAY, 2000, false, false, false },
	{ STORE, S_STORE, LATER, ARRAY, 250, false, false, false },
	{ LINK, S_LINK, LATER, CHAIN, 40, false, false, true },
	{ LINK, S_LINK, LATER, CHAIN, 250, false, false, false },
	{ LINK, S_LINK, LATER, CHAIN, 2000, false, false, false },
	{ LINK, S_LINK, LATER, CHAIN, 8000, false, false, false },
	{ LINK, S_LINK, LATER, CHAIN_BULK, 250, false, false, false },
	{ LINK, S_LINK, LATER, CHAIN_BULK, 8000, false, false, false },
	{ LOCK, S_LOCK, LATER, ARRAY, 40, false, false, true },
	{ LOCK, S_LOCK, LATER, ARRAY, 2000, false, false, false },
	{ SNAPSHOT, S_SNAPSHOT, LATER, ARRAY, 40, false, false, true },
	{ SNAPSHOT, S_SNAPSHOT, LATER, ARRAY, 2000, false, false, false },
	{ POLL, S_POLL, LATER, ARRAY, 40, false, false, true },
	{ POLL, S_POLL, LATER, ARRAY, 2000, false, false, false },
	{ START, S_START, LATER, ARRAY, 250, false, false, false },
	{ ALLOC, S_ALLOC, LATER, ARRAY, ALLOCS, false, false, false },
	{ POST, S_POST, LATER, EACH_FREES, 40, false, false, true },
	{ POST, S_POST, LATER, EACH_FREES, 250, false, false, false },
	{ POST, S_POST, LATER, EACH_FREES, 2000, false, false, false },
	{ POST, S_POST, LATER, EACH_FREES, 8000, false, false, false },
	{ POST, S_POST, LATER, EACH_NOTHING, 250, false, false, false },
	{ FREE, S_FREE, LATER, ARRAY, 40, false, false, true },
	{ FREE, S_FREE, LATER, ARRAY, 250, false, false, false },
	{ FREE, S_FREE, LATER, ARRAY, 2000, false, false, false },
	{ TOUCH, S_UNLINK, SLABS, ARRAY, 250, false, false, false },
	{ TOUCH, S_UNLINK, SLABS, ARRAY, 2000, false, false, false },
	{ TOUCH, S_UNLINK, SLABS, ARRAY, 250, true, false, false },
	{ TOUCH, S_UNLINK, LATER, ARRAY, 12, false, false, false },
	{ LINK, S_LINK, BULK, ARRAY, 250, false, false, false },
	{ KEEP_TURNS, S_UNLINK, BULK, ARRAY, 250, false, false, false },
	{ TOUCH, S_UNLINK, SORT, ARRAY, 250, false, false, false },
	{ POST, S_POST_DIRECT, LATER, EACH_FREES, 40, false, true, false },
	{ POST, S_POST_BYPASS, STEPS, EACH_FREES, 250, false, true, false },
	{ POST, S_POST_BYPASS, LATER, EACH_FREES, 2000, false, true, false },
};

const struct probe *probe;
struct batch *batch;
static struct batch batches[MAX_EXITS];
static struct dead_object *objects[MAX_IN_ALL], *others[MAX_IN_ALL]; /* of one exit after the other */
static u32 nr_exits;
static struct plat_lock lock;
static struct plat_work work;

/* How many exits, and how far apart. */
static const struct course {
	u32 exits;
	s64 period_ns;
} courses[] = { { 400, 500000 }, { 14, 25000000 }, { 6, 60000000 } };

static const struct course *course(void)
{
	if (probe->often)
		return &courses[0];
	return &courses[probe->objects <= 2000 ? 1 : 2];
}

/* ---- the policy ---- */

static void call_begin(struct policy_run *run, struct policy_call *call)
{
	(void)run, (void)call;
	batch = &batches[nr_exits];
	batch->objects = &objects[nr_exits * probe->objects];
	batch->others = &others[nr_exits * probe->objects];
	batch->counts = nr_exits++ >= (course()->exits + WARM_UP - 1) / WARM_UP;
	batch->posted_on = sched_getcpu();
	time_begins();
}

/* Offloaded, the first one wakes somebody, and 64 use up the quota of direct ones. */
static u32 untimed_posts(void)
{
	if (probe->series == S_POST_BYPASS)
		return 64;
	return probe->offloaded ? 1 : 0;
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct batch *b = batch;

	switch (probe->in_call) {
	case TOUCH:
	case KEEP_TURNS:
		break;
	case STAMP:
		object->word = clock_now();
		break;
	case NOW:
		object->word = plat_now_ns(run);
		break;
	case STORE:
		b->others[b->nr] = object;
		break;
	case LINK:
		dead_list_add(run, &call->list, object);
		b->nr++;
		return;
	case LOCK:
		plat_lock(run, &lock); /* the touch in it, as a policy does */
		object->next = b->newest;
		b->newest = object;
		plat_unlock(run, &lock);
		b->nr++;
		return;
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
		b->pages[b->nr_pages] = plat_alloc(run, 4096);
		b->nr_pages += b->pages[b->nr_pages] != NULL;
		break;
	case POST:
		object->word = (uintptr_t)b;
		plat_call_rcu_hurry(run, &object->rcu, each, 1);
		if (++b->nr == untimed_posts())
			time_begins();
		return;
	case FREE:
		plat_free(run, object, DEAD_POSTPONED);
		b->nr++;
		return;
	}
	object->next = b->newest; /* nothing else is written: the touch of its line, as a policy's */
	b->newest = object;
	if (++b->nr == 1 && probe->in_call == START)
		time_begins();
}

/* The objects as an array, in the order of unlinking. */
static void collect(struct batch *b, struct dead_object *oldest)
{
	u32 nr = 0;

	for (struct dead_object *o = oldest; o; o = o->next)
		b->objects[nr++] = o;
	nr = b->nr;
	for (struct dead_object *o = b->newest; o; o = o->next)
		b->objects[--nr] = o;
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	struct batch *b = batch;
	u32 timed = b->nr;

	if (probe->in_call == POST)
		timed = b->nr - untimed_posts();
	else if (probe->in_call == START)
		timed = b->nr - 1;
	time_ends(probe->series, timed);
	collect(b, call->list.head);
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
		small_steps(run, &work);
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
	s64 t_ns[2 * MAX_EXITS];
	s32 cpu[2 * MAX_EXITS], mm[2 * MAX_EXITS], n[2 * MAX_EXITS];
	u8 kind[2 * MAX_EXITS];
} rows;

static void add_row(s64 *nr, u32 exit, bool ends, s64 t_ns)
{
	rows.t_ns[*nr] = t_ns;
	rows.cpu[*nr] = !ends && probe->remote;
	rows.mm[*nr] = (s32)exit;
	rows.n[*nr] = (s32)probe->objects;
	rows.kind[*nr] = ends ? ROW_EXIT : ROW_ALLOC;
	++*nr;
}

static struct sim_workload exits(void)
{
	const bool young = probe->series == S_UNLINK_YOUNG || probe->series == S_UNLINK_IDLE;
	const struct course *c = course();
	s64 nr = 0;

	for (u32 born = 0, gone = 0; gone < c->exits;) {
		const s64 birth_ns = born * c->period_ns + (young ? BORN_BEFORE_NS - YOUNG_NS : 0);
		const s64 exit_ns = gone * c->period_ns + BORN_BEFORE_NS;

		if (born < c->exits && birth_ns <= exit_ns)
			add_row(&nr, born++, false, birth_ns);
		else
			add_row(&nr, gone++, true, exit_ns);
	}
	return (struct sim_workload){
		.nr_rows = nr,
		.t_ns = rows.t_ns,
		.cpu = rows.cpu,
		.mm = rows.mm,
		.kind = rows.kind,
		.n = rows.n,
		.nr_mms = (s32)c->exits,
		.duration_ns = c->exits * c->period_ns + BORN_BEFORE_NS,
		.fault_window_ns = 1,
	};
}

/* True if the CPUs were moved meanwhile. */
static bool run_probe(const struct input *input)
{
	struct input mine = *input;
	struct pass_result result;
	struct policy_run *run;
	bool moved;

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
	moved = placement_moved(&run->placement, run->req);
	pass_free(run);
	return moved;
}

void probe_objects(const struct input *input)
{
	for (u32 i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		probe = &probes[i];
		series_of(run_probe, input);
	}
}

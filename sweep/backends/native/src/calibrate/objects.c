/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.c - probes that stand in the place of policies: what a call, a callback and the slab do per object.
 *
 * The workload of a probe is a row of exits of equal size on CPU 0, of objects that were born some time before. They are
 * far apart, so that each meets an idle machine and callbacks of the one before are over; small ones, by which it is told
 * what a call costs beside its objects, follow each other as often as in a workload (OFTEN), with births and callbacks
 * in between. A probe keeps its objects in an array and frees them after a grace period, unless freeing is what it
 * times. A sample in which a softirq came in between is dropped.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <string.h>

static const struct probe probes[] = {
	{ TOUCH, S_UNLINK, LATER, ARRAY, 40, JUST, false, OFTEN },
	{ TOUCH, S_UNLINK_OLD, LATER, ARRAY_BULK, 40, BEFORE, false, OFTEN },
	{ TOUCH, S_UNLINK_ELSEWHERE, LATER, ARRAY, 40, ELSEWHERE, false, OFTEN },
	{ NOW, S_NOW, LATER, ARRAY, 40, JUST, false, OFTEN },
	{ STORE, S_STORE, LATER, ARRAY, 40, JUST, false, OFTEN },
	{ LINK, S_LINK, LATER, CHAIN, 40, JUST, false, OFTEN },
	{ LINK, S_LINK_OLD, LATER, CHAIN, 40, BEFORE, false, OFTEN },
	{ LOCK, S_LOCK, LATER, ARRAY, 40, JUST, false, OFTEN },
	{ LOCK, S_LOCK_OLD, LATER, ARRAY, 40, BEFORE, false, OFTEN },
	{ SNAPSHOT, S_SNAPSHOT, LATER, ARRAY, 40, JUST, false, OFTEN },
	{ POLL, S_POLL, LATER, ARRAY, 40, JUST, false, OFTEN },
	{ START, S_START, LATER, ARRAY, 40, JUST, false, OFTEN },
	{ POST, S_POST, LATER, EACH_FREES, 40, JUST, false, OFTEN },
	{ POST, S_POST_OLD, LATER, EACH_FREES, 40, BEFORE, false, OFTEN },
	{ FREE, S_FREE, LATER, ARRAY, 40, JUST, false, OFTEN },
	{ FREE, S_FREE_OLD, LATER, ARRAY, 40, BEFORE, false, OFTEN },
	{ TOUCH, S_UNLINK, LATER, ARRAY, 2000, JUST, false, TURNS },
	{ TOUCH, S_UNLINK_OLD, LATER, ARRAY_BULK, 2000, BEFORE, false, TURNS },
	{ TOUCH, S_UNLINK_ELSEWHERE, LATER, ARRAY, 2000, ELSEWHERE, false, TURNS },
	{ NOW, S_NOW, LATER, ARRAY, 2000, JUST, false, TURNS },
	{ STORE, S_STORE, LATER, ARRAY, 2000, JUST, false, TURNS },
	{ LINK, S_LINK, LATER, CHAIN, 2000, JUST, false, TURNS },
	{ LINK, S_LINK_OLD, LATER, CHAIN, 2000, BEFORE, false, TURNS },
	{ LOCK, S_LOCK, LATER, ARRAY, 2000, JUST, false, TURNS },
	{ LOCK, S_LOCK_OLD, LATER, ARRAY, 2000, BEFORE, false, TURNS },
	{ SNAPSHOT, S_SNAPSHOT, LATER, ARRAY, 2000, JUST, false, TURNS },
	{ POLL, S_POLL, LATER, ARRAY, 2000, JUST, false, TURNS },
	{ START, S_START, LATER, ARRAY, 2000, JUST, false, TURNS },
	{ POST, S_POST, LATER, EACH_FREES, 2000, JUST, false, TURNS },
	{ POST, S_POST_OLD, LATER, EACH_FREES, 2000, BEFORE, false, TURNS },
	{ FREE, S_FREE, LATER, ARRAY, 2000, JUST, false, TURNS },
	{ FREE, S_FREE_OLD, LATER, ARRAY, 2000, BEFORE, false, TURNS },
	{ TOUCH, S_UNLINK_IDLE, LATER, ARRAY, 40, JUST, false, ALONE },
	{ TOUCH, S_UNLINK_OLD, SMALL, ARRAY_BULK, 250, BEFORE, false, ALONE },
	{ TOUCH, S_UNLINK_OLD, LATER, ARRAY_BULK, 8000, BEFORE, false, ALONE },
	{ STAMP, S_STAMP, LATER, ARRAY, 250, BEFORE, false, ALONE },
	{ LINK, S_LINK_OLD, LATER, CHAIN, 250, BEFORE, false, ALONE },
	{ LINK, S_LINK_OLD, LATER, CHAIN, 8000, BEFORE, false, ALONE },
	{ LINK, S_LINK_OLD, LATER, CHAIN_BULK, 250, BEFORE, false, ALONE },
	{ LINK, S_LINK_OLD, LATER, CHAIN_BULK, 8000, BEFORE, false, ALONE },
	{ ALLOC, S_ALLOC, LATER, ARRAY, ALLOCS, JUST, false, ALONE },
	{ POST, S_POST_OLD, LATER, EACH_FREES, 250, BEFORE, false, ALONE },
	{ POST, S_POST_OLD, LATER, EACH_FREES, 8000, BEFORE, false, ALONE },
	{ POST, S_POST_OLD, LATER, EACH_NOTHING, 250, BEFORE, false, ALONE },
	{ FREE, S_FREE_OLD, LATER, ARRAY, 250, BEFORE, false, ALONE },
	{ TOUCH, S_UNLINK_OLD, SLABS, ARRAY, 250, BEFORE, false, ALONE },
	{ TOUCH, S_UNLINK_OLD, SLABS, ARRAY, 2000, BEFORE, false, ALONE },
	{ TOUCH, S_UNLINK_ELSEWHERE, SLABS, ARRAY, 250, ELSEWHERE, false, ALONE },
	{ TOUCH, S_UNLINK_OLD, LATER, ARRAY, 12, BEFORE, false, ALONE },
	{ LINK, S_LINK_OLD, BULK, ARRAY, 250, BEFORE, false, ALONE },
	{ KEEP_TURNS, S_UNLINK_OLD, BULK, ARRAY, 250, BEFORE, false, ALONE },
	{ TOUCH, S_UNLINK_OLD, SORT, ARRAY, 250, BEFORE, false, ALONE },
	{ POST, S_POST_DIRECT, LATER, EACH_FREES, 40, JUST, true, ALONE },
	{ POST, S_POST_BYPASS, STEPS, EACH_FREES, 250, JUST, true, ALONE },
	{ POST, S_POST_BYPASS, LATER, EACH_FREES, 2000, JUST, true, ALONE },
};

#define MAX_TOGETHER 16

/* Of the present pass. */
static const struct probe *together; /* the first one of those whose exits alternate */
static u32 nr_together;
static const struct probe *of_exit[MAX_EXITS];
static u32 nr_exits; /* begun */
static struct batch batches[MAX_EXITS];
static struct dead_object *objects[MAX_IN_ALL], *others[MAX_IN_ALL]; /* of one exit after the other */
static struct plat_lock lock;
static struct plat_work work;

struct batch *batch;

/* How many exits each probe has, and how far apart all of them are. */
static const struct pace {
	u32 exits, in_a_row;
	s64 period_ns;
} paces[] = { { 100, IN_A_ROW, 500000 }, { 14, 1, 25000000 }, { 6, 1, 60000000 } };

static const struct pace *pace(void)
{
	if (together->course == OFTEN)
		return &paces[0];
	return &paces[together->objects <= 2000 ? 1 : 2];
}

static u32 exits_in_all(void)
{
	return pace()->exits * nr_together;
}

static void shuffle(u32 *order, u32 nr, u32 *lot)
{
	for (u32 i = nr - 1; i; i--) {
		const u32 swapped = order[i];
		u32 *other;

		*lot = *lot * 1664525 + 1013904223; /* Numerical Recipes, 7.1 */
		other = &order[(*lot >> 16) % (i + 1)];
		order[i] = *other;
		*other = swapped;
	}
}

/* Turn by turn in another order, so that each probe follows each: what one leaves behind, such as callbacks that run
 * in the next one's time, meets all alike. */
static void draw_lots(void)
{
	const u32 in_a_row = pace()->in_a_row;
	u32 order[MAX_TOGETHER], lot = 1;

	for (u32 i = 0; i < nr_together; i++)
		order[i] = i;
	for (u32 exit = 0; exit < exits_in_all(); exit++) {
		if (exit % (in_a_row * nr_together) == 0)
			shuffle(order, nr_together, &lot);
		of_exit[exit] = &together[order[exit / in_a_row % nr_together]];
	}
}

/* ---- the policy ---- */

static void call_begin(struct policy_run *run, struct policy_call *call)
{
	const struct pace *p = pace();

	(void)run, (void)call;
	batch = &batches[nr_exits];
	batch->probe = of_exit[nr_exits];
	batch->objects = &objects[nr_exits * together->objects];
	batch->others = &others[nr_exits * together->objects];
	batch->counts = nr_exits >= (exits_in_all() + WARM_UP - 1) / WARM_UP &&
			(p->in_a_row == 1 || nr_exits % p->in_a_row >= SWITCHES);
	nr_exits++;
	batch->posted_on = sched_getcpu();
	time_begins();
}

/* Offloaded, the first one wakes somebody, and 64 use up the quota of direct ones. */
static u32 untimed_posts(void)
{
	const struct probe *p = batch->probe;

	if (p->series == S_POST_BYPASS)
		return 64;
	return p->offloaded ? 1 : 0;
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct batch *b = batch;

	switch (b->probe->in_call) {
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
	if (++b->nr == 1 && b->probe->in_call == START)
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
	const struct probe *p = b->probe;
	u32 timed = b->nr;

	if (p->in_call == POST)
		timed = b->nr - untimed_posts();
	else if (p->in_call == START)
		timed = b->nr - 1;
	time_ends(p->series, timed);
	collect(b, call->list.head);
	b->posted = clock_now();
	switch (p->at_end) {
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
	if (p->in_call == POST || p->in_call == FREE)
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
	rows.cpu[*nr] = !ends && of_exit[exit]->born == ELSEWHERE;
	rows.mm[*nr] = (s32)exit;
	rows.n[*nr] = (s32)together->objects;
	rows.kind[*nr] = ends ? ROW_EXIT : ROW_ALLOC;
	++*nr;
}

static bool young(u32 exit)
{
	return of_exit[exit]->born != BEFORE;
}

/* Births up to a time, from exit `*born` on, of those that are not young then. */
static void add_births(s64 *nr, u32 *born, s64 until_ns)
{
	const s64 period_ns = pace()->period_ns;

	for (; *born < exits_in_all() && *born * period_ns <= until_ns; ++*born)
		if (!young(*born))
			add_row(nr, *born, false, *born * period_ns);
}

static struct sim_workload exits(void)
{
	const u32 all = exits_in_all();
	const s64 period_ns = pace()->period_ns;
	u32 born = 0;
	s64 nr = 0;

	for (u32 gone = 0; gone < all; gone++) {
		const s64 exit_ns = gone * period_ns + BORN_BEFORE_NS;

		add_births(&nr, &born, exit_ns - YOUNG_NS);
		if (young(gone))
			add_row(&nr, gone, false, exit_ns - YOUNG_NS);
		add_births(&nr, &born, exit_ns);
		add_row(&nr, gone, true, exit_ns);
	}
	return (struct sim_workload){
		.nr_rows = nr,
		.t_ns = rows.t_ns,
		.cpu = rows.cpu,
		.mm = rows.mm,
		.kind = rows.kind,
		.n = rows.n,
		.nr_mms = (s32)all,
		.duration_ns = all * period_ns + BORN_BEFORE_NS,
		.fault_window_ns = 1,
	};
}

static void run_probe(const struct input *input, struct placement *placement)
{
	struct input mine = *input;
	struct pass_result result;
	struct policy_run *run;

	if (nr_together > MAX_TOGETHER || exits_in_all() > MAX_EXITS ||
	    exits_in_all() * together->objects > MAX_IN_ALL)
		fail_environment("no room for %u exits of %u objects", exits_in_all(), together->objects);
	nr_exits = 0;
	draw_lots();
	memset(batches, 0, sizeof(batches));
	mine.policy = &probe_policy;
	mine.params = NULL;
	mine.w = exits();
	mine.header.workload = mine.w;
	mine.header.rcu = together->offloaded ? NATIVE_RCU_OFFLOADED : NATIVE_RCU_SOFTIRQ;
	mine.header.machine.nocb = together->offloaded;
	mine.header.allocator = NATIVE_ALLOC_SLAB;
	mine.header.stress = 0;
	/* There rcuop is compared with softirqs: where those run, and not where it likes. */
	if (together->at_end == STEPS)
		mine.header.machine.nocb_housekeeping_cpus = 1;
	run_pass(&mine, mine.w.nr_rows, &result, &run);
	*placement = run->placement;
	pass_free(run);
}

/* Those of one pass: how many, from the first one on. */
static u32 of_one_pass(const struct probe *first, u32 left)
{
	u32 nr = 1;

	while (first->course != ALONE && nr < left && first[nr].course == first->course &&
	       first[nr].objects == first->objects)
		nr++;
	return nr;
}

void probe_objects(const struct input *input)
{
	const u32 all = sizeof(probes) / sizeof(*probes);

	for (u32 i = 0; i < all; i += nr_together) {
		together = &probes[i];
		nr_together = of_one_pass(together, all - i);
		series_of(run_probe, input);
	}
}

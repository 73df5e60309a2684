/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * dead_list_shrinker - long-lived per-CPU lists of dead objects, drained by size, age or
 * memory pressure.
 *
 * holds    up to `high_watermark` objects per CPU, on a list with a lock, oldest first.
 * posts    the oldest: from above the high watermark down to the low one, at the latest
 *          `max_age_ms` after unlinking, and what the shrinker asks for.
 * frees    object by object, a drain per callback. With `cookies` each object carries its
 *          grace-period snapshot, and a drain frees at once what has already elapsed.
 * bounds   the high watermark bounds the space. Without a maximum age only memory pressure
 *          bounds the time, and a default shrinker leaves a short list alone for long.
 *
 * A drain takes the list out under the lock and walks it without. Ages are kept by looking
 * twice per `max_age_ms` and letting go of what the look before had already seen, so an
 * object is posted between a half and the whole of that age.
 */
#include "policy.h"

enum { HIGH, LOW, MAX_AGE, SEEKS, BATCH, COOKIES };

static const struct policy_param params[] = {
	[HIGH] = { "high_watermark", PARAM_INT, 1, 65536, true, 1024, "objects",
		   "drain a CPU's list when it holds more than this", NULL, NULL },
	[LOW] = { "low_watermark", PARAM_INT, 0, 90, false, 50, "% of high_watermark",
		  "drain down to this part of the high watermark", NULL, NULL },
	[MAX_AGE] = { "max_age_ms", PARAM_INT, 0, 10000, false, 0, "ms",
		      "post an object at the latest this long after unlinking; 0: no limit", NULL, NULL },
	[SEEKS] = { "seeks", PARAM_INT, 0, 8, false, 2, "",
		    "of the shrinker: cost to recreate an object; 0 proposes half of them at any priority",
		    NULL, NULL },
	[BATCH] = { "batch", PARAM_INT, 1, 1024, true, 128, "objects",
		    "of the shrinker: objects per scan call; fewer proposed are put off", NULL, NULL },
	[COOKIES] = { "cookies", PARAM_BOOL, 0, 1, false, 0, "",
		      "keep grace-period snapshots, and free what has elapsed without posting it", NULL,
		      NULL },
};

#define FREE_BULK 16 /* as the kernel's skb code, and 128 bytes of stack */

struct state {
	struct plat_shrinker shrinker;
};

struct cpu {
	struct plat_work work; /* first, so that work_func() finds its CPU */
	struct plat_lock lock;
	struct dead_list list;
	u32 seen; /* at the head of the list: were there at the last look for age */
};

static struct dead_list take_out(struct policy_run *run, struct cpu *cpu, u32 *seen)
{
	struct dead_list list;

	plat_lock(run, &cpu->lock);
	list = dead_list_take(&cpu->list);
	*seen = cpu->seen;
	cpu->seen = 0;
	plat_unlock(run, &cpu->lock);
	return list;
}

static u64 half_age_ns(struct policy_run *run)
{
	return (u64)plat_param(run, MAX_AGE) * 500000;
}

/* What a drain leaves over goes in front of what came in the meantime. */
static void put_back(struct policy_run *run, struct cpu *cpu, struct dead_list list, u32 seen)
{
	if (!list.head)
		return;
	plat_lock(run, &cpu->lock);
	cpu->seen = cpu->seen ? list.count + cpu->seen : seen;
	dead_list_join(&list, cpu->list);
	cpu->list = list;
	plat_unlock(run, &cpu->lock);
	if (half_age_ns(run))
		plat_work_queue(run, &cpu->work, half_age_ns(run));
}

/* Free the oldest, at most `max`, up to the first one whose grace period has not elapsed. */
static u32 free_elapsed(struct policy_run *run, struct dead_list *list, u32 max)
{
	struct dead_object *array[FREE_BULK];
	u64 elapsed = list->head ? ~list->head->word : 0; /* neighbours mostly share a cookie */
	u32 freed = 0, nr = 0;

	while (list->head && freed + nr < max) {
		if (list->head->word != elapsed) {
			if (!plat_gp_done(run, list->head->word))
				break;
			elapsed = list->head->word;
		}
		array[nr++] = dead_list_pop(run, list);
		if (nr == FREE_BULK) {
			plat_free_bulk(run, array, nr, DEAD_POSTPONED);
			freed += nr;
			nr = 0;
		}
	}
	if (nr)
		plat_free_bulk(run, array, nr, DEAD_POSTPONED);
	return freed + nr;
}

/* Cut the `nr` oldest off a list. */
static struct dead_list cut(struct policy_run *run, struct dead_list *list, u32 nr)
{
	struct dead_list oldest = { NULL, NULL, 0 };
	u32 i;

	if (nr >= list->count)
		return dead_list_take(list);
	if (!nr)
		return oldest;
	oldest.head = list->head;
	oldest.tail = list->head;
	for (i = 1; i < nr; i++)
		oldest.tail = oldest.tail->next;
	plat_charge(run, PLAT_COST_WALK, nr);
	oldest.count = nr;
	list->head = oldest.tail->next;
	list->count -= nr;
	oldest.tail->next = NULL;
	return oldest;
}

/* Let go of the `nr` oldest of a list that was taken out. */
static void let_go(struct policy_run *run, struct dead_list *list, u32 nr)
{
	u32 freed = plat_param(run, COOKIES) ? free_elapsed(run, list, nr) : 0;

	dead_list_post(run, cut(run, list, nr - freed));
}

/* Let go of the oldest until `keep` are left, at most `max`; returns how many went. */
static u32 drain(struct policy_run *run, struct cpu *cpu, u32 keep, u32 max)
{
	u32 seen;
	struct dead_list list = take_out(run, cpu, &seen);
	u32 nr = list.count > keep ? list.count - keep : 0;

	if (nr > max)
		nr = max;
	let_go(run, &list, nr);
	put_back(run, cpu, list, seen > nr ? seen - nr : 0);
	return nr;
}

static void work_func(struct policy_run *run, struct plat_work *work)
{
	struct cpu *cpu = (struct cpu *)work;
	u32 seen;
	struct dead_list list = take_out(run, cpu, &seen);
	bool again;

	let_go(run, &list, seen);
	if (plat_param(run, COOKIES))
		free_elapsed(run, &list, list.count);
	put_back(run, cpu, list, 0);

	plat_lock(run, &cpu->lock);
	cpu->seen = cpu->list.count;
	again = cpu->list.head;
	plat_unlock(run, &cpu->lock);
	if (again)
		plat_work_queue(run, work, half_age_ns(run));
}

static u64 shrinker_count(struct policy_run *run)
{
	u64 count = 0;
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_lock(run, &cpu->lock);
		count += cpu->list.count;
		plat_unlock(run, &cpu->lock);
	}
	return count;
}

static u64 shrinker_scan(struct policy_run *run, u64 nr)
{
	u64 done = 0;
	u32 i;

	for (i = 0; i < plat_nr_cpus(run) && done < nr; i++)
		done += drain(run, plat_cpu_state(run, i), 0, (u32)(nr - done));
	return done ? done : PLAT_SHRINK_STOP;
}

static void start(struct policy_run *run)
{
	struct state *state = plat_state(run);
	u32 i;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_lock_init(run, &cpu->lock);
		plat_work_init(run, &cpu->work, work_func);
	}
	state->shrinker.seeks = (u32)plat_param(run, SEEKS);
	state->shrinker.batch = (u32)plat_param(run, BATCH);
	state->shrinker.count = shrinker_count;
	state->shrinker.scan = shrinker_scan;
	plat_shrinker_register(run, &state->shrinker);
}

static void stop(struct policy_run *run)
{
	u32 i, seen;

	for (i = 0; i < plat_nr_cpus(run); i++) {
		struct cpu *cpu = plat_cpu_state(run, i);

		plat_work_cancel(run, &cpu->work);
		dead_list_post(run, take_out(run, cpu, &seen));
	}
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	struct cpu *cpu = plat_cpu_state(run, plat_cpu(run));
	u32 high = (u32)plat_param(run, HIGH);
	u32 count;

	(void)call;
	plat_lock(run, &cpu->lock);
	if (plat_param(run, COOKIES))
		object->word = plat_gp_snapshot(run); /* under the lock, so that cookies only grow */
	dead_list_add(run, &cpu->list, object);
	count = cpu->list.count;
	plat_unlock(run, &cpu->lock);

	if (count > high)
		drain(run, cpu, high * (u32)plat_param(run, LOW) / 100, count);
	else if (count == 1 && half_age_ns(run))
		plat_work_queue(run, &cpu->work, half_age_ns(run));
}

const struct policy policy_dead_list_shrinker = {
	.name = "dead_list_shrinker",
	.origin =
		"LKML, Baghdasaryan and Hocko, Jan 2023: a list kept for long needs a shrinker; cookies as kvfree_rcu",
	.summary = "long-lived per-CPU lists, drained by size, age or a shrinker",
	.params = params,
	.nr_params = POLICY_NR(params),
	.state_size = sizeof(struct state),
	.cpu_size = sizeof(struct cpu),
	.start = start,
	.stop = stop,
	.dispose = dispose,
};

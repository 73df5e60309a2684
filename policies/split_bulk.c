/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * split_bulk - two disposal functions: groups for munmap, one list with bulk free for exit.
 *
 * holds    munmap: fewer than `munmap_batch` objects per address space, on a list with a
 *          lock. exit: the objects of the call in progress, on a list local to it.
 * posts    munmap: a group of `munmap_batch`. exit: all at its end, and the partial group.
 * frees    munmap: object by object. exit: in arrays of `bulk_size`, sorted by address with
 *          `sorted`, because kmem_cache_free_bulk() gains only from neighbours in a slab.
 * bounds   `munmap_batch` bounds the space, nothing bounds the time of a partial group (with
 *          1 there is none). Nothing bounds the callback of an exit.
 */
#include "policy.h"

enum { MUNMAP_BATCH, BULK_SIZE, SORTED };

static const struct policy_param params[] = {
	[MUNMAP_BATCH] = { "munmap_batch", PARAM_INT, 1, 1024, true, 1, "objects",
			   "post a group of this many in munmap; 1: per object", NULL, NULL },
	[BULK_SIZE] = { "bulk_size", PARAM_INT, 1, DEAD_BULK_MAX, true, 16, "objects",
			"give this many at a time to kmem_cache_free_bulk()", NULL, NULL },
	[SORTED] = { "sorted", PARAM_BOOL, 0, 1, false, 0, "", "sort each array by address first", NULL,
		     NULL },
};

struct space { /* one address space */
	struct plat_lock lock;
	struct dead_list list; /* of munmap */
};

/* Shell sort: short, no stack, and little to do where the order is almost right. */
static void sort_by_address(struct policy_run *run, struct dead_object **array, u32 nr)
{
	static const u32 gaps[] = { 23, 10, 4, 1 };
	u32 compares = 0;
	u32 g, i, j;

	for (g = 0; g < POLICY_NR(gaps); g++) {
		for (i = gaps[g]; i < nr; i++) {
			struct dead_object *object = array[i];

			for (j = i; j >= gaps[g]; j -= gaps[g]) {
				compares++;
				if ((uintptr_t)array[j - gaps[g]] <= (uintptr_t)object)
					break;
				array[j] = array[j - gaps[g]];
			}
			array[j] = object;
		}
	}
	plat_charge(run, PLAT_COST_COMPARE, compares);
}

static void free_exit_list(struct policy_run *run, struct plat_rcu_head *head)
{
	struct dead_object *array[DEAD_BULK_MAX];
	struct dead_object *object = dead_of(head);
	u32 bulk_size = (u32)plat_param(run, BULK_SIZE);
	bool sorted = plat_param(run, SORTED);
	u32 nr;

	while (object) {
		for (nr = 0; object && nr < bulk_size; object = object->next)
			array[nr++] = object;
		plat_charge(run, PLAT_COST_WALK, nr);
		plat_charge(run, PLAT_COST_STORE, nr);
		if (sorted)
			sort_by_address(run, array, nr);
		plat_free_bulk(run, array, nr, DEAD_READY);
	}
}

static void drain_munmap(struct policy_run *run, struct space *space)
{
	struct dead_list list;

	plat_lock(run, &space->lock);
	list = dead_list_take(&space->list);
	plat_unlock(run, &space->lock);
	dead_list_post(run, list);
}

static void mm_start(struct policy_run *run, void *mm)
{
	struct space *space = mm;

	plat_lock_init(run, &space->lock);
}

static void mm_stop(struct policy_run *run, void *mm)
{
	drain_munmap(run, mm);
}

static void dispose_munmap(struct policy_run *run, struct space *space, struct dead_object *object)
{
	struct dead_list group = { NULL, NULL, 0 };
	s64 batch = plat_param(run, MUNMAP_BATCH);

	if (batch == 1) {
		plat_call_rcu(run, &object->rcu, dead_free_one, 1);
		return;
	}
	plat_lock(run, &space->lock);
	dead_list_add(run, &space->list, object);
	if (space->list.count >= batch)
		group = dead_list_take(&space->list);
	plat_unlock(run, &space->lock);
	dead_list_post(run, group);
}

static void dispose(struct policy_run *run, struct policy_call *call, struct dead_object *object)
{
	if (call->kind == CALL_EXIT)
		dead_list_add(run, &call->list, object);
	else
		dispose_munmap(run, call->mm, object);
}

static void call_end(struct policy_run *run, struct policy_call *call)
{
	struct dead_list list = dead_list_take(&call->list);

	if (call->kind != CALL_EXIT)
		return;
	if (plat_param(run, MUNMAP_BATCH) > 1)
		drain_munmap(run, call->mm);
	if (list.head)
		plat_call_rcu(run, &list.head->rcu, free_exit_list, list.count);
}

const struct policy policy_split_bulk = {
	.name = "split_bulk",
	.origin =
		"LKML, per-VMA locks discussion, Jan 2023: one disposal for munmap, another for exit, freed in bulk",
	.summary = "groups for munmap; exit posts one list and frees it in bulk",
	.params = params,
	.nr_params = POLICY_NR(params),
	.mm_size = sizeof(struct space),
	.mm_start = mm_start,
	.mm_stop = mm_stop,
	.dispose = dispose,
	.call_end = call_end,
};

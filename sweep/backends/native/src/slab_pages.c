/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab_pages.c - where slabs come from and go to: the page allocator, and the node's list of partial ones.
 *
 * Slab k is at slab_base + k * slab_bytes and its struct slab in an array, as pages and struct pages are.
 */
#include "slab.h"

u32 slab_number(const struct policy_run *run, const void *object)
{
	return (u32)((size_t)((const char *)object - run->slab_base) >> run->slab_shift);
}

/* ---- pages ---- */

u32 slab_new(struct policy_run *run)
{
	u32 number;

	lock_take(&run->pool_lock);
	number = run->pool;
	if (number != NO_SLAB)
		run->pool = run->slabs[number].next;
	else if (run->nr_slabs < run->max_slabs)
		number = run->nr_slabs++;
	lock_drop(&run->pool_lock);
	if (number == NO_SLAB)
		fail_configuration("no more than %u slabs were thought possible: please report this",
				   run->max_slabs);
	count(&here->count.slabs_allocated, 1);
	return number;
}

static void slab_release(struct policy_run *run, u32 number)
{
	struct slab *slab = &run->slabs[number];
	char *at = run->slab_base + ((size_t)number << run->slab_shift);

	for (s32 i = 0; run->typesafe && i < run->m.objects_per_slab; i++, at += run->m.object_bytes)
		atomic_store_explicit(&((struct object *)at)->canary, CANARY_GONE, memory_order_relaxed);
	log_event(here, stamp(here), FREED, SLAB_GONE, 1, number);
	count(&here->count.slabs_freed, 1);
	if (run->w.nr_pressure && slab->was_used)
		atomic_fetch_sub(&run->pinned_slabs, 1);
	slab->was_used = false;
	lock_take(&run->pool_lock);
	slab->next = run->pool;
	run->pool = number;
	lock_drop(&run->pool_lock);
}

static void rcu_free_slab(struct policy_run *run, struct plat_rcu_head *head)
{
	slab_release(run, slab_number(run, head));
}

/* discard_slab(): at once, or after a grace period where readers may still look (free_slab()). All objects of the
 * slab are free by then: the first one's memory carries the rcu_head. */
void slab_discard(struct policy_run *run, u32 number)
{
	struct object *first = slab_object(run, number, 1);

	if (!run->typesafe) {
		slab_release(run, number);
		return;
	}
	first->dead.rcu.func = rcu_free_slab;
	rcu_post(run, &first->dead.rcu, 0, run->m.lazy);
}

/* ---- the node's list, under list_lock ---- */

void node_partial_add(struct policy_run *run, u32 number)
{
	struct slab *slab = &run->slabs[number];

	slab->node_partial = true;
	slab->next = NO_SLAB;
	slab->prev = run->node_partial_tail;
	if (run->node_partial_tail != NO_SLAB)
		run->slabs[run->node_partial_tail].next = number;
	else
		run->node_partial_head = number;
	run->node_partial_tail = number;
	run->nr_node_partial++;
}

void node_partial_remove(struct policy_run *run, u32 number)
{
	struct slab *slab = &run->slabs[number];

	slab->node_partial = false;
	if (slab->prev != NO_SLAB)
		run->slabs[slab->prev].next = slab->next;
	else
		run->node_partial_head = slab->next;
	if (slab->next != NO_SLAB)
		run->slabs[slab->next].prev = slab->prev;
	else
		run->node_partial_tail = slab->prev;
	run->nr_node_partial--;
}

/* ---- beginning and end ---- */

/* What is alive at most at a time, at the rows' times. */
static u64 most_alive(const struct policy_run *run)
{
	s64 alive = 0, most = 0;

	for (s64 i = 0; i < run->w.nr_rows; i++) {
		if (run->w.kind[i] == ROW_FAULTS)
			continue;
		alive += run->w.kind[i] == ROW_ALLOC ? run->w.n[i] : -run->w.n[i];
		most = max_s64(most, alive);
	}
	return (u64)most;
}

#define SPARE_BYTES ((u64)16 << 20) /* for dead objects, and for slabs that are not full */

void slab_setup(struct policy_run *run)
{
	const u64 per_slab = (u64)run->m.objects_per_slab, bytes = (u64)run->m.slab_bytes;
	u64 ready = most_alive(run) / per_slab * bytes * 5 / 4 + SPARE_BYTES;

	run->slab_shift = (u32)__builtin_ctz((unsigned)run->m.slab_bytes);
	run->max_slabs = run->nr_cpus + 64 + run->nr_objects; /* at worst every object has one of its own */
	run->slab_memory = reserve(((size_t)run->max_slabs + 1) << run->slab_shift);
	run->slab_base = run->slab_memory + (-(uintptr_t)run->slab_memory & (bytes - 1));
	run->slabs = reserve(run->max_slabs * sizeof(struct slab));
	ready = (u64)min_s64((s64)ready, (s64)((u64)run->max_slabs << run->slab_shift));
	populate(run->slab_base, ready);
	populate(run->slabs, ready / bytes * sizeof(struct slab));
	run->pool = run->node_partial_head = run->node_partial_tail = NO_SLAB;
	for (u32 i = 0; i < run->nr_cpus; i++) {
		atomic_store(&run->cpus[i].slab.active, NO_SLAB);
		run->cpus[i].slab.partial = NO_SLAB;
	}
}

void slab_teardown(struct policy_run *run)
{
	unreserve(run->slab_memory, ((size_t)run->max_slabs + 1) << run->slab_shift);
	unreserve(run->slabs, run->max_slabs * sizeof(struct slab));
}

/* Every object that is in use is one that is alive; with no other thread left. */
void slab_check(struct policy_run *run, u64 alive)
{
	u64 used = 0;

	for (u32 i = 0; i < run->nr_slabs; i++)
		used += in_use(atomic_load(&run->slabs[i].state));
	for (u32 i = 0; i < run->nr_cpus; i++)
		for (struct object *o = run->cpus[i].slab.freelist; o; o = next_of(o))
			used--;
	if (used != alive)
		fail_configuration(
			"the slabs hold %llu objects, but %llu are alive: policy '%s' frees something "
			"that is not its own, or writes to what it has freed",
			(unsigned long long)used, (unsigned long long)alive, run->policy->name);
}

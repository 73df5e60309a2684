/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab.c - one SLUB cache in real memory, after mm/slub.c@6.12: an active slab with a free list of its own and a
 * list of partial slabs per CPU, one node with a partial list under list_lock. Sheaves, debugging, memcg accounting
 * and NUMA are left out, and with them their costs.
 */
#include "slab.h"

/* ---- allocation: with the CPU's lock held ---- */

/* A slab without objects in use becomes a chain of free ones, in order of address. */
static struct object *chain_all(struct policy_run *run, u32 number)
{
	struct object *first = slab_object(run, number, 1), *o = first;

	for (s32 i = 1; i < run->m.objects_per_slab; i++) {
		struct object *next = (struct object *)((char *)o + run->m.object_bytes);

		set_next(o, next);
		atomic_store_explicit(&o->canary, CANARY_FREED, memory_order_relaxed);
		o = next;
	}
	set_next(o, NULL);
	atomic_store_explicit(&o->canary, CANARY_FREED, memory_order_relaxed);
	atomic_store(&run->slabs[number].state, pack(0, (u64)run->m.objects_per_slab, FROZEN));
	return first;
}

/* get_freelist() of the active slab, freeze_slab() of a partial one: all that is free in it. An active slab without
 * any is let go. */
static struct object *take_freelist(struct policy_run *run, u32 number)
{
	struct slab *slab = &run->slabs[number];
	u64 old = atomic_load(&slab->state), new;

	do
		new = pack(0, (u64)run->m.objects_per_slab, old & FREE_MASK ? FROZEN : 0);
	while (!atomic_compare_exchange_weak(&slab->state, &old, new));
	return head_of(run, number, old);
}

/* get_partial_node(): one to be active, and half of what the CPU may keep. */
static u32 take_node_partial(struct policy_run *run, struct slab_cpu *sc)
{
	u32 number;

	take_counted(&run->list_lock);
	number = run->node_partial_head;
	if (number != NO_SLAB)
		node_partial_remove(run, number);
	while (run->node_partial_head != NO_SLAB && sc->nr_partial < (u32)run->m.cpu_partial_slabs / 2) {
		const u32 more = run->node_partial_head;

		node_partial_remove(run, more);
		run->slabs[more].next = sc->partial;
		sc->partial = more;
		sc->nr_partial++;
	}
	lock_drop(&run->list_lock);
	return number;
}

/* ___slab_alloc() */
static struct object *refill(struct policy_run *run, struct slab_cpu *sc)
{
	u32 number = atomic_load_explicit(&sc->active, memory_order_relaxed);
	struct object *list;

	if (number != NO_SLAB) {
		list = take_freelist(run, number);
		if (list)
			return list;
	}
	number = sc->partial;
	if (number != NO_SLAB) {
		sc->partial = run->slabs[number].next;
		sc->nr_partial--;
	} else {
		number = take_node_partial(run, sc);
	}
	if (number != NO_SLAB) {
		list = take_freelist(run, number);
	} else {
		number = slab_new(run);
		list = chain_all(run, number);
	}
	atomic_store_explicit(&sc->active, number, memory_order_relaxed);
	return list;
}

struct object *slab_alloc(struct policy_run *run, struct cpu *c)
{
	struct slab_cpu *sc = &c->slab;
	struct object *o;

	lock_take(&sc->lock);
	if (!sc->freelist)
		sc->freelist = refill(run, sc);
	o = sc->freelist;
	sc->freelist = next_of(o);
	lock_drop(&sc->lock);
	if (unlikely(run->w.nr_pressure)) {
		struct slab *slab = &run->slabs[slab_number(run, o)];

		if (!atomic_fetch_add(&slab->live, 1) && slab->was_used)
			atomic_fetch_sub(&run->pinned_slabs, 1);
		slab->was_used = true;
	}
	return o;
}

/* Only where memory pressure asks for it; the metric is worked out afterwards. */
void slab_unlinked(struct policy_run *run, u32 number)
{
	if (run->on_slab && atomic_fetch_sub(&run->slabs[number].live, 1) == 1)
		atomic_fetch_add(&run->pinned_slabs, 1);
}

/* ---- free ---- */

/* __put_partials(): a CPU's list is full, its slabs go to the node; empty ones are discarded when the node has
 * enough. */
static noinline void put_partials(struct policy_run *run, u32 number)
{
	u32 discard = NO_SLAB;

	take_counted(&run->list_lock);
	while (number != NO_SLAB) {
		struct slab *slab = &run->slabs[number];
		const u32 next = slab->next;

		if (!in_use(atomic_load(&slab->state)) && run->nr_node_partial >= (u32)run->m.min_partial) {
			slab->next = discard;
			discard = number;
		} else {
			node_partial_add(run, number);
		}
		number = next;
	}
	lock_drop(&run->list_lock);
	while (discard != NO_SLAB) {
		const u32 next = run->slabs[discard].next;

		slab_discard(run, discard);
		discard = next;
	}
}

/* put_cpu_partial(): what was full goes to this CPU's list. */
static noinline void put_cpu_partial(struct policy_run *run, struct slab_cpu *sc, u32 number)
{
	u32 full = NO_SLAB;

	lock_take(&sc->lock);
	if (sc->nr_partial >= (u32)run->m.cpu_partial_slabs) {
		full = sc->partial;
		sc->partial = NO_SLAB;
		sc->nr_partial = 0;
	}
	run->slabs[number].next = sc->partial;
	sc->partial = number;
	sc->nr_partial++;
	lock_drop(&sc->lock);
	if (full != NO_SLAB)
		put_partials(run, full);
}

/* With list_lock held: an empty slab on the node's list leaves it, if there are enough others. */
static bool leaves_node(struct policy_run *run, u32 number)
{
	if (!run->slabs[number].node_partial || run->nr_node_partial < (u32)run->m.min_partial)
		return false;
	node_partial_remove(run, number);
	return true;
}

/* __slab_free() */
static void free_slow(struct policy_run *run, struct slab_cpu *sc, const struct detached *d)
{
	const u32 number = d->slab;
	struct slab *slab = &run->slabs[number];
	u64 old = atomic_load(&slab->state), new;
	bool locked = false;

	do {
		if (locked)
			lock_drop(&run->list_lock);
		set_next(d->last, head_of(run, number, old));
		new = pack(place_of(run, number, d->first), in_use(old) - d->nr, old & FROZEN);
		locked = !in_use(new) && (old & FREE_MASK) && !(old & FROZEN);
		if (locked)
			take_counted(&run->list_lock);
	} while (!atomic_compare_exchange_weak(&slab->state, &old, new));
	if (locked) {
		bool gone = leaves_node(run, number);

		lock_drop(&run->list_lock);
		if (gone)
			slab_discard(run, number);
	} else if (!(old & FROZEN) && !(old & FREE_MASK)) {
		put_cpu_partial(run, sc, number);
	}
}

/* do_slab_free() */
void slab_free(struct policy_run *run, const struct detached *d)
{
	struct slab_cpu *sc = &cpu_here(run)->slab;

	if (atomic_load_explicit(&sc->active, memory_order_relaxed) == d->slab && lock_try(&sc->lock)) {
		const bool active = atomic_load_explicit(&sc->active, memory_order_relaxed) == d->slab;

		if (active) {
			set_next(d->last, sc->freelist);
			sc->freelist = d->first;
		}
		lock_drop(&sc->lock);
		if (active)
			return;
	}
	free_slow(run, sc, d);
}

/*
 * build_detached_freelist() of kmem_cache_free_bulk(): gathers objects of the last one's slab from the end of the
 * array, giving up at the third of another slab. Returns how many objects remain; the gathered ones have been moved
 * behind them, and chained.
 */
u32 slab_gather(struct policy_run *run, struct dead_object **p, u32 size, struct detached *d)
{
	struct object *last = (struct object *)p[--size];
	u32 same = size;
	int lookahead = 3;

	*d = (struct detached){ last, last, slab_number(run, last), 1 };
	while (size) {
		struct dead_object *candidate = p[--size];

		if (slab_number(run, candidate) == d->slab) {
			set_next((struct object *)candidate, d->first);
			d->first = (struct object *)candidate;
			d->nr++;
			same--;
			if (size != same) {
				p[size] = p[same];
				p[same] = candidate;
			}
			continue;
		}
		if (!--lookahead)
			break;
	}
	return same;
}

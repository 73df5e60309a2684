/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab.c - one SLUB cache in real memory, after mm/slub.c@6.12: an active slab with a free list of its own and a
 * list of partial slabs per CPU, one node with a partial list under list_lock.
 *
 * Slab k is at slab_base + k * slab_bytes and its struct slab in an array, as pages and struct pages are. A slab's
 * free list and counters change in one compare-and-swap, of one word: places instead of pointers. Sheaves,
 * debugging, memcg accounting and NUMA are left out, and with them their costs.
 */
#include "log.h"

#define FROZEN ((u64)1 << 32) /* it is some CPU's active slab */

static struct object *head_of(struct policy_run *run, u32 number, u64 state)
{
	const u64 place = state & 0xffff; /* from 1; 0: none */

	return place ? (struct object *)(run->slab_base + ((size_t)number << run->slab_shift) +
					 (place - 1) * (size_t)run->m.object_bytes) :
		       NULL;
}

static u64 place_of(struct policy_run *run, u32 number, const struct object *o)
{
	const size_t offset =
		(size_t)((const char *)o - run->slab_base) - ((size_t)number << run->slab_shift);

	return offset / (u32)run->m.object_bytes + 1;
}

static u32 in_use(u64 state)
{
	return (u32)(state >> 16) & 0xffff;
}

static u64 pack(u64 place, u64 in_use, u64 frozen)
{
	return place | in_use << 16 | frozen;
}

static struct object *next_of(const struct object *o)
{
	return (struct object *)o->dead.rcu.next;
}

static void set_next(struct object *o, struct object *next)
{
	o->dead.rcu.next = (struct plat_rcu_head *)next;
}

u32 slab_number(const struct policy_run *run, const void *object)
{
	return (u32)((size_t)((const char *)object - run->slab_base) >> run->slab_shift);
}

/* ---- pages ---- */

static u32 slab_new(struct policy_run *run)
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
static void slab_discard(struct policy_run *run, u32 number)
{
	struct object *first = head_of(run, number, 1);

	if (!run->typesafe) {
		slab_release(run, number);
		return;
	}
	first->dead.rcu.func = rcu_free_slab;
	rcu_post(run, &first->dead.rcu, 0, run->m.lazy);
}

/* ---- the node's list, under list_lock ---- */

static void node_partial_add(struct policy_run *run, u32 number)
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

static void node_partial_remove(struct policy_run *run, u32 number)
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

/* ---- allocation: with the CPU's lock held ---- */

/* A slab without objects in use becomes a chain of free ones, in order of address. */
static struct object *chain_all(struct policy_run *run, u32 number)
{
	struct object *first = head_of(run, number, 1), *o = first;

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
		new = pack(0, (u64)run->m.objects_per_slab, old & 0xffff ? FROZEN : 0);
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
		locked = !in_use(new) && (old & 0xffff) && !(old & FROZEN);
		if (locked)
			take_counted(&run->list_lock);
	} while (!atomic_compare_exchange_weak(&slab->state, &old, new));
	if (locked) {
		bool gone = leaves_node(run, number);

		lock_drop(&run->list_lock);
		if (gone)
			slab_discard(run, number);
	} else if (!(old & FROZEN) && !(old & 0xffff)) {
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slab.c - one SLUB cache, after mm/slub.c@6.12: an active slab and a list of partial slabs
 * per CPU, one node with a partial list under list_lock.
 *
 * Slabs are numbered, and object i of slab k has place k * objects_per_slab + i in one
 * reserved range of addresses: address order is allocation order, the same on every machine.
 */
#include "sim.h"

#include <stdlib.h>
#include <sys/mman.h>

#define COMMIT_STEP ((size_t)4 << 20)

void slab_setup(sim *s)
{
	size_t slabs = (size_t)s->m.nr_cpus + 64;

	for (s64 i = 0; i < s->w.nr_rows; i++)
		if (s->w.kind[i] == ROW_ALLOC)
			slabs += (size_t)max_s64(s->w.n[i], 0); /* at worst one slab per object */
	s->objects_reserved = slabs * (size_t)s->m.objects_per_slab * sizeof(struct object);
	s->objects = mmap(NULL, s->objects_reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);
	if (s->objects == MAP_FAILED) {
		s->objects = NULL;
		sim_fail(s, "cannot reserve %zu bytes of addresses for the objects", s->objects_reserved);
	}
	s->unused_slabs = NO_SLAB;
	s->node_partial_head = s->node_partial_tail = NO_SLAB;
	for (s32 i = 0; i < s->nr_contexts; i++)
		s->cpus[i].slab = (struct slab_cpu){ NO_SLAB, NO_SLAB, 0 };
}

void slab_teardown(sim *s)
{
	if (s->objects)
		munmap(s->objects, s->objects_reserved);
}

static u32 slab_new(sim *s)
{
	u32 number = s->unused_slabs;

	s->r.slabs_allocated++;
	if (number != NO_SLAB) {
		s->unused_slabs = s->slabs[number].next;
	} else {
		s64 room = s->room_slabs;
		size_t need;

		number = s->nr_slabs++;
		s->slabs = sim_grow(s, s->slabs, &room, s->nr_slabs, sizeof(*s->slabs));
		s->room_slabs = (u32)room;
		need = (size_t)s->nr_slabs * (size_t)s->m.objects_per_slab * sizeof(struct object);
		if (need > s->objects_usable) {
			size_t usable = (need + COMMIT_STEP - 1) / COMMIT_STEP * COMMIT_STEP;

			if (usable > s->objects_reserved)
				usable = s->objects_reserved;
			if (mprotect(s->objects, usable, PROT_READ | PROT_WRITE))
				sim_fail(s, "out of memory: %zu bytes for the objects", usable);
			s->objects_usable = usable;
		}
	}
	s->slabs[number] = (struct slab){ .next = NO_SLAB, .prev = NO_SLAB };
	return number;
}

static void node_partial_add(sim *s, u32 number)
{
	struct slab *slab = &s->slabs[number];

	slab->place = SLAB_NODE_PARTIAL;
	slab->next = NO_SLAB;
	slab->prev = s->node_partial_tail;
	if (s->node_partial_tail != NO_SLAB)
		s->slabs[s->node_partial_tail].next = number;
	else
		s->node_partial_head = number;
	s->node_partial_tail = number;
	s->nr_node_partial++;
}

static void node_partial_remove(sim *s, u32 number)
{
	struct slab *slab = &s->slabs[number];

	if (slab->prev != NO_SLAB)
		s->slabs[slab->prev].next = slab->next;
	else
		s->node_partial_head = slab->next;
	if (slab->next != NO_SLAB)
		s->slabs[slab->next].prev = slab->prev;
	else
		s->node_partial_tail = slab->prev;
	s->nr_node_partial--;
}

/* The pages are back in the page allocator. */
static void slab_release(sim *s, u32 number)
{
	struct slab *slab = &s->slabs[number];

	account(s, ACCOUNT_PINNED, s->now, -s->m.slab_bytes);
	s->r.slabs_freed++;
	slab->place = SLAB_NONE;
	slab->next = s->unused_slabs;
	s->unused_slabs = number;
}

static void rcu_free_slab(struct policy_run *s, struct plat_rcu_head *head)
{
	s->now += s->m.slab_discard_ps;
	slab_release(s, ((struct object *)head)->slab);
}

/* discard_slab(): at once, or after a grace period where readers may still look (free_slab()).
 * All objects of the slab are free by then: the first one's memory carries the rcu_head. */
static void slab_discard(sim *s, u32 number)
{
	s->slabs[number].place = SLAB_DISCARDED;
	if (s->policy->flags & POLICY_TYPESAFE) {
		struct object *first = &s->objects[(size_t)number * (size_t)s->m.objects_per_slab];

		first->slab = number;
		first->dead.rcu.func = rcu_free_slab;
		rcu_post(s, &first->dead.rcu, 0, s->m.lazy);
		return;
	}
	s->now += s->m.slab_discard_ps;
	slab_release(s, number);
}

static bool has_room(sim *s, const struct slab *slab)
{
	return slab->in_use < (u32)s->m.objects_per_slab;
}

/* ___slab_alloc(): the CPU's partial slabs, the node's (get_partial_node(): half of what the
 * CPU may keep), a new one. */
static u32 next_active(sim *s, struct slab_cpu *sc)
{
	u32 number = sc->partial;

	if (number != NO_SLAB) {
		sc->partial = s->slabs[number].next;
		sc->nr_partial--;
		return number;
	}
	number = s->node_partial_head;
	if (number == NO_SLAB)
		return slab_new(s);
	node_partial_remove(s, number);
	while (s->node_partial_head != NO_SLAB && sc->nr_partial < (u32)s->m.cpu_partial_slabs / 2) {
		u32 more = s->node_partial_head;

		node_partial_remove(s, more);
		s->slabs[more].place = SLAB_CPU_PARTIAL;
		s->slabs[more].next = sc->partial;
		sc->partial = more;
		sc->nr_partial++;
	}
	return number;
}

struct object *slab_alloc(sim *s, struct cpu *c)
{
	struct slab_cpu *sc = &c->slab;
	struct slab *slab = NULL;
	struct object *o;

	if (sc->active != NO_SLAB)
		slab = &s->slabs[sc->active];
	if (!slab || !has_room(s, slab)) {
		if (slab)
			slab->place = SLAB_FULL;
		sc->active = next_active(s, sc);
		slab = &s->slabs[sc->active];
		slab->place = SLAB_ACTIVE;
		slab->touched_by = (uint16_t)c->id;
	}
	o = slab->free;
	if (o)
		slab->free = (struct object *)o->dead.next;
	else
		o = &s->objects[(size_t)sc->active * (size_t)s->m.objects_per_slab + slab->virgin++];
	if (!slab->live && slab->was_used)
		account(s, ACCOUNT_PINNED, s->now, -s->m.slab_bytes);
	slab->was_used = true;
	slab->in_use++;
	slab->live++;
	o->slab = sc->active;
	o->state = OBJECT_LIVE;
	return o;
}

void slab_unlink(sim *s, struct object *o)
{
	if (!--s->slabs[o->slab].live)
		account(s, ACCOUNT_PINNED, s->now, s->m.slab_bytes);
}

/* put_partials(): a CPU's list is full, its slabs go to the node; empty ones are discarded
 * when the node has enough. */
static void flush_cpu_partial(sim *s, struct slab_cpu *sc)
{
	u32 number = sc->partial;

	sim_lock_take(s, &s->list_lock, s->m.list_lock_ps);
	sim_lock_drop(s, &s->list_lock);
	sc->partial = NO_SLAB;
	sc->nr_partial = 0;
	while (number != NO_SLAB) {
		u32 next = s->slabs[number].next;

		if (!s->slabs[number].in_use && s->nr_node_partial >= (u32)s->m.min_partial)
			slab_discard(s, number);
		else
			node_partial_add(s, number);
		number = next;
	}
}

/* __slab_free() of `nr` objects of one slab. */
static void slab_free_group(sim *s, u32 number, u32 nr)
{
	struct slab *slab = &s->slabs[number];
	struct slab_cpu *sc = &s->cpus[s->cpu->id].slab;
	bool was_full = !has_room(s, slab);

	if (number == sc->active)
		s->now += s->m.free_fast_ps;
	else if (slab->touched_by == s->cpu->id)
		s->now += s->m.free_slow_ps;
	else
		s->now += s->m.free_remote_ps;
	slab->touched_by = (uint16_t)s->cpu->id;
	slab->in_use -= nr;
	if (slab->place == SLAB_FULL && was_full) {
		if (sc->nr_partial >= (u32)s->m.cpu_partial_slabs)
			flush_cpu_partial(s, sc);
		slab->place = SLAB_CPU_PARTIAL;
		slab->next = sc->partial;
		sc->partial = number;
		sc->nr_partial++;
	} else if (slab->place == SLAB_NODE_PARTIAL && !slab->in_use &&
		   s->nr_node_partial >= (u32)s->m.min_partial) {
		sim_lock_take(s, &s->list_lock, s->m.list_lock_ps);
		node_partial_remove(s, number);
		sim_lock_drop(s, &s->list_lock);
		slab_discard(s, number);
	}
}

static void to_free_list(sim *s, struct object *o)
{
	struct slab *slab = &s->slabs[o->slab];

	o->state = OBJECT_FREE;
	o->dead.next = (struct dead_object *)slab->free;
	slab->free = o;
}

void slab_free_object(sim *s, struct object *o)
{
	u32 number = o->slab;

	s->now += s->m.free_hook_ps;
	to_free_list(s, o);
	slab_free_group(s, number, 1);
}

/*
 * One turn of kmem_cache_free_bulk(): build_detached_freelist() gathers objects of the last
 * one's slab from the end of the array, giving up at the third of another slab. Returns how
 * many objects remain; the gathered ones have been moved behind them, and freed.
 */
u32 slab_free_detached(sim *s, struct dead_object **p, u32 size)
{
	u32 number = ((struct object *)p[--size])->slab, same = size, nr = 1;
	int lookahead = 3;

	while (size) {
		struct dead_object *candidate = p[--size];

		s->now += s->m.free_bulk_object_ps;
		if (((struct object *)candidate)->slab == number) {
			nr++;
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
	for (u32 i = 0; i < nr; i++)
		to_free_list(s, (struct object *)p[same + i]);
	s->now += nr * s->m.free_hook_ps;
	slab_free_group(s, number, nr);
	return same;
}
